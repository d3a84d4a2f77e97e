"""A live that is recorded in several files: by the operator's limit of a part, by a host who comes back in another codec, by several hosts."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartServer
from tests.flows.broadcast import Broadcast
from tests.people import Person
from tests.recording import tools
from tests.recording.reading import Decoded, decode
from tests.waiting import until


async def replays(viewer: Person, live_id: str) -> list[dict[str, Any]]:
    answer = await viewer.get(f"/api/v1/lives/{live_id}/replays")
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json["items"]
    return found


async def finished(viewer: Person, live_id: str, hosts: int = 1) -> list[dict[str, Any]]:
    """All that was recorded, once the last part of each host is ready."""

    async def whole() -> list[dict[str, Any]]:
        found = await replays(viewer, live_id)
        ends = [one for one in found if one["recording_end"] not in ("part_limit", "codec_changed")]
        return found if len(ends) == hosts and all(one["status"] == "ready" for one in found) else []

    return await until(whole, "every part to be a video", 60)


async def read_back(viewer: Person, video: dict[str, Any], directory: Path) -> Decoded:
    """What a full decode of the download finds, by our library and by ffmpeg, which must find nothing wrong."""
    path = directory / f"{video['id']}.{video['media_type'].rpartition('/')[2]}"
    path.write_bytes((await viewer.get(f"/api/v1/videos/{video['id']}/download")).body)
    assert tools.complaints_of(path) == ""
    return decode(path)


async def test_a_long_live_is_kept_in_parts_that_follow_one_another(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(media=True, recording_max_s=2)
    anna, ben = await server.person("anna"), await server.person("ben")
    socket = await anna.connect()
    broadcast = await Broadcast(anna, codec="h264", title="A long day").start()
    try:

        async def two_are_there() -> bool:
            return len([one for one in await replays(ben, broadcast.id) if one["status"] == "ready"]) >= 2

        # A part is a video that others watch while the live goes on.
        await until(two_are_there, "two parts of a running live", 60)
        live = (await anna.get(f"/api/v1/lives/{broadcast.id}")).json
        assert live["state"] == "live"
        assert socket.heard("live:ended") == []
    finally:
        await broadcast.end()
    parts = await finished(anna, broadcast.id)
    assert (await anna.get(f"/api/v1/lives/{broadcast.id}")).json["video_id"] == parts[0]["id"]
    assert [one["part"] for one in parts] == list(range(1, len(parts) + 1))
    assert {one["recording_end"] for one in parts[:-1]} == {"part_limit"}
    assert {(one["title"], one["live_id"], one["owner"]["username"]) for one in parts} == {("A long day", broadcast.id, "anna")}
    # One line of time: each begins where the one before ends, and nothing lies between them.
    for one, after in itertools.pairwise(parts):
        assert 1.9 < one["duration_s"] < 4.0
        assert after["recorded_at"] - one["recorded_at"] == pytest.approx(1000 * one["duration_s"], abs=80)
    for one in parts:
        read = await read_back(ben, one, tmp_path)
        assert read.codecs == {"video": "h264", "audio": "opus"}
        steps = [b - a for a, b in zip(read.video_s, read.video_s[1:], strict=False)]
        assert max(steps) < 0.2
        assert read.duration_s == pytest.approx(one["duration_s"], abs=0.1)
    # In the library they stand one beside the other, newest first; who may not see the host sees none.
    listed = (await ben.get("/api/v1/videos", params={"owner": "anna"})).json["items"]
    assert [one["id"] for one in reversed(listed)] == [one["id"] for one in parts]
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
    assert await replays(ben, broadcast.id) == []
    await socket.close()


async def test_a_host_who_returns_in_another_codec_and_a_guest_have_a_file_each_on_one_line_of_time(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = await start_server(media=True)
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    broadcast = await Broadcast(anna, codec="vp8").start()
    guest = Broadcast(ben, codec="vp8")
    try:
        invited = await anna.post(f"/api/v1/lives/{broadcast.id}/guests", {"username": "ben"})
        assert invited.status == 201, invited
        guest.live = broadcast.live | invited.json
        await guest.publish()
        await guest.send_more(150)
        await broadcast.stop()
        broadcast.codec = "h264"
        await broadcast.publish()
        await broadcast.send_more(250)
        await guest.send_more(100)
    finally:
        await guest.stop()
        await broadcast.end()
    found = await finished(anna, broadcast.id, hosts=2)
    hers = [one for one in found if one["owner"]["username"] == "anna"]
    [his] = [one for one in found if one["owner"]["username"] == "ben"]
    assert [(one["part"], one["recording_end"] == "codec_changed") for one in hers] == [(1, True), (2, False)]
    assert [(await read_back(ben, one, tmp_path)).codecs["video"] for one in hers] == ["vp8", "h264"]
    assert (await read_back(anna, his, tmp_path)).codecs["video"] == "vp8"
    # His began after hers and lies over the change.
    assert hers[0]["recorded_at"] < his["recorded_at"] < hers[1]["recorded_at"] < his["recorded_at"] + 1000 * his["duration_s"]
