"""Who hears that somebody went live."""

import pytest
from sqlalchemy import insert

from livecore.lives import announcing
from livecore.people.tables import follow
from livecore.ports import Job
from tests.conftest import StartServer
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def goes_live(server: Server, host: Person, *, announce: bool = True, **body: str) -> str:
    made = await host.post("/api/v1/lives", {"title": "Hello"} | body)
    assert made.status == 201, made
    live_id = str(made.json["id"])
    if announce:
        await server.app.course.publication_up(live_id, await server.app.publications.host_publication(live_id), "VP8")
    return live_id


async def told(person: Person) -> list[str]:
    notices = (await person.get("/api/v1/me/notices")).json["items"]
    return [notice["data"]["live"] for notice in notices if notice["kind"] == "live"]


async def hears_of(person: Person, live_id: str) -> None:
    async def heard() -> bool:
        return live_id in await told(person)

    await until(heard, f"the notice of {person.username}")


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    return await start_server(hls=False)


async def test_friends_and_followers_hear_once_of_a_live_that_they_may_watch(server: Server) -> None:
    host, friend, follower, blocked, silent, stranger, muting = [
        await server.person(name) for name in ("host", "fred", "fola", "bob", "sil", "str", "mute")
    ]
    await server.befriend(host, friend)
    for one in (friend, follower, blocked, silent, muting):
        assert (await one.put("/api/v1/follows/host")).status in (200, 204)
    await host.put("/api/v1/blocks/bob")
    assert (await muting.put("/api/v1/feed/muted/host")).status == 204
    assert (await silent.patch("/api/v1/me/settings", {"notify_lives": False})).status == 200
    for body, hears in (({}, [friend, follower]), ({"visibility": "friends"}, [friend]), ({"visibility": "nobody"}, [])):
        live_id = await goes_live(server, host, **body)
        # Told again, as after a lost connection: nobody hears of it twice.
        await server.app.course.publication_up(live_id, await server.app.publications.host_publication(live_id), "VP8")
        for one in hears:
            await hears_of(one, live_id)
        await until(server.app.jobs.idle, "the announcing")
        for one in (host, friend, follower, blocked, silent, stranger, muting):
            assert (await told(one)).count(live_id) == (one in hears), (one.username, body)
        await host.post(f"/api/v1/lives/{live_id}/end")


async def test_more_followers_than_a_page_all_hear(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "PAGE", 2)
    host = await server.person("host")
    followers = [await server.person() for _ in range(5)]
    async with server.app.db.write() as conn:
        await conn.execute(insert(follow), [{"follower_id": one.id, "followed_id": host.id, "created_ms": 1} for one in followers])
    live_id = await goes_live(server, host)
    for one in followers:
        await hears_of(one, live_id)
    assert [await told(one) for one in followers] == [[live_id]] * 5


async def test_a_live_that_is_over_is_no_news(server: Server) -> None:
    host, follower = await server.person("host"), await server.person("fola")
    await follower.put("/api/v1/follows/host")
    live_id = await goes_live(server, host, announce=False)
    await host.post(f"/api/v1/lives/{live_id}/end")
    await server.app.announcing._run(Job("j", announcing.ANNOUNCE, {"live": live_id}, 1))
    assert await told(follower) == []
