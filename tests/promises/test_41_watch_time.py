"""41. Watch time: "watched particular images, text messages and videos for a certain period of time"."""

from pathlib import Path
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.library.sending import settled
from tests.library.test_replays import replay_of
from tests.people import Person
from tests.serving import Server

LENGTH_S = 60


@pytest.fixture
async def clocked_server(start_server: StartServer) -> Server:
    return await start_server(clock=FakeClock())


async def beat(person: Person, video_id: str, seconds: float, **more: Any) -> dict[str, Any]:
    answer = await person.post(f"/api/v1/videos/{video_id}/views", {"seconds": seconds} | more)
    assert answer.status == 201, answer
    return dict(answer.json)


async def watched_s(server: Server, video_id: str) -> float:
    return float((await server.app.videos.row(video_id))["watched_ms"]) / 1000


async def test_41_heartbeats_are_summed_and_capped_by_the_clock(clocked_server: Server) -> None:
    server = clocked_server
    anna, ben = await server.person("anna"), await server.person("ben")
    (video_id,) = await seed_videos(server, anna, 1)
    await beat(ben, video_id, 10)
    for _ in range(2):
        server.clock.advance(10)
        await beat(ben, video_id, 10)
    assert await watched_s(server, video_id) == 30
    server.clock.advance(5)
    await beat(ben, video_id, 3600)  # five seconds went by
    assert await watched_s(server, video_id) == 35


async def test_41_neither_replays_nor_scripts_inflate_it(clocked_server: Server) -> None:
    server = clocked_server
    anna, ben = await server.person("anna"), await server.person("ben")
    video_id, other_id = await seed_videos(server, anna, 2)
    for _ in range(50):
        await beat(ben, video_id, 86_400)
    assert await watched_s(server, video_id) <= 15
    # Over and over, at the clock's pace: no more than its length, and one view a day.
    for _ in range(30):
        server.clock.advance(10)
        counters = await beat(ben, video_id, 10)
    assert await watched_s(server, video_id) == LENGTH_S
    assert counters["views"] == 1
    # Two at once share the clock.
    before = await watched_s(server, other_id)
    for _ in range(4):
        server.clock.advance(5)
        await beat(ben, video_id, 5)
        await beat(ben, other_id, 5)
    assert await watched_s(server, other_id) - before <= 20
    # One's own is not counted.
    assert (await beat(anna, video_id, 10))["views"] == 1


async def test_41_a_creator_sees_numbers_of_groups_only(clocked_server: Server) -> None:
    server = clocked_server
    anna = await server.person("anna")
    viewers = [await server.person(f"viewer{n}") for n in range(5)]
    (video_id,) = await seed_videos(server, anna, 1)
    for number, viewer in enumerate(viewers):
        await beat(viewer, video_id, 12, position_s=12, source="feed" if number < 4 else "link")
        found = (await anna.get(f"/api/v1/videos/{video_id}/insights")).json
        if number < 4:
            assert (found["viewers"], found["watched_s"], found["retention"]) == (None, None, None)
            assert set(found["sources"]) == {"other"}
    assert (found["views"], found["viewers"], found["watched_s"], found["average_watched_s"]) == (5, 5, 60.0, 12.0)
    assert found["retention"] == [1.0] * 4 + [0.0] * 16
    assert found["sources"] == {"feed": 4, "other": 1}
    assert (await viewers[0].get(f"/api/v1/videos/{video_id}/insights")).status == 403


async def test_41_a_replay_of_a_live_watched_again_and_again_counts_its_length_once(clocked_server: Server, tmp_path: Path) -> None:
    server = clocked_server
    anna = await server.person("anna")
    viewers = [await server.person(f"viewer{n}") for n in range(5)]
    replay = await replay_of(server, anna, tmp_path)
    replay = await settled(anna, f"/api/v1/videos/{replay['id']}")
    length_s = replay["duration_s"]
    assert length_s > 0
    for _ in range(4):
        server.clock.advance(10)
        for viewer in viewers:
            counters = await beat(viewer, replay["id"], 10, position_s=length_s)
    assert counters["views"] == 5
    found = (await anna.get(f"/api/v1/videos/{replay['id']}/insights")).json
    assert (found["views"], found["viewers"]) == (5, 5)
    assert found["watched_s"] == pytest.approx(5 * length_s, abs=0.1)
    assert max(found["retention"]) <= 1
