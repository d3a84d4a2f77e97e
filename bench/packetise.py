"""The sender's side of each payload format: coded frames cut into RTP payloads, as a browser would."""

import array
import contextlib
import functools
import json
import marshal
import math
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

MTU = 1100
# A few seconds of small pictures take one or two; on a busy machine ten.
AV1_TIMEOUT_S = 30.0
AV1_TRIES = 4
# The AV1 encoder writes to the terminal on its own.
os.environ.setdefault("SVT_LOG", "-1")


@dataclass
class Sent:
    """One packet: track 0 is the picture, 1 the sound; `at` is when it leaves, seconds."""

    track: int
    number: int
    timestamp: int
    marker: bool
    payload: bytes
    at: float


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def vp8(data: bytes, is_key: bool) -> list[bytes]:
    out = []
    for index, part in enumerate(chunks(data, MTU)):
        # X, then I with a 15-bit picture id: the form that browsers send.
        out.append(bytes([0x80 | (0x10 if index == 0 else 0), 0x80, 0x81, 0x23]) + part)
    return out


def vp9(data: bytes, is_key: bool) -> list[bytes]:
    parts = chunks(data, MTU)
    out = []
    for index, part in enumerate(parts):
        flags = 0x80 | (0 if is_key else 0x40) | (0x08 if index == 0 else 0) | (0x04 if index == len(parts) - 1 else 0)
        out.append(bytes([flags, 0x81, 0x23]) + part)
    return out


def h264(data: bytes, is_key: bool) -> list[bytes]:
    units = annexb_units(data)
    out: list[bytes] = []
    small = [u for u in units if u[0] & 31 in (7, 8)]
    if small:
        out.append(b"\x78" + b"".join(struct.pack(">H", len(u)) + u for u in small))
    for unit in units:
        if unit[0] & 31 in (7, 8):
            continue
        if len(unit) <= MTU:
            out.append(unit)
            continue
        parts = chunks(unit[1:], MTU)
        for index, part in enumerate(parts):
            header = unit[0] & 31 | (0x80 if index == 0 else 0) | (0x40 if index == len(parts) - 1 else 0)
            out.append(bytes([unit[0] & 0xE0 | 28, header]) + part)
    return out


def frame_data(codec: str, data: bytes) -> bytes:
    """A coded picture as a depacketiser gives it: H.264 with the length of each unit before it."""
    if codec != "h264":
        return data
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in annexb_units(data))


def annexb_units(data: bytes) -> list[bytes]:
    return [part for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if part]


def av1_obus(data: bytes) -> list[bytes]:
    """OBUs without size fields and without temporal delimiters."""
    obus = []
    position = 0
    while position < len(data):
        header = data[position]
        head = 2 if header & 4 else 1
        length, start = leb(data, position + head)
        if header >> 3 & 15 != 2:
            obus.append(bytes([header & ~2]) + data[position + 1 : position + head] + data[start : start + length])
        position = start + length
    return obus


def av1_bodies(data: bytes) -> list[bytes]:
    return [obu for obu in av1_obus(data) if obu[0] >> 3 & 15 != 15]


def av1(data: bytes, is_key: bool) -> list[bytes]:
    elements = av1_obus(data)
    out: list[bytes] = []
    first = True
    for element in elements:
        parts = chunks(element, MTU)
        for index, part in enumerate(parts):
            flags = (0x80 if index else 0) | (0x40 if index < len(parts) - 1 else 0) | 0x10
            flags |= 0x08 if first and is_key else 0
            first = False
            out.append(bytes([flags]) + part)
    return out


def leb(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            return value, position


PACKETISE = {"vp8": vp8, "vp9": vp9, "h264": h264, "av1": av1}

ENCODERS = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:lp=1:lookahead=0"}),
}


def picture(index: int, width: int, height: int) -> "av.VideoFrame":
    """A moving gradient with a few flickering blocks, so that frames are neither empty nor huge."""
    frame = av.VideoFrame(width, height, "yuv420p")
    noise = random.Random(index)
    ramp = bytes(range(256)) * (width // 256 + 2)
    for number, plane in enumerate(frame.planes):
        shift = 4 * index + 40 * number
        rows = []
        for y in range(plane.height):
            start = (shift + y) % 256
            rows.append(ramp[start : start + plane.width].ljust(plane.line_size, b"\0"))
        for _ in range(16):
            y, x = noise.randrange(plane.height - 8), noise.randrange(plane.width - 8)
            for row in range(y, y + 8):
                rows[row] = rows[row][:x] + noise.randbytes(8) + rows[row][x + 8 :]
        plane.update(b"".join(rows))
    return frame


def black(index: int, width: int, height: int) -> "av.VideoFrame":
    frame = av.VideoFrame(width, height, "yuv420p")
    for number, plane in enumerate(frame.planes):
        plane.update(bytes([16 if number == 0 else 128]) * (plane.line_size * plane.height))
    return frame


def coded_video(
    codec: str,
    seconds: float,
    size: tuple[int, int] = (320, 180),
    rate: int = 30,
    gop: int = 60,
    draw: Callable[[int, int, int], "av.VideoFrame"] = picture,
    bps: int = 800_000,
) -> list[tuple[float, bytes, bool]]:
    """(time in seconds, data, is key) of each frame. `bps`: not of AV1, whose low-delay mode takes a quality."""
    if codec == "av1":
        return list(_av1_by_child(seconds, size, rate, gop, draw.__name__))
    return _encoded(codec, seconds, size, rate, gop, draw, bps)


@functools.cache
def _av1_by_child(seconds: float, size: tuple[int, int], rate: int, gop: int, draw: str) -> tuple[tuple[float, bytes, bool], ...]:
    """In its low-delay mode SVT-AV1 now and then waits for itself for ever; a process of its own can be ended and begun anew."""
    command = [sys.executable, "-m", "bench.packetise", json.dumps([seconds, size, rate, gop, draw])]
    for tries in range(AV1_TRIES):
        try:
            done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, timeout=AV1_TIMEOUT_S, check=True)
            return tuple(marshal.loads(done.stdout))
        except subprocess.TimeoutExpired:
            if tries == AV1_TRIES - 1:
                raise
    raise AssertionError("no try at all")


def _encoded(
    codec: str, seconds: float, size: tuple[int, int], rate: int, gop: int, draw: Callable[[int, int, int], "av.VideoFrame"], bps: int
) -> list[tuple[float, bytes, bool]]:
    name, options = ENCODERS[codec]
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height = size
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, rate)
    context.framerate = Fraction(rate, 1)
    if codec != "av1":
        context.bit_rate = bps
    context.gop_size = gop
    context.options = options
    out = []
    for index in range(round(seconds * rate)):
        frame = draw(index, *size)
        frame.pts = index
        frame.time_base = Fraction(1, rate)
        out += [(p.pts / rate, bytes(p), p.is_keyframe) for p in context.encode(frame)]
        if codec == "av1" and index == 0:
            _schedule_as_before()
    out += [(p.pts / rate, bytes(p), p.is_keyframe) for p in context.encode(None)]
    return out


def _schedule_as_before() -> None:
    """SVT-AV1 takes the first place of the real-time class for its caller and all its threads when it is run by root, which leaves the
    machine to nobody else."""
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):
            os.sched_setscheduler(int(task), os.SCHED_OTHER, os.sched_param(0))


def coded_audio(seconds: float, channels: int = 2) -> list[tuple[float, bytes]]:
    """(time in seconds, Opus packet of 20 ms)."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate = 48000
    context.format = "s16"
    context.layout = "stereo" if channels == 2 else "mono"
    context.bit_rate = 48_000
    out: list[bytes] = []
    for index in range(round(seconds * 50)):
        frame = av.AudioFrame("s16", context.layout.name, 960)
        samples = array.array("h")
        for n in range(960 * index, 960 * (index + 1)):
            samples.extend([int(8000 * math.sin(2 * math.pi * 440 * n / 48000))] * channels)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = 48000
        frame.pts = 960 * index
        out += [bytes(p) for p in context.encode(frame)]
    return [(0.02 * index, data) for index, data in enumerate(out)]


def video_packets(
    codec: str, frames: list[tuple[float, bytes, bool]], number: int = 1000, timestamp: int = 0xFFFFF000, at: float = 0.0
) -> Iterator[Sent]:
    for time_s, data, is_key in frames:
        payloads = PACKETISE[codec](data, is_key)
        for index, payload in enumerate(payloads):
            ticks = (timestamp + round(time_s * 90000)) & 0xFFFFFFFF
            yield Sent(0, number, ticks, index == len(payloads) - 1, payload, at + time_s + 0.0002 * index)
            number += 1


def audio_packets(packets: list[tuple[float, bytes]], number: int = 50, timestamp: int = 12345, at: float = 0.0) -> Iterator[Sent]:
    for time_s, data in packets:
        yield Sent(1, number, (timestamp + round(time_s * 48000)) & 0xFFFFFFFF, False, data, at + time_s)
        number += 1


def main() -> None:
    """One stream of AV1 to the standard output, for `coded_video`."""
    seconds, size, rate, gop, draw = json.loads(sys.argv[1])
    frames = _encoded("av1", seconds, tuple(size), rate, gop, {"picture": picture, "black": black}[draw], 0)
    sys.stdout.buffer.write(marshal.dumps(frames))


if __name__ == "__main__":
    main()
