"""What the recorder is sent: the whole of a publication, in one unbroken sequence a track, from a key frame on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
import pytest

from livecore.media import rtcp
from livecore.media.control import NoPublisher, RecordingFailed
from livecore.platform import ipc
from tests.media import payloads
from tests.media.actors import Camera
from tests.media.scripted import LIVE, Sender, publisher
from tests.media.virtual import VirtualPlane
from tests.media.worker_process import media_process
from tests.waiting import until


def packets_of(run: list[Any]) -> list[list[Any]]:
    """Track, number, timestamp, marker, payload and arrival of each packet of a run."""
    track, first, timestamp, marker, payloads, at, step = run
    last = len(payloads) - 1
    return [
        [track, first + index, timestamp + index * step & 0xFFFFFFFF, marker and index == last, payload, at]
        for index, payload in enumerate(payloads)
    ]


class Recorder:
    """The recorder's end of the socket: keeps what it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[dict[str, Any]] = []
        self.connections: list[ipc.Connection] = []
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await ipc.serve(
            self.path,
            lambda: ipc.Connection("recorder", lambda _c, message: self.messages.append(message), on_ready=self.connections.append),
        )

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        await self._server.wait_closed()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["t"] == kind]

    def packets(self, track: int) -> list[list[Any]]:
        return [packet for message in self.of("rtp") for run in message["p"] if run[0] == track for packet in packets_of(run)]


@contextlib.asynccontextmanager
async def recorder(directory: Path) -> AsyncIterator[Recorder]:
    one = Recorder(directory / "recorder.sock")
    await one.start()
    try:
        yield one
    finally:
        await one.stop()


async def recorded(sender: Sender, told: Recorder, track: int, packets: int) -> None:
    async with asyncio.timeout(10):
        while len(told.packets(track)) < packets:
            sender.picture(key=not told.packets(track))
            sender.sound()
            await asyncio.sleep(0.02)


async def test_recording_holds_every_packet_from_a_key_frame_on(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        source, _ = await publisher(media)
        await until(lambda: told.connections, "the worker to connect")
        assert told.connections[0].peer_role == "media-0"
        await media.plane.start_recording(LIVE, "main", "rec-1")
        opened = (await until(lambda: told.of("open"), "open"))[0]
        assert (opened["r"], opened["live"], opened["publication"]) == ("rec-1", LIVE, "main")
        tracks = {track["kind"]: track for track in opened["tracks"]}
        assert (tracks["video"]["codec"], tracks["video"]["clock"]) == ("vp8", 90_000)
        assert (tracks["audio"]["codec"], tracks["audio"]["clock"], tracks["audio"]["channels"]) == ("opus", 48_000, 2)
        video = tracks["video"]["track"]
        sender = Sender(source)
        sender.picture()  # not a key frame: not recorded
        await recorded(sender, told, video, 9)
        numbers = [packet[1] for packet in told.packets(video)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        first = told.packets(video)[0]
        assert first[4] == payloads.vp8(8, key=True, size=300, fill=1)
        assert [packet[3] for packet in told.packets(video)[:3]] == [False, False, True]
        source.send_rtcp(rtcp.build_sender_report(rtcp.SenderReport(source.ssrcs["video"], 5 << 40, sender.timestamp, 1, 1)))
        report = (await until(lambda: told.of("sr"), "the clock"))[0]
        assert report["ntp"] == 5 << 40
        assert report["rtp"] - told.packets(video)[-1][2] == 3000
        await media.plane.end_live(LIVE)
        assert (await until(lambda: told.of("close"), "close"))[0]["r"] == "rec-1"


async def test_recorder_may_ask_for_a_key_frame(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        source, _ = await publisher(media)
        asked: list[rtcp.Message] = []
        source.on_rtcp = lambda m: asked.append(m) if isinstance(m, rtcp.KeyFrameRequest) else None
        await media.plane.start_recording(LIVE, "main", "rec-1")
        opened = (await until(lambda: told.of("open"), "open"))[0]
        video = next(track["track"] for track in opened["tracks"] if track["kind"] == "video")
        await recorded(Sender(source), told, video, 3)
        before = len(asked)
        told.connections[0].send({"t": "key", "r": "rec-1", "track": video})
        await until(lambda: len(asked) > before, "the request to reach the publisher")


async def test_recording_goes_on_with_a_new_recorder_and_a_new_key_frame(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        source, _ = await publisher(media)
        await media.plane.start_recording(LIVE, "main", "rec-1")
        opened = (await until(lambda: told.of("open"), "open"))[0]
        video = next(track["track"] for track in opened["tracks"] if track["kind"] == "video")
        sender = Sender(source)
        await recorded(sender, told, video, 6)
        await told.stop()
        told.messages.clear()
        await told.start()
        again = (await until(lambda: told.of("open"), "open"))[0]
        assert again == opened
        await recorded(sender, told, video, 3)
        assert told.packets(video)[0][4][4] & 1 == 0  # the P bit of VP8's frame tag: a key frame


async def test_recording_survives_a_publisher_that_comes_back(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        source, _ = await publisher(media)
        await media.plane.start_recording(LIVE, "main", "rec-1")
        opened = (await until(lambda: told.of("open"), "open"))[0]
        video = next(track["track"] for track in opened["tracks"] if track["kind"] == "video")
        await recorded(Sender(source), told, video, 6)
        source.close()
        again, _ = await publisher(media)
        sender = Sender(again, sequence=40_000)
        before = len(told.packets(video))
        async with asyncio.timeout(10):
            while len(told.packets(video)) < before + 6:
                sender.picture(key=True)
                await asyncio.sleep(0.02)
        numbers = [packet[1] for packet in told.packets(video)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(told.of("open")) == 1


async def test_recording_ends_with_its_live_and_with_the_worker(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        await publisher(media)
        await media.plane.start_recording(LIVE, "main", "rec-1")
        await until(lambda: told.of("open"), "open")
        await media.plane.end_live(LIVE)
        assert (await until(lambda: told.of("close"), "close"))[0] == {"t": "close", "r": "rec-1", "reason": "ended"}
        await publisher(media)
        await media.plane.start_recording(LIVE, "main", "rec-2")
        await until(lambda: len(told.of("open")) == 2, "open")
        media.process.terminate()
        assert (await until(lambda: told.of("close")[1:], "close"))[0]["r"] == "rec-2"


async def test_failure_of_a_recording_is_told(tmp_path: Path) -> None:
    async with recorder(tmp_path) as told, media_process(tmp_path, recorder_socket=told.path) as media:
        with pytest.raises(NoPublisher):
            await media.plane.start_recording(LIVE, "main", "rec-1")
        await publisher(media)
        await media.plane.start_recording(LIVE, "main", "rec-1")
        await until(lambda: told.of("open"), "open")
        told.connections[0].send({"t": "failed", "r": "rec-1", "reason": "disk_full"})
        assert (await until(lambda: media.of(RecordingFailed), "the event"))[0] == RecordingFailed("rec-1", "disk_full")


@pytest.mark.parametrize(("outputs", "per_second"), [(["file", "hls"], 5), (["file"], 1.25)])
def test_packets_go_to_the_recorder_with_the_picture_that_ends_a_part_and_no_more_often(outputs: list[str], per_second: float) -> None:
    """Each message wakes the recorder; a viewer of HLS waits for none. A key frame asked for late shifts what follows."""
    plane = VirtualPlane(seed=3)
    source = plane.publish()
    plane.router.start_recording("live", "main", "rec", outputs, plane.now)
    camera = Camera(source)
    plane.run(2.03, camera.on_time)
    camera.key_wanted = True
    plane.run(4, camera.on_time)
    messages = [message for message in plane.to_recorder if message["t"] == "rtp"]
    opened = next(message for message in plane.to_recorder if message["t"] == "open")
    video = next(track["track"] for track in opened["tracks"] if track["kind"] == "video")
    assert any(message["t"] == "sr" for message in plane.to_recorder)
    assert len(messages) <= 6 * per_second + 2
    if "hls" not in outputs:
        return
    starts = [run[2] for message in messages for run in message["p"] if run[0] == video and run[3]]
    assert starts == sorted(starts)
    ends = [message["p"][-1] for message in messages if message["p"][-1][0] == video and message["p"][-1][3]]
    parts = [after[2] - before[2] for before, after in pairwise(ends)]
    # Six pictures a part, and one that is shorter where the key frame came.
    assert sorted(parts)[len(parts) // 2] == 6 * 3000
    assert sum(length == 6 * 3000 for length in parts) > len(parts) * 0.6


def test_packets_of_a_live_that_nobody_plays_go_seldom_and_all_that_waits_goes_when_somebody_begins() -> None:
    plane = VirtualPlane(seed=4)
    source = plane.publish()
    recordings = plane.router.recordings
    plane.router.start_recording("live", "main", "rec", ["file", "hls"], plane.now)
    camera = Camera(source)
    plane.run(2, camera.on_time)

    def sent(seconds: float) -> int:
        before = len(plane.to_recorder)
        plane.run(seconds, camera.on_time)
        return sum(message["t"] == "rtp" for message in plane.to_recorder[before:])

    recordings.on_pace("rec", False)
    assert 4 <= sent(4) <= 5
    plane.run(0.4, camera.on_time)
    before = len(plane.to_recorder)
    recordings.on_pace("rec", True)
    # Nobody waits for the end of the message.
    assert [message["t"] for message in plane.to_recorder[before:]][:1] == ["rtp"]
    assert 19 <= sent(4) <= 23
    # A recorder that has begun anew wants parts, and says so once nobody asks for them.
    recordings.on_pace("rec", False)
    recordings.on_ready(plane.now)
    plane.run(1, camera.on_time)
    assert 9 <= sent(2) <= 12


def test_packets_of_several_lives_wake_the_recorder_together() -> None:
    plane = VirtualPlane(seed=5)
    camera = Camera(plane.publish())
    for name in ("one", "two", "three"):
        plane.router.start_recording("live", "main", name, ["file"], plane.now)
        plane.run(0.25, camera.on_time)
    plane.run(1.5, camera.on_time)
    moments: dict[float, set[str]] = {}
    for _ in range(2000):
        before = len(plane.to_recorder)
        plane.step()
        camera.on_time(plane.now)
        for message in plane.to_recorder[before:]:
            if message["t"] == "rtp":
                moments.setdefault(plane.now, set()).add(message["r"])
    assert len(moments) >= 4
    assert all(names == {"one", "two", "three"} for names in moments.values())


def test_a_message_is_no_larger_than_half_of_what_the_socket_takes_however_fast_the_live() -> None:
    plane = VirtualPlane(seed=6)
    camera = Camera(plane.publish(), packets=40, size=1200)
    plane.router.start_recording("live", "main", "rec", ["file"], plane.now)
    plane.run(2, camera.on_time)
    sizes = [len(msgpack.packb(message)) for message in plane.to_recorder]
    assert max(sizes) > ipc.FRAME_LIMIT_BYTES // 3
    assert max(sizes) <= ipc.FRAME_LIMIT_BYTES // 2
