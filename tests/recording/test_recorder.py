"""The recorder as a process: spoken to over its socket, as the workers and the main process do."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from livecore.platform import ipc
from tests.recording import packetise
from tests.recording.packetise import Sent
from tests.recording.reading import decode
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
from livecore.media.recorder import run
from livecore.media.recorder_settings import RecorderSettings
sys.exit(run(RecorderSettings(socket_path=Path(sys.argv[1]), directory=Path(sys.argv[2]), idle_exit_s=float(sys.argv[3]),
    resume_s=float(sys.argv[4]), reserve_bytes=int(sys.argv[5]), retell_s=float(sys.argv[6]))))
"""
SOUND = packetise.coded_audio(3.0)
VIDEO = {codec: packetise.coded_video(codec, 3.0) for codec in ("vp8", "h264")}


class Desk:
    """Starts recorders on one directory and connects to them."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "r.sock"
        self.files = directory / "recordings"
        self.process: subprocess.Popen[bytes] | None = None
        self.connections: list[ipc.Connection] = []

    async def start(
        self, idle_s: float = 60.0, resume_s: float = 30.0, reserve: int = 0, limit_bytes: int | None = None, retell_s: float = 60.0
    ) -> None:
        def limited() -> None:
            if limit_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.socket), str(self.files), str(idle_s), str(resume_s), str(reserve), str(retell_s)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            preexec_fn=limited,
        )
        await until(self.socket.exists, "the recorder's socket")

    async def connect(self, role: str) -> tuple[ipc.Connection, list[ipc.Message]]:
        got: list[ipc.Message] = []

        async def attempt() -> ipc.Connection | None:
            try:
                return await ipc.connect(self.socket, lambda: ipc.Connection(role, lambda _, message: got.append(message)))
            except ipc.IpcError:
                return None

        connection = await until(attempt, "a connection to the recorder")
        assert connection is not None
        self.connections.append(connection)
        return connection, got

    async def ended(self) -> int:
        process = self.process
        assert process is not None
        await until(lambda: process.poll() is not None, "the recorder's end")
        self.process = None
        return process.returncode

    async def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return await self.ended()

    async def close(self) -> None:
        for connection in self.connections:
            connection.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@asynccontextmanager
async def desk_in(directory: Path) -> AsyncIterator[Desk]:
    desk = Desk(directory)
    try:
        yield desk
    finally:
        await desk.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as desk:
        yield desk


def opening(recording: str = "rec1", codec: str = "vp8") -> ipc.Message:
    tracks = [
        {"track": 0, "kind": "video", "codec": codec, "clock": 90000, "channels": 0, "fmtp": ""},
        {"track": 1, "kind": "audio", "codec": "opus", "clock": 48000, "channels": 2, "fmtp": ""},
    ]
    return {"t": "open", "r": recording, "live": "live1", "publication": "pub1", "tracks": tracks}


def stream(codec: str = "vp8", seconds: float = 3.0, start_s: float | None = None) -> list[Sent]:
    start_s = asyncio.get_running_loop().time() if start_s is None else start_s
    packets = [*packetise.video_packets(codec, VIDEO[codec], at=start_s), *packetise.audio_packets(SOUND, at=start_s)]
    return sorted((sent for sent in packets if sent.at < start_s + seconds), key=lambda sent: sent.at)


def send(worker: ipc.Connection, packets: Iterable[Sent], recording: str = "rec1") -> None:
    batch: list[list[Any]] = []
    for sent in packets:
        batch.append([sent.track, sent.number, sent.timestamp, sent.marker, [sent.payload], sent.at, 0])
        if len(batch) == 16:
            assert worker.send({"t": "rtp", "r": recording, "p": batch})
            batch = []
    if batch:
        assert worker.send({"t": "rtp", "r": recording, "p": batch})


def reports(worker: ipc.Connection) -> None:
    worker.send({"t": "sr", "r": "rec1", "track": 0, "ntp": 3_900_000_000 << 32, "rtp": 0xFFFFF000})
    worker.send({"t": "sr", "r": "rec1", "track": 1, "ntp": 3_900_000_000 << 32, "rtp": 12345})


async def record(desk: Desk, codec: str = "vp8") -> tuple[ipc.Connection, list[ipc.Message]]:
    worker, got = await desk.connect("media-0")
    worker.send(opening(codec=codec))
    packets = stream(codec)
    send(worker, packets[:30])
    reports(worker)
    send(worker, packets[30:])
    return worker, got


def of_kind(messages: list[ipc.Message], kind: str) -> list[ipc.Message]:
    return [message for message in messages if message["t"] == kind]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_what_a_worker_sends_is_told_to_the_main_process_as_a_finished_file(desk: Desk, codec: str) -> None:
    await desk.start()
    main, told = await desk.connect("main")
    worker, got = await record(desk, codec)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    done = (await until(lambda: of_kind(told, "finished"), "the finished recording"))[0]
    assert of_kind(got, "key") == [{"t": "key", "r": "rec1", "track": 0}]
    path = Path(done["path"])
    read = decode(path)
    assert len(read.video_s) == 90
    assert read.codecs == {"video": codec, "audio": "opus"}
    assert done == {
        "t": "finished",
        "recording": "rec1",
        "part": 0,
        "live": "live1",
        "publication": "pub1",
        "path": done["path"],
        "duration_s": pytest.approx(3.0, abs=0.05),
        "bytes": path.stat().st_size,
        "video": {"codec": codec, "width": 320, "height": 180},
        "audio": {"codec": "opus"},
        "started_at_ms": done["started_at_ms"],
        "reason": "ended",
    }
    main.send({"t": "taken", "recording": "rec1", "part": 0})
    await until(lambda: not path.exists(), "the taken file to go")
    stats = await main.request({"t": "stats"})
    assert (stats["running"], stats["waiting"]) == (0, 0)


async def test_a_finished_recording_is_told_at_each_connection_until_it_is_taken(desk: Desk) -> None:
    await desk.start()
    worker, _ = await record(desk)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    first, told = await desk.connect("main")
    await until(lambda: of_kind(told, "finished"), "the first telling")
    first.close()
    second, told_again = await desk.connect("main")
    await until(lambda: of_kind(told_again, "finished"), "the second telling")
    second.send({"t": "taken", "recording": "rec1"})
    await until(lambda: not Path(told_again[0]["path"]).exists(), "the taken file to go")
    assert await desk.kill(signal.SIGTERM) == 0
    await desk.start()
    third, told_last = await desk.connect("main")
    assert (await third.request({"t": "stats"}))["waiting"] == 0
    assert told_last == []


async def test_a_file_that_was_not_taken_is_told_again_on_the_same_connection(desk: Desk) -> None:
    await desk.start(retell_s=0.3)
    main, told = await desk.connect("main")
    worker, _ = await record(desk)
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    await until(lambda: len(of_kind(told, "finished")) >= 3, "the third telling")
    assert {message["recording"] for message in told} == {"rec1"}
    main.send({"t": "taken", "recording": "rec1", "part": 0})
    assert (await main.request({"t": "stats"}))["waiting"] == 0


async def test_sigterm_finishes_what_runs_and_ends_with_status_0(desk: Desk) -> None:
    await desk.start()
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    assert await desk.kill(signal.SIGTERM) == 0
    assert not desk.socket.exists()
    await desk.start()
    _, told = await desk.connect("main")
    done = (await until(lambda: of_kind(told, "finished"), "the finished recording"))[0]
    assert done["reason"] == "shutdown"
    assert len(decode(Path(done["path"])).video_s) == 90


async def test_sigkill_is_repaired_at_the_next_start(desk: Desk) -> None:
    await desk.start()
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    await desk.kill()
    await desk.start()
    _, told = await desk.connect("main")
    done = (await until(lambda: of_kind(told, "finished"), "the repaired recording"))[0]
    assert done["reason"] == "interrupted"
    assert (done["live"], done["publication"], done["video"]["width"]) == ("live1", "pub1", 320)
    read = decode(Path(done["path"]))
    assert read.end_s > 2.0
    assert read.duration_s == pytest.approx(done["duration_s"])


async def test_a_recording_that_goes_on_after_a_kill_is_the_next_part(desk: Desk) -> None:
    await desk.start()
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    await desk.kill()
    await desk.start()
    worker, _ = await record(desk, "h264")
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    _, told = await desk.connect("main")
    # What nobody has taken yet may be told again.
    await until(lambda: len({message["part"] for message in of_kind(told, "finished")}) == 2, "both parts")
    assert {(message["part"], message["video"]["codec"]) for message in told} == {(0, "vp8"), (1, "h264")}


async def test_a_worker_that_comes_back_in_time_goes_on_in_the_same_file(desk: Desk) -> None:
    await desk.start()
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    worker.close()
    again, _ = await desk.connect("media-1")
    again.send(opening())
    send(again, stream(start_s=asyncio.get_running_loop().time() + 4.0))
    again.send({"t": "close", "r": "rec1", "reason": "ended"})
    _, told = await desk.connect("main")
    done = (await until(lambda: of_kind(told, "finished"), "the finished recording"))[0]
    assert len(decode(Path(done["path"])).video_s) == 180


async def test_a_worker_that_stays_away_ends_its_recordings(desk: Desk) -> None:
    await desk.start(resume_s=0.3)
    _, told = await desk.connect("main")
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    worker.close()
    done = (await until(lambda: of_kind(told, "finished"), "the finished recording"))[0]
    assert done["reason"] == "publisher_lost"


async def test_left_alone_it_finishes_its_files_and_ends(desk: Desk) -> None:
    await desk.start(idle_s=0.5)
    worker, _ = await record(desk)
    await worker.request({"t": "stats"})
    worker.close()
    assert await desk.ended() == 0
    assert [path.suffix for path in desk.files.glob("rec1.0.web*")] == [".webm"]


async def test_a_disk_without_room_refuses_a_recording_with_a_reason(desk: Desk) -> None:
    await desk.start(reserve=1 << 60)
    worker, got = await desk.connect("media-0")
    worker.send(opening())
    assert (await until(lambda: got, "the refusal"))[0] == {"t": "failed", "r": "rec1", "reason": "disk_full"}
    # A main process that was away hears of it when it comes.
    _, told = await desk.connect("main")
    [failed] = await until(lambda: of_kind(told, "failed"), "the failure to be told")
    assert (failed["r"], failed["live"], failed["reason"]) == ("rec1", "live1", "disk_full")


async def test_a_file_that_may_not_grow_ends_the_recording_and_keeps_what_is_there(desk: Desk) -> None:
    await desk.start(limit_bytes=120_000)
    _, told = await desk.connect("main")
    _, got = await record(desk)
    failed = (await until(lambda: of_kind(got, "failed"), "the failure"))[0]
    assert failed["reason"] == "too_large"
    done = (await until(lambda: of_kind(told, "finished"), "the file so far"))[0]
    assert done["reason"] == "too_large"
    assert 0 < done["bytes"] <= 120_000
    assert Path(done["path"]).stat().st_size == done["bytes"]


async def test_a_recording_without_a_picture_or_sound_leaves_nothing(desk: Desk) -> None:
    await desk.start()
    _, told = await desk.connect("main")
    worker, _ = await desk.connect("media-0")
    worker.send(opening())
    worker.send({"t": "close", "r": "rec1", "reason": "ended"})
    assert (await worker.request({"t": "stats"}))["running"] == 0
    assert told == []
    assert list(desk.files.iterdir()) == []


@pytest.mark.parametrize(
    "message",
    [
        {"t": "open"},
        {"t": "open", "r": "../../etc/passwd", "live": "l", "publication": "p", "tracks": []},
        {"t": "rtp", "r": "rec1"},
        {"t": "rtp", "r": "rec1", "p": [[0]]},
        {"t": "rtp", "r": "rec1", "p": [[0, None, 1, True, [b"x"], 0.0, 0]]},
        {"t": "sr", "r": "rec1", "track": 0},
        {"t": "what"},
        {},
    ],
)
async def test_a_message_that_is_not_understood_is_counted_and_the_others_go_on(desk: Desk, message: ipc.Message) -> None:
    await desk.start()
    worker, _ = await desk.connect("media-0")
    worker.send(opening())
    worker.send(message)
    stats = await worker.request({"t": "stats"})
    assert stats["running"] == 1
    assert stats["drops"].get("malformed_message", 0) + stats["drops"].get("unknown_message", 0) == 1
    assert (await worker.request({"t": "stats"}))["drops"] == stats["drops"]


async def test_a_codec_that_cannot_be_recorded_is_refused(desk: Desk) -> None:
    await desk.start()
    worker, got = await desk.connect("media-0")
    worker.send(opening(codec="theora"))
    assert (await until(lambda: got, "the refusal"))[0]["reason"] == "not_recordable"
