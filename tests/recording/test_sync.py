"""A flash and a beep of the same instant for an hour, on clocks that drift apart: where a player shows and plays them."""

import io
import itertools
import random
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest

from bench import packetise
from bench.packetise import Sent
from bench.record import runs
from livecore.media.file_parts import open_writer
from livecore.media.intake import Track
from livecore.media.mux import Layout
from livecore.media.recording import Recording
from livecore.media.repair import finish
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segmenter import Segmenter
from tests.hls.reading import Kept

# Nobody sees lips that are nearer than this.
LIMIT_S = 0.04
HOUR_S = 3600
# Coded once and sent again and again, pictures few and small: the instants are what counts.
LOOP_S, RATE, SIZE, GOP, SOUND_S = 30, 5, (64, 48), 10, 0.06
EVENT_S, BEEP_S = 4.2, 0.1
# Speech with pauses in which the sender sends nothing.
SPEECH = (3.9, 5.1)
# A poor sound card: 0.36 s in an hour.
DRIFT = 100e-6
# Both leave as one; the picture takes longer to code and to send.
PICTURE_DELAY_S, SOUND_DELAY_S, JITTER_S = 0.18, 0.04, 0.03
REPORT_S, MESSAGE_S = 5.0, 0.4
VIDEO_START, AUDIO_START, NTP_START_S = 0xFFFFF000, 12_345, 3_900_000_000
SAMPLES = round(SOUND_S * 48_000)


def flash(index: int, width: int, height: int) -> av.VideoFrame:
    level = 235 if index == round(EVENT_S * RATE) else 16
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (level, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def beeps() -> list[bytes]:
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.format, context.layout, context.bit_rate = 48_000, "s16", "mono", 24_000
    context.options = {"frame_duration": str(round(1000 * SOUND_S))}
    first, last = round(EVENT_S * 48_000), round((EVENT_S + BEEP_S) * 48_000)
    found = []
    for start in range(0, LOOP_S * 48_000, SAMPLES):
        tone = array("h", (12_000 * (1 - n // 24 % 2 * 2) if first <= n < last else 0 for n in range(start, start + SAMPLES)))
        frame = av.AudioFrame("s16", "mono", SAMPLES)
        frame.planes[0].update(tone.tobytes())
        frame.sample_rate, frame.pts = 48_000, start
        found += [bytes(packet) for packet in context.encode(frame)]
    return found


def sent(codec: str, seconds: float, dice: random.Random) -> Iterator[Sent]:
    """In order of arrival. Picture and sound are taken at the pace of the sound card, which is the fast one."""
    pictures = [
        packetise.PACKETISE[codec](data, is_key) for _, data, is_key in packetise.coded_video(codec, LOOP_S, SIZE, RATE, GOP, flash)
    ]
    sounds = beeps()
    numbers = itertools.count(1000)
    heard = itertools.count(50)
    for loop in range(round(seconds / LOOP_S)):
        packets: list[Sent] = []
        for index, payloads in enumerate(pictures):
            taken_s = (loop * LOOP_S + index / RATE) / (1 + DRIFT)
            at, timestamp = taken_s + PICTURE_DELAY_S + dice.random() * JITTER_S, VIDEO_START + round(taken_s * 90_000) & 0xFFFFFFFF
            packets += [Sent(0, next(numbers), timestamp, payload is payloads[-1], payload, at) for payload in payloads]
        for index, payload in enumerate(sounds):
            if SPEECH[0] <= index * SOUND_S < SPEECH[1]:
                sample = loop * LOOP_S * 48_000 + index * SAMPLES
                at = sample / 48_000 / (1 + DRIFT) + SOUND_DELAY_S + dice.random() * JITTER_S
                packets.append(Sent(1, next(heard), AUDIO_START + sample & 0xFFFFFFFF, False, payload, at))
        yield from sorted(packets, key=lambda one: one.at)


@dataclass
class Seen:
    """Seconds of a file at which it flashes, and at which it begins to beep."""

    flashes: list[float] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)

    def apart_s(self) -> list[float]:
        assert len(self.flashes) == len(self.beeps), (len(self.flashes), len(self.beeps))
        return [beep - flash for flash, beep in zip(self.flashes, self.beeps, strict=True)]


def look(data: io.BytesIO | str, format: str) -> Seen:
    """Decode everything."""
    seen = Seen()
    quiet_until = -1.0
    with av.open(data, "r", format=format) as container:
        for frame in container.decode():
            assert frame.time is not None
            if isinstance(frame, av.VideoFrame):
                if bytes(frame.planes[0])[0] > 128:
                    seen.flashes.append(frame.time)
            elif isinstance(frame, av.AudioFrame) and frame.time > quiet_until:
                samples = array("f", bytes(frame.planes[0]))
                loud = next((n for n, value in enumerate(samples[: frame.samples]) if abs(value) > 0.1), None)
                if loud is not None:
                    seen.beeps.append(frame.time + loud / 48_000)
                    quiet_until = frame.time + 1.0
    return seen


@pytest.mark.parametrize("codec", ["h264", pytest.param("vp8", marks=pytest.mark.deep)])
def test_after_an_hour_on_drifting_clocks_a_decoded_flash_and_its_beep_are_within_40_ms(tmp_path: Path, codec: str) -> None:
    layouts: list[Layout] = []

    def open_part(_part: int, layout: Layout, _start_s: float) -> Any:
        layouts.append(layout)
        return open_writer(tmp_path / "open", layout)

    kept = Kept(window_s=120.0)
    tracks = [Track(0, "video", codec, 90_000), Track(1, "audio", "opus", 48_000, 1)]
    recording = Recording(tracks, open_part, lambda _part, _reason: None, segmenter=Segmenter(SegmentSettings(), kept))
    reported_s = -REPORT_S
    now = 0.0
    for message, packets in itertools.groupby(sent(codec, HOUR_S, random.Random(1)), key=lambda one: int(one.at / MESSAGE_S)):
        now = (message + 1) * MESSAGE_S
        recording.runs(runs(packets), now)
        if now - reported_s >= REPORT_S:
            reported_s = now
            ntp = round((NTP_START_S + now) * (1 << 32))
            recording.report(0, ntp, VIDEO_START + round(now * 90_000) & 0xFFFFFFFF)
            recording.report(1, ntp, AUDIO_START + round(now * 48_000 * (1 + DRIFT)) & 0xFFFFFFFF)
        recording.tick(now)
    recording.close(now, "ended")
    finish(tmp_path / "open", tmp_path / "done", layouts[0].container)

    apart = look(str(tmp_path / "done"), layouts[0].container).apart_s()
    assert len(apart) == HOUR_S // LOOP_S
    assert max(map(abs, apart)) < LIMIT_S, apart

    if codec != "vp8":
        # The same by HLS, for a viewer who has come within the window at the end of the hour.
        window = kept.segments
        late = look(io.BytesIO(kept.inits[-1] + b"".join(kept.data[segment.msn] for segment in window)), "mp4").apart_s()
        assert len(late) >= 2
        assert max(map(abs, late)) < LIMIT_S, late
