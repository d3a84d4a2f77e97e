"""Segments as the recorder process makes them: told to main processes, kept over its death, apart from what befalls a file."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from livecore.media.origin import Answer, Origin
from livecore.media.playlist import Stream
from livecore.platform import ipc
from tests.hls.reading import played
from tests.recording import packetise
from tests.recording.packetise import Sent
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from livecore.media.recorder import run
from livecore.media.recorder_settings import RecorderSettings
from livecore.media.segment_sink import SegmentSettings
base = Path(sys.argv[1])
sys.exit(run(RecorderSettings(socket_path=base / "r.sock", directory=base / "recordings", idle_exit_s=60.0, resume_s=float(sys.argv[2]),
    reserve_bytes=0, segments_directory=base / "hls", segments=SegmentSettings(segment_s=1.0), keep_ended_s=float(sys.argv[3]),
    unplayed_s=float(sys.argv[4]) if sys.argv[4] else None)))
"""
SECONDS = 3.0
VIDEO = packetise.coded_video("h264", SECONDS, gop=15)
SOUND = packetise.coded_audio(SECONDS)


class Desk:
    """A recorder, one main process's view of its streams (`origin`), and what it was told besides."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.origin = Origin(base / "hls", 100, 1 << 20)
        self.told: list[ipc.Message] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.connections: list[ipc.Connection] = []

    async def start(
        self, resume_s: float = 30.0, keep_ended_s: float = 60.0, file_limit_bytes: int | None = None, unplayed_s: float | None = None
    ) -> None:
        def limited() -> None:
            if file_limit_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit_bytes, file_limit_bytes))

        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.base), str(resume_s), str(keep_ended_s), str(unplayed_s or "")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            preexec_fn=limited,
        )
        await self.connect("main", self._hear)

    def _hear(self, message: ipc.Message) -> None:
        if str(message["t"]).startswith("hls"):
            self.origin.on_message(message)
        else:
            self.told.append(message)

    async def connect(self, role: str, hear: Any) -> ipc.Connection:
        async def attempt() -> ipc.Connection | None:
            try:
                return await ipc.connect(self.base / "r.sock", lambda: ipc.Connection(role, lambda _, message: hear(message)))
            except ipc.IpcError:
                return None

        connection = await until(attempt, "a connection to the recorder")
        assert connection is not None
        self.connections.append(connection)
        return connection

    async def worker(self, hear: Callable[[ipc.Message], object] = lambda _message: None) -> ipc.Connection:
        return await self.connect("media-0", hear)

    @property
    def stream(self) -> Stream | None:
        return self.origin.stream("pub1")

    async def watched(self) -> list[int]:
        """Decode all that the playlist names, as a player would; answers the number of pictures under each initialisation segment."""
        stream = self.stream
        assert stream is not None
        data: dict[int, bytes] = {}
        for segment in stream.segments:
            if segment.is_gap:
                continue
            if segment.init not in data:
                data[segment.init] = await self.fetch(f"init{segment.init}.mp4")
            data[segment.init] += await self.fetch(f"s{segment.msn}.m4s")
        return [len(played(each).video_s) for each in data.values()]

    async def fetch(self, name: str) -> bytes:
        answer = self.origin.ask("pub1", name, {})
        if answer is None:
            answer = await self.origin.load("pub1", name)
        assert isinstance(answer, Answer)
        assert answer.status == 200, (name, answer.status)
        return answer.body

    async def kill(self, number: int = signal.SIGKILL) -> None:
        process = self.process
        assert process is not None
        process.send_signal(number)
        await until(lambda: process.poll() is not None, "the recorder's end")

    def close(self) -> None:
        for connection in self.connections:
            connection.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    try:
        yield desk
    finally:
        desk.close()


def opening(*outputs: str, recording: str = "rec1", publication: str = "pub1") -> ipc.Message:
    tracks = [
        {"track": 0, "kind": "video", "codec": "h264", "clock": 90000, "channels": 0, "fmtp": ""},
        {"track": 1, "kind": "audio", "codec": "opus", "clock": 48000, "channels": 2, "fmtp": ""},
    ]
    return {"t": "open", "r": recording, "live": "live1", "publication": publication, "outputs": list(outputs), "tracks": tracks}


def send(worker: ipc.Connection, recording: str = "rec1", start_s: float | None = None) -> None:
    start_s = asyncio.get_running_loop().time() if start_s is None else start_s
    packets: list[Sent] = [*packetise.video_packets("h264", VIDEO, at=start_s), *packetise.audio_packets(SOUND, at=start_s)]
    for sent in sorted(packets, key=lambda sent: sent.at):
        worker.send({"t": "rtp", "r": recording, "p": [[sent.track, sent.number, sent.timestamp, sent.marker, [sent.payload], sent.at, 0]]})


async def test_a_stream_outlives_its_recorder_with_a_discontinuity_and_no_number_twice(desk: Desk) -> None:
    await desk.start()
    worker = await desk.worker()
    worker.send(opening("file", "hls"))
    send(worker)
    await until(lambda: desk.stream is not None and desk.stream.next_msn >= 3, "three segments")
    assert desk.stream is not None
    before = desk.stream.next_msn
    await desk.kill()
    await desk.start()
    worker = await desk.worker()
    worker.send(opening("file", "hls"))
    send(worker)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    await until(lambda: desk.stream is not None and desk.stream.is_ended, "the end")
    stream = desk.stream
    assert stream is not None
    assert [segment.msn for segment in stream.segments] == list(range(stream.next_msn))
    assert stream.next_msn > before
    assert [segment.msn for segment in stream.segments if segment.is_discontinuity] == [before]
    first, second = await desk.watched()
    assert first >= 60
    assert second == 90


async def test_a_file_that_may_not_grow_ends_alone_and_the_segments_go_on(desk: Desk) -> None:
    await desk.start(file_limit_bytes=200_000)
    worker = await desk.worker()
    worker.send(opening("file", "hls"))
    send(worker)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    await until(lambda: desk.stream is not None and desk.stream.is_ended, "the end")
    assert [message["reason"] for message in desk.told if message["t"] == "failed"] == ["too_large"]
    assert await desk.watched() == [90]
    stats = await worker.request({"t": "stats"})
    assert stats["ended"] == {"too_large": 1, "ended": 1}
    assert stats["segments"] == 3
    assert stats["segment_bytes"] > 100_000


async def test_segments_that_may_not_grow_end_alone_and_the_file_goes_on(desk: Desk) -> None:
    await desk.start()
    # Where the first segment belongs there is a directory, put there once what was left of an earlier stream is swept out. The swept
    # directory is held open, so that the new one cannot have its inode.
    place = desk.base / "hls" / "pub1" / "0.m4s"
    place.mkdir(parents=True)
    held = os.open(place.parent, os.O_RDONLY)
    try:
        worker = await desk.worker()
        worker.send(opening("file", "hls"))
        swept = os.fstat(held).st_ino
        await until(lambda: [each for each in os.scandir(place.parent.parent) if each.inode() != swept], "a directory made anew")
    finally:
        os.close(held)
    place.mkdir()
    send(worker)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    done = await until(lambda: [message for message in desk.told if message["t"] == "finished"], "the file")
    assert done[0]["duration_s"] == pytest.approx(SECONDS, abs=0.1)


async def test_several_hosts_have_a_file_and_a_stream_each_on_one_line_of_time(desk: Desk) -> None:
    await desk.start()
    worker = await desk.worker()
    now = asyncio.get_running_loop().time()
    worker.send(opening("file", "hls"))
    send(worker, start_s=now)
    worker.send(opening("file", "hls", recording="rec2", publication="pub2"))
    send(worker, recording="rec2", start_s=now + 1.5)
    for recording in ("rec1", "rec2"):
        worker.send({"t": "close", "r": recording, "reason": "ended"})
    await until(lambda: len({message["publication"] for message in desk.told if message["t"] == "finished"}) == 2, "both files")
    files = {message["publication"]: message["started_at_ms"] for message in desk.told if message["t"] == "finished"}
    assert files["pub2"] - files["pub1"] == pytest.approx(1500, abs=40)
    streams = [desk.origin.stream(name) for name in ("pub1", "pub2")]
    starts = [stream.segments[0].at_ms for stream in streams if stream is not None]
    assert starts[1] - starts[0] == pytest.approx(1500, abs=40)
    assert starts[0] == pytest.approx(files["pub1"], abs=40)


async def test_an_ended_stream_and_what_nobody_went_on_with_are_deleted(desk: Desk) -> None:
    left = desk.base / "hls" / "left"
    left.mkdir(parents=True)
    (left / "0.m4s").write_bytes(b"x")
    await desk.start(resume_s=0.1, keep_ended_s=0.2)
    worker = await desk.worker()
    worker.send(opening("hls"))
    send(worker)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    await until(lambda: not left.exists() and desk.stream is None and not (desk.base / "hls" / "pub1").exists(), "the files to go")


async def test_any_main_process_whose_players_ask_makes_the_parts_come_at_once(desk: Desk) -> None:
    """The one that serves the playlist need not be the one that started the live, and the worker hears it from the recorder."""
    await desk.start(unplayed_s=0.2)
    other = await desk.connect("main", lambda _message: None)
    paces: list[ipc.Message] = []
    worker = await desk.worker(lambda message: paces.append(message) if message["t"] == "pace" else None)
    worker.send(opening("file", "hls"))
    send(worker)
    await until(lambda: paces == [{"t": "pace", "r": "rec1", "at_once": False}], "the worker to be told that nobody plays")
    assert (await worker.request({"t": "stats"}))["at_once"] == 0
    other.send({"t": "asked", "publication": "another"})
    other.send({"t": "asked", "publication": "pub1"})
    await until(lambda: len(paces) > 1, "the worker to be told that somebody plays")
    assert paces[1] == {"t": "pace", "r": "rec1", "at_once": True}
    await until(lambda: len(paces) > 2, "and that they went")
    assert paces[2]["at_once"] is False


async def test_a_player_that_begins_waits_for_what_was_held_back_and_no_longer_than_a_part(desk: Desk) -> None:
    await desk.start(unplayed_s=0.2)
    paces: list[ipc.Message] = []
    worker = await desk.worker(lambda message: paces.append(message) if message["t"] == "pace" else None)
    worker.send(opening("hls"))
    send(worker)
    await until(lambda: desk.stream is not None and desk.stream.next_msn >= 3 and paces, "a stream that nobody plays")
    desk.origin.to_recorder = desk.connections[0].send
    before = len(paces)
    # Nothing is held back: after a part and a half the player begins with what there is.
    await asyncio.wait_for(desk.origin.begin("pub1"), 5)
    assert desk.stream is not None
    version = desk.stream.version
    await until(lambda: len(paces) > before and paces[before]["at_once"], "the worker to be asked for parts")
    # It plays: whoever comes now finds them coming.
    await asyncio.wait_for(desk.origin.begin("pub1"), 5)
    assert desk.stream.version == version
