"""`livecore bench record --beside-seconds`: livecore's recorder, ffmpeg and Chromium's MediaRecorder by turns, each alone, in one run.

The recorder and ffmpeg get the same packets in real time: livecore's as a media worker sends them, over its socket; ffmpeg's as RTP over
loopback, copied without a codec (`ffmpeg -i bench.sdp -c copy`). CPU is the kernel's of the whole process. Each file is read afterwards.
"""

import asyncio
import contextlib
import dataclasses
import functools
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av

from bench import record_chromium, record_socket
from bench.load import LoadFailed
from bench.packetise import Sent
from bench.record import PART_S
from bench.screen import Screen
from livecore.media.settings import MESSAGE_S

Coded = tuple[list[Any], list[Any]]

# Until ffmpeg listens, and until it has closed its file.
READY_S = 20.0
# 20 ms at 48 kHz.
SOUND_TICKS = 960
# Both keep what a kill leaves playable, as livecore's do.
CONTAINERS = {"vp8": ("webm", []), "h264": ("mp4", ["-movflags", "frag_keyframe+empty_moov"])}
NAMES = {"vp8": "VP8", "h264": "H264"}
PAYLOAD_TYPES = (96, 97)
PLAYED = "livecore, file and hls, played"
_HEADER = struct.Struct("!BBHII")


class Ffmpeg:
    """An ffmpeg that listens for the two streams of an SDP and copies them into a file."""

    def __init__(self, directory: Path, codec: str) -> None:
        container, options = CONTAINERS[codec]
        self.path = directory / f"ffmpeg.{container}"
        self.ports = _free_ports()
        self.messages = 0
        self._last_sound: Sent | None = None
        self._numbers_pictures, self._pictures = codec == "vp8", 0
        description = directory / "bench.sdp"
        description.write_text(_description(codec, self.ports))
        command = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "error",
            "-protocol_whitelist",
            "file,udp,rtp",
            "-analyzeduration",
            "500000",
            "-fpsprobesize",
            "0",
        ]
        self._log = (directory / "ffmpeg.log").open("w+")
        self._process = subprocess.Popen(
            [*command, "-i", str(description), "-c", "copy", *options, str(self.path)], stdin=subprocess.DEVNULL, stderr=self._log
        )
        self.pid = self._process.pid
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    async def listen(self) -> None:
        deadline = time.monotonic() + READY_S
        while not all(_is_bound(port) for port in self.ports):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LoadFailed(f"ffmpeg did not listen: {self._said()}")
            await asyncio.sleep(0.05)

    def take(self, packets: list[Sent], now: float) -> None:
        for sent in packets:
            if sent.track:
                self._last_sound = sent
            kind = PAYLOAD_TYPES[sent.track] | (0x80 if sent.marker else 0)
            header = _HEADER.pack(0x80, kind, sent.number & 0xFFFF, sent.timestamp & 0xFFFFFFFF, 1 + sent.track)
            self._socket.sendto(header + self._payload(sent), ("127.0.0.1", self.ports[sent.track]))
        self.messages += len(packets)

    def _payload(self, sent: Sent) -> bytes:
        """Coded pictures of VP8 share a picture id here, and ffmpeg takes one that does not grow for a loss (RFC 7741, 4.2)."""
        if not self._numbers_pictures or sent.track:
            return sent.payload
        picture_id = 0x8000 | self._pictures & 0x7FFF
        self._pictures += sent.marker
        return sent.payload[:2] + picture_id.to_bytes(2) + sent.payload[4:]

    def flush(self) -> None:
        """Nothing waits here."""

    def end(self) -> None:
        """The file is closed. The signal is seen with the next packet: one more sound."""
        self._process.send_signal(signal.SIGINT)
        if self._last_sound is not None:
            last = self._last_sound
            self.take([dataclasses.replace(last, number=last.number + 1, timestamp=last.timestamp + SOUND_TICKS)], 0.0)
        try:
            self._process.wait(READY_S)
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"ffmpeg did not end: {self._said()}") from None

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        self._log.close()

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-300:]


def _description(codec: str, ports: tuple[int, int]) -> str:
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=bench", "c=IN IP4 127.0.0.1", "t=0 0"]
    lines += [f"m=video {ports[0]} RTP/AVP {PAYLOAD_TYPES[0]}", f"a=rtpmap:{PAYLOAD_TYPES[0]} {NAMES[codec]}/90000"]
    if codec == "h264":
        lines.append(f"a=fmtp:{PAYLOAD_TYPES[0]} packetization-mode=1")
    lines += [f"m=audio {ports[1]} RTP/AVP {PAYLOAD_TYPES[1]}", f"a=rtpmap:{PAYLOAD_TYPES[1]} opus/48000/2"]
    return "\n".join([*lines, ""])


def _free_ports() -> tuple[int, int]:
    """Two even ports, each with the next one free for RTCP (RFC 3550, section 11)."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < 2:
            first, second = (held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError):
                second.bind(("127.0.0.1", port + 1))
                found += [port] if port % 2 == 0 else []
    return found[0], found[1]


def _is_bound(port: int) -> bool:
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines)


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


async def measure(codec: str, coded: Coded, seconds: float, turns: int, screen: Screen) -> list[dict[str, Any]]:
    """A row for each of them, medians over the turns. Raises LoadFailed."""
    if shutil.which("ffmpeg") is None:
        raise LoadFailed("no ffmpeg: apt-get install ffmpeg")
    contenders: dict[str, Callable[[Path], Awaitable[dict[str, Any]]]] = {
        "ffmpeg -c copy": functools.partial(_by_ffmpeg, codec, coded, seconds),
        "livecore, file": functools.partial(_by_livecore, codec, coded, seconds, ["file"], MESSAGE_S),
    }
    if codec != "vp8":
        contenders[PLAYED] = functools.partial(_by_livecore, codec, coded, seconds, ["file", "hls"], PART_S)
    if record_chromium.is_there():
        contenders["Chromium's MediaRecorder"] = functools.partial(_by_chromium, codec, seconds)
    found: dict[str, list[dict[str, Any]]] = {label: [] for label in contenders}
    with screen.stage(f"{codec}: by turns", turns * len(contenders)) as advance:
        for _ in range(turns):
            for label, run in contenders.items():
                with tempfile.TemporaryDirectory(prefix="livecore-bench-") as name:
                    found[label].append(await run(Path(name)))
                advance(1, label)
    return [_row(codec, label, each) for label, each in found.items()]


def _row(codec: str, label: str, turns: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [each["cpu_ms_per_s"] for each in turns]
    return turns[0] | {
        "label": f"{codec}, {label}",
        "codec": codec,
        "segments": label == PLAYED,
        "seconds": round(sum(each["seconds"] for each in turns), 2),
        "cpu_ms_per_s": round(statistics.median(costs), 2),
        "turns": " ".join(f"{cost:.2f}" for cost in costs),
    }


async def _by_ffmpeg(codec: str, coded: Coded, seconds: float, directory: Path) -> dict[str, Any]:
    ffmpeg = Ffmpeg(directory, codec)
    try:
        await ffmpeg.listen()
        (spent,) = await record_socket.spent([ffmpeg], codec, coded, seconds)
        ffmpeg.end()
        return _found(spent, pictures_in(ffmpeg.path))
    finally:
        ffmpeg.stop()


async def _by_livecore(codec: str, coded: Coded, seconds: float, outputs: list[str], batch_s: float, directory: Path) -> dict[str, Any]:
    recorder = record_socket.Recorder(directory / "recorder", batch_s)
    try:
        await recorder.open(codec, outputs, 1)
        (spent,) = await record_socket.spent([recorder], codec, coded, seconds)
        finished = await recorder.close()
        return _found(spent, pictures_in(directory / "recorder" / "recordings" / finished["path"]))
    finally:
        recorder.stop()


async def _by_chromium(codec: str, seconds: float, directory: Path) -> dict[str, Any]:
    found, path = await record_chromium.measure(directory, codec, seconds)
    return found | {"frames": pictures_in(path)}


def _found(spent: record_socket.Spent, pictures: int) -> dict[str, Any]:
    return {
        "seconds": spent.seconds,
        "cpu_ms_per_s": 1000 * spent.cpu_s / spent.seconds,
        "messages_per_s": round(spent.messages / spent.seconds, 1),
        "frames": pictures,
    }
