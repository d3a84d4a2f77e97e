"""41. Watch time: "watched particular images, text messages and videos for a certain period of time"."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.library.sending import send, settled
from tests.library.test_replays import replay_of
from tests.lives.test_announcing import goes_live
from tests.people import Person
from tests.serving import Server

LENGTH_S = 60
# What a text of a hundred letters takes to be read, and a picture to be seen (feed/viewed.py).
TEXT = "word " * 19 + "words"
TEXT_S, PICTURE_S = 4.2, 8.0


@pytest.fixture
async def clocked_server(start_server: StartServer) -> Server:
    return await start_server(clock=FakeClock(), hls=False)


async def beat(person: Person, content: str, seconds: float, **more: Any) -> dict[str, Any]:
    """`content`: a video's id, or "posts/ID", "lives/ID"."""
    path = content if "/" in content else f"videos/{content}"
    answer = await person.post(f"/api/v1/{path}/views", {"seconds": seconds} | more)
    assert answer.status == 201, answer
    return dict(answer.json)


async def audience(server: Server, count: int = 5) -> list[Person]:
    """So many that their numbers are shown."""
    return [await server.person(f"viewer{n}") for n in range(count)]


async def seen_by_all(viewers: list[Person], content: str, seconds: float, **more: Any) -> None:
    for viewer in viewers:
        await beat(viewer, content, seconds, **more)


async def insights(owner: Person, content: str) -> dict[str, Any]:
    answer = await owner.get(f"/api/v1/{content if '/' in content else f'videos/{content}'}/insights")
    assert answer.status == 200, answer
    return dict(answer.json)


async def picture_post(author: Person) -> str:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    path = await send(author, picture.getvalue(), filetype="image/png", purpose="image")
    answer = await author.post("/api/v1/posts", {"images": [path.rpartition("/")[2]]})
    assert answer.status == 201, answer
    return f"posts/{answer.json['id']}"


async def text_post(author: Person) -> str:
    answer = await author.post("/api/v1/posts", {"text": TEXT})
    assert answer.status == 201, answer
    return f"posts/{answer.json['id']}"


async def test_41_heartbeats_are_summed_and_capped_by_the_clock(clocked_server: Server) -> None:
    server = clocked_server
    anna, viewers = await server.person("anna"), await audience(server)
    (video_id,) = await seed_videos(server, anna, 1)
    await seen_by_all(viewers, video_id, 10)
    for _ in range(2):
        server.clock.advance(10)
        await seen_by_all(viewers, video_id, 10)
    assert (await insights(anna, video_id))["average_watched_s"] == 30
    server.clock.advance(5)
    await seen_by_all(viewers, video_id, 3600)  # five seconds went by
    assert (await insights(anna, video_id))["average_watched_s"] == 35


async def test_41_neither_replays_nor_scripts_inflate_it(clocked_server: Server) -> None:
    server = clocked_server
    anna, viewers = await server.person("anna"), await audience(server)
    video_id, other_id = await seed_videos(server, anna, 2)
    for _ in range(10):
        await seen_by_all(viewers, video_id, 86_400)
    assert (await insights(anna, video_id))["average_watched_s"] <= 15
    # Over and over, at the clock's pace: no more than its length, and one view a day.
    for _ in range(8):
        server.clock.advance(10)
        await seen_by_all(viewers, video_id, 10)
    found = await insights(anna, video_id)
    assert (found["average_watched_s"], found["views"]) == (LENGTH_S, 5)
    # Two at once share the clock, whatever they are.
    live = f"lives/{await goes_live(server, anna)}"
    for _ in range(4):
        server.clock.advance(5)
        for viewer in viewers:
            await beat(viewer, live, 5)
            await beat(viewer, other_id, 5)
    both = [(await insights(anna, one))["average_watched_s"] for one in (live, other_id)]
    assert sum(both) <= 20
    # One's own is not counted.
    assert (await beat(anna, video_id, 10))["views"] == 5


@pytest.mark.postgres
async def test_41_many_reports_at_once_count_no_more_than_one(start_server: StartServer, postgres_url: str) -> None:
    server = await start_server(clock=FakeClock(), hls=False, database_url=postgres_url)
    anna, viewers = await server.person("anna"), await audience(server)
    live = f"lives/{await goes_live(server, anna)}"
    content = [live, *await seed_videos(server, anna, 2), await text_post(anna)]
    server.clock.advance(12)
    for viewer in viewers:
        await asyncio.gather(*(beat(viewer, one, 60) for one in content * 4))
    found = [await insights(anna, one) for one in content]
    assert [one["views"] for one in found] == [5] * 4
    assert sum(one["average_watched_s"] for one in found) <= 15


async def test_41_texts_and_pictures_are_watched_for_what_they_take_to_be_read_and_seen(clocked_server: Server) -> None:
    server = clocked_server
    anna, viewers = await server.person("anna"), await audience(server)
    for make, length_s in ((text_post, TEXT_S), (picture_post, PICTURE_S)):
        content = await make(anna)
        for number, viewer in enumerate(viewers):
            await beat(viewer, content, 3, source="feed" if number < 4 else "profile")
        if make is text_post:
            # What is counted goes on from what was told before.
            assert (await insights(anna, content))["average_watched_s"] == 3
        for _ in range(5):
            server.clock.advance(10)
            await seen_by_all(viewers, content, 10)
        found = await insights(anna, content)
        assert (found["views"], found["viewers"], found["reading_s"]) == (5, 5, length_s)
        assert found["average_watched_s"] == pytest.approx(length_s, abs=0.1)
        assert found["sources"] == {"feed": 4, "other": 1}
        assert (await viewers[0].get(f"/api/v1/{content}")).json["views"] == 5
        assert (await viewers[0].get(f"/api/v1/{content}/insights")).status == 403
        # Whoever may not read it does not report it either.
        await anna.put("/api/v1/blocks/viewer4")
        assert (await viewers[4].post(f"/api/v1/{content}/views", {"seconds": 3})).status == 404
        await anna.delete("/api/v1/blocks/viewer4")


async def test_41_a_host_sees_who_stayed_in_a_running_live_and_what_it_was_watched(clocked_server: Server) -> None:
    server = clocked_server
    anna, viewers = await server.person("anna"), await audience(server)
    live_id = await goes_live(server, anna, announce=False)
    live = f"lives/{live_id}"
    early = await viewers[0].post(f"/api/v1/{live}/views", {"seconds": 10})
    assert (early.status, early.type) == (409, "not_begun")
    await server.app.course.publication_up(live_id, await server.app.publications.host_publication(live_id), "VP8")
    await seen_by_all(viewers, live, 86_400, source="feed")  # nothing went by yet
    # Two minutes with all five, two more with one who stays.
    for there in (viewers, viewers[:1]):
        for _ in range(12):
            server.clock.advance(10)
            await seen_by_all(there, live, 10)
    found = await insights(anna, live)
    assert (found["views"], found["viewers"], found["duration_s"]) == (5, 5, 240)
    assert (found["watched_s"], found["average_watched_s"]) == (720, 144)
    assert found["audience"] == [5, 5, 1, 1]
    assert found["retention"] == [1] * 10 + [0.2] * 10
    assert found["sources"] == {"feed": 5}
    assert (await viewers[0].get(f"/api/v1/{live}/insights")).status == 403
    assert (await anna.post(f"/api/v1/{live}/end")).status == 200
    server.clock.advance(60)
    assert (await viewers[0].post(f"/api/v1/{live}/views", {"seconds": 10})).status == 410
    assert await insights(anna, live) == found


async def test_41_a_creator_sees_numbers_of_groups_only(clocked_server: Server) -> None:
    server = clocked_server
    anna, viewers = await server.person("anna"), await audience(server)
    (video_id,) = await seed_videos(server, anna, 1)
    for number, viewer in enumerate(viewers):
        await beat(viewer, video_id, 12, position_s=12, source="feed" if number < 4 else "link")
        found = await insights(anna, video_id)
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
    viewers = await audience(server)
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
