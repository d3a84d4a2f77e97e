"""48. Customise: "customize ... our Services"."""

from sqlalchemy import insert

from livecore.library.tables import video_view
from tests.feed.seeding import seed_videos
from tests.people import Person
from tests.serving import Server


async def watched(server: Server, person: Person, video_ids: list[str]) -> None:
    """As if the person had watched these an hour ago: a test cannot wait for it."""
    at_ms = server.app.clock.at_ms() - 3_600_000
    rows = [
        {"video_id": video_id, "account_id": person.id, "views": 1, "watched_ms": 30_000, "first_ms": at_ms, "last_ms": at_ms}
        for video_id in video_ids
    ]
    async with server.app.db.write() as conn:
        await conn.execute(insert(video_view), rows)


async def order(person: Person) -> list[str]:
    answer = await person.get("/api/v1/feed?scope=discover&limit=50")
    assert answer.status == 200, answer
    return [item["owner"]["username"] for item in answer.json["items"]]


async def test_48_the_feed_differs_by_what_one_watched_and_is_plain_for_who_wants_it_so(server: Server) -> None:
    anna, ben, cook, gamer = [await server.person(name) for name in ("anna", "ben", "cook", "gamer")]
    # The gamer's videos are the newer ones: by time they come first.
    cooking = await seed_videos(server, cook, 12, title="bread #cooking", tags="cooking")
    await seed_videos(server, gamer, 12, title="level #games", tags="games")
    plain = [item["id"] for item in (await ben.get("/api/v1/feed?scope=discover&limit=50")).json["items"]]
    await watched(server, anna, cooking[:6])
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
