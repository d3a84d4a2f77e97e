"""The recorder process in `livecore bench record --process-seconds`: a 720p30 live with sound over its socket in real time, batched in several ways.

The recorders run side by side and get the same packets, so that whatever else the machine does meets all. CPU is of the whole process.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench import processes
from bench.load import LoadFailed
from bench.packetise import Sent
from bench.record import PART_S, rounds, runs
from livecore.media.settings import MESSAGE_S
from livecore.platform import ipc

START_S = 30.0
SETTLE_S = 2.0
# As the media worker drains its socket, each drain a message.
DRAIN_S = 0.002
_PROGRAM = """
import sys
from pathlib import Path
from livecore.media.recorder import run
from livecore.media.recorder_settings import RecorderSettings
base = Path(sys.argv[1])
sys.exit(run(RecorderSettings(
    base / "r.sock", base / "recordings", reserve_bytes=0, segments_directory=base / "hls", unplayed_s=float(sys.argv[2])
)))
"""


class Taker(Protocol):
    """A process that records what it is given."""

    pid: int
    messages: int

    def take(self, packets: list[Sent], now: float) -> None:
        """What is due, in order of sending; nothing where nothing is."""
        ...

    def flush(self) -> None:
        """Send what waits to be sent together."""
        ...


@dataclass(frozen=True)
class Spent:
    """Of one process while packets came in real time."""

    seconds: float
    cpu_s: float
    messages: int


class Recorder:
    """One recorder process with its sockets; `batch_s`: how long packets wait for one another."""

    def __init__(self, directory: Path, batch_s: float) -> None:
        directory.mkdir()
        is_played = batch_s < MESSAGE_S
        self.finished: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.label = f"messages of {batch_s * 1000:.0f} ms" if batch_s else "each drain a message"
        self._batch_s = batch_s
        self._socket = directory / "r.sock"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(directory), "1e9" if is_played else "0"], stdout=subprocess.DEVNULL
        )
        self.pid = self._process.pid
        self._batch: list[Sent] = []
        self._since = self._now = 0.0
        self.messages = 0

    async def open(self, codec: str, outputs: list[str], lives: int) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self._worker = await ipc.connect(self._socket, lambda: ipc.Connection("media-0", lambda _c, _m: None))
                self._main = await ipc.connect(self._socket, lambda: ipc.Connection("main", self._on_told))
                break
            except ipc.IpcError:
                if time.monotonic() > deadline:
                    raise LoadFailed("the recorder did not start") from None
                await asyncio.sleep(0.1)
        tracks = [
            {"track": 0, "kind": "video", "codec": codec, "clock": 90_000, "channels": 0, "fmtp": ""},
            {"track": 1, "kind": "audio", "codec": "opus", "clock": 48_000, "channels": 2, "fmtp": ""},
        ]
        self._lives = [f"bench{number}" for number in range(lives)]
        for name in self._lives:
            self._worker.send({"t": "open", "r": name, "live": name, "publication": name, "outputs": outputs, "tracks": tracks})

    def take(self, packets: list[Sent], now: float) -> None:
        if not self._batch:
            self._since = now
        self._batch += packets
        self._now = now
        if now - self._since >= self._batch_s:
            self.flush()

    def flush(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return
        joined = runs(batch, self._now - batch[-1].at)
        for name in self._lives:
            self._worker.send({"t": "rtp", "r": name, "p": joined})
        self.messages += len(self._lives)

    async def close(self) -> dict[str, Any]:
        """End what is recorded: what the recorder tells of the first file that is finished."""
        for name in self._lives:
            self._worker.send({"t": "close", "r": name, "reason": "ended"})
        return await asyncio.wait_for(self.finished, START_S)

    def _on_told(self, _main: ipc.Connection, message: ipc.Message) -> None:
        if message["t"] == "finished" and not self.finished.done():
            self.finished.set_result(message)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()


async def spent(takers: Sequence[Taker], codec: str, coded: tuple[list[Any], list[Any]], seconds: float) -> list[Spent]:
    """Send in real time to all of them at once, and measure each once the first seconds are over."""
    before: list[tuple[float, int]] = []
    began = measured_from = time.monotonic()
    for packets in rounds(codec, coded, seconds + SETTLE_S):
        left = 0
        while left < len(packets):
            now = time.monotonic()
            if not before and now - began >= SETTLE_S:
                before = [(processes.cpu_clock_s(taker.pid), taker.messages) for taker in takers]
                measured_from = time.monotonic()
            first = left
            while left < len(packets) and packets[left].at <= now - began:
                left += 1
            for taker in takers:
                taker.take(packets[first:left], now)
            await asyncio.sleep(DRAIN_S)
    for taker in takers:
        taker.flush()
    passed_s = time.monotonic() - measured_from
    await asyncio.sleep(PART_S)
    return [
        Spent(passed_s, processes.cpu_clock_s(taker.pid) - cpu_s, taker.messages - messages)
        for taker, (cpu_s, messages) in zip(takers, before, strict=True)
    ]


async def measure(
    codec: str,
    coded: tuple[list[Any], list[Any]],
    seconds: float,
    outputs: list[str],
    lives: int = 1,
    batches_s: Sequence[float] = (0.0, PART_S, MESSAGE_S),
) -> list[dict[str, Any]]:
    """A row for each of `batches_s`; 0: each drain is a message. `lives` of the same packets in each recorder. Raises LoadFailed."""
    with tempfile.TemporaryDirectory(prefix="livecore-bench-") as name, contextlib.ExitStack() as stack:
        recorders = []
        for index, batch_s in enumerate(batches_s):
            recorder = Recorder(Path(name) / str(index), batch_s)
            stack.callback(recorder.stop)
            recorders.append(recorder)
        for recorder in recorders:
            await recorder.open(codec, outputs, lives)
        found = await spent(recorders, codec, coded, seconds)
    return [
        {
            "label": f"{codec}, process, {' and '.join(outputs)}, {recorder.label}" + (f", of {lives} lives" if lives > 1 else ""),
            "codec": codec,
            "segments": "hls" in outputs,
            "seconds": round(each.seconds, 2),
            "messages_per_s": round(each.messages / each.seconds / lives, 1),
            "cpu_ms_per_s": round(1000 * each.cpu_s / each.seconds / lives, 2),
        }
        for recorder, each in zip(recorders, found, strict=True)
    ]
