"""48. Customise: "customize ... our Services"."""

from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.people import Person
from tests.promises.test_41_watch_time import beat
from tests.serving import Server


async def watch(server: Server, person: Person, video_ids: list[str]) -> None:
    """Half a minute of each, as a player reports it; the clock is the test's."""
    for video_id in video_ids:
        await beat(person, video_id, 0, source="feed")
        for position_s in (10, 20, 30):
            server.clock.advance(10)
            await beat(person, video_id, 10, position_s=position_s, source="feed")


async def order(person: Person) -> list[str]:
    answer = await person.get("/api/v1/feed?scope=discover&limit=50")
    assert answer.status == 200, answer
    return [item["owner"]["username"] for item in answer.json["items"]]


async def test_48_the_feed_differs_by_what_one_watched_and_is_plain_for_who_wants_it_so(start_server: StartServer) -> None:
    server = await start_server(clock=FakeClock())
    anna, ben, cook, gamer = [await server.person(name) for name in ("anna", "ben", "cook", "gamer")]
    # The gamer's videos are the newer ones: by time they come first.
    cooking = await seed_videos(server, cook, 12, title="bread #cooking", tags="cooking")
    games = await seed_videos(server, gamer, 12, title="level #games", tags="games")
    plain = [item["id"] for item in (await ben.get("/api/v1/feed?scope=discover&limit=50")).json["items"]]
    await watch(server, anna, cooking[:6])
    await watch(server, ben, games[:6])
    assert (await order(anna))[0] == "cook"
    assert (await order(ben))[0] == "gamer"
    explained = (await anna.get("/api/v1/feed?scope=discover&limit=50&explain=true")).json
    assert "interests" in explained["reasons"][explained["items"][0]["id"]]
    # Switched off, it is plain by time, the same for everybody.
    for setting in ({"personalised": False}, {"personalised": True, "restrict": True}):
        assert (await anna.patch("/api/v1/me/settings", setting)).status == 200
        page = (await anna.get("/api/v1/feed?scope=discover&limit=50&explain=true")).json
        times = [item["published_at"] for item in page["items"]]
        assert times == sorted(times, reverse=True)
        assert not any(page["reasons"].values())
    assert len(plain) == 24


async def test_48_what_does_not_interest_is_not_shown_and_its_like_comes_less(server: Server) -> None:
    anna, cook, gamer = [await server.person(name) for name in ("anna", "cook", "gamer")]
    await seed_videos(server, cook, 6)
    games = await seed_videos(server, gamer, 6)
    assert (await order(anna))[0] == "gamer"
    assert (await anna.put(f"/api/v1/feed/not-interested/{games[-1]}")).status == 204
    ids = [item["id"] for item in (await anna.get("/api/v1/feed?scope=discover&limit=50")).json["items"]]
    assert games[-1] not in ids
    assert (await order(anna))[:3] == ["cook"] * 3
