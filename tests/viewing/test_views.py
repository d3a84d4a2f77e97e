"""What is kept of views: nothing of who limits the use of their data, and nothing once the viewer or what was viewed is gone."""

from collections.abc import Mapping

from sqlalchemy import func, select

from livecore.viewing.tables import content_part, content_source, content_view
from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.lives.test_announcing import goes_live
from tests.people import Person
from tests.promises.test_41_watch_time import beat, text_post
from tests.serving import Server


async def kept(server: Server) -> Mapping[str, int]:
    async with server.app.db.read() as conn:
        tables = (content_view, content_part, content_source)
        return {table.name: (await conn.execute(select(func.count()).select_from(table))).scalar_one() for table in tables}


async def content_of(server: Server, owner: Person) -> list[str]:
    (video_id,) = await seed_videos(server, owner, 1)
    return [video_id, await text_post(owner), f"lives/{await goes_live(server, owner)}"]


async def test_nothing_of_habits_is_written_under_restriction(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.patch("/api/v1/me/settings", {"restrict": True})).status == 200
    content = await content_of(server, anna)
    for one in content * 2:
        assert (await beat(ben, one, 1, source="feed"))["views"] == 0
    assert not any((await kept(server)).values())
    page = (await ben.get("/api/v1/feed?scope=discover&explain=1")).json
    assert len(page["items"]) == 3
    assert not any(page["reasons"].values())


async def test_views_go_with_their_viewer_and_with_what_was_viewed(start_server: StartServer) -> None:
    server = await start_server(clock=FakeClock(), hls=False)
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    content = await content_of(server, anna)
    server.clock.advance(30)
    for viewer in (ben, cara):
        for one in content:
            server.clock.advance(2)
            await beat(viewer, one, 2)
    assert (await kept(server))["content_view"] == 6
    await server.app.erasure.erase(cara.id)
    assert (await kept(server))["content_view"] == 3
    assert (await ben.get(f"/api/v1/{content[1]}")).json["views"] == 2  # a number of nobody
    assert (await anna.delete(f"/api/v1/{content[1]}")).status == 204
    assert (await kept(server))["content_view"] == 2
    await server.app.erasure.erase(anna.id)
    assert not any((await kept(server)).values())


async def test_what_was_read_to_its_end_comes_later_and_its_like_sooner(start_server: StartServer) -> None:
    server = await start_server(clock=FakeClock(), hls=False)
    anna, baker, gamer = [await server.person(name) for name in ("anna", "baker", "gamer")]
    read = []
    for author, text in ((baker, "Bread #bread"), (gamer, "Level one #games"), (baker, "More #bread"), (gamer, "Level two #games")):
        read.append((await author.post("/api/v1/posts", {"text": text})).json["id"])
        server.clock.advance(1)

    async def order() -> list[str]:
        return [item["id"] for item in (await anna.get("/api/v1/feed?scope=discover")).json["items"]]

    assert await order() == read[::-1]
    server.clock.advance(10)
    await beat(anna, f"posts/{read[2]}", 10, source="feed")
    found = await order()
    assert (found[0], found[-1]) == (read[0], read[2])
    explained = (await anna.get("/api/v1/feed?scope=discover&explain=1")).json["reasons"]
    assert "interests" in explained[read[0]]
