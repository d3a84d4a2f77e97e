"""`livecore bench record`: what a recorded second costs, codec by codec: packets of real coded pictures and sound into a file, and into segments too.

Everything between the recorder's socket and the disk is in it: order, depacketising, time, muxing, writing; and the finishing copy. The
socket is not, nor the worker's side; `process` adds the whole recorder process (`record_socket`),
`beside` ffmpeg and Chromium's MediaRecorder by turns with it (`record_beside`). `aiortc` records the same pictures as its MediaRecorder does, from decoded frames, encoded anew.
"""

import asyncio
import contextlib
import itertools
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from bench import packetise
from bench.report import Column, Report
from bench.screen import Screen
from livecore.media.file_parts import open_writer
from livecore.media.fragments import FragmentWriter
from livecore.media.intake import Track
from livecore.media.mux import Layout, WebmWriter
from livecore.media.playlist import Facts, Stream
from livecore.media.recording import Recording
from livecore.media.repair import finish
from livecore.media.segment_sink import SegmentSettings
from livecore.media.segment_store import StoredStream
from livecore.media.segmenter import Segmenter
from livecore.media.tap import extend

CODECS = ("vp8", "h264", "vp9", "av1")
SIZE = (1280, 720)
# Coded once and sent again and again: coding costs a thousand times what recording does.
CODED_S = 2.0
# As often as segments' parts end.
PART_S = 0.2
COLUMNS: list[Column] = [
    ("label", "what", 0),
    ("cpu_ms_per_s", "CPU-ms a recorded second", 2),
    ("finish_ms_per_s", "of it finishing", 2),
    ("seconds", "seconds recorded", 0),
    ("kbit_per_s", "kb/s", 0),
    ("frames", "pictures in it", 0),
    ("turns", "each turn", 0),
]
PLOT: dict[str, Any] = {"label": "label", "bars": ("cpu_ms_per_s", "CPU-ms a recorded second"), "lines": []}


@dataclass(frozen=True)
class RecordOptions:
    """`aiortc_seconds`, `process_seconds` and `beside_seconds` 0 leave these out: each takes about as long as it records."""

    codecs: Sequence[str] = CODECS
    seconds: float = 20.0
    aiortc_seconds: float = 2.0
    process_seconds: float = 0.0
    process_lives: int = 1
    beside_seconds: float = 0.0
    beside_turns: int = 3


async def run(options: RecordOptions, screen: Screen) -> Report:
    report = Report("record", asdict(options))
    report.notes.append(
        "CPU is of this process alone (user and system): 720p at 30 pictures a second with Opus, from packets to a finished file."
    )
    if options.beside_seconds:
        report.notes.append(
            "By turns: the median of each one's turns, CPU of its whole process. Closing the file is in neither; receiving is in ffmpeg's, in livecore's "
            "it is the media worker's. Chromium's is what its browser took more than for drawing alone."
        )
    for codec in options.codecs:
        with screen.stage(f"{codec}: coding", 1) as advance:
            coded = packetise.coded_video(codec, CODED_S, size=SIZE, gop=60), packetise.coded_audio(CODED_S)
            advance(1)
        for segments in (False,) if codec == "vp8" else (False, True):
            with screen.stage(f"{codec}: recording", 1) as advance:
                report.results.append(_recorded(codec, coded, options.seconds, segments))
                advance(1)
        if options.process_seconds:
            from bench import record_socket

            with screen.stage(f"{codec}: the recorder process", 1) as advance:
                outputs = ["file"] if codec == "vp8" else ["file", "hls"]
                report.results += await record_socket.measure(codec, coded, options.process_seconds, outputs, options.process_lives)
                advance(1)
        if options.beside_seconds and codec in ("vp8", "h264"):
            from bench import record_beside

            report.results += await record_beside.measure(codec, coded, options.beside_seconds, options.beside_turns, screen)
        if options.aiortc_seconds and codec in ("vp8", "h264"):
            with screen.stage(f"{codec}: aiortc", 1) as advance:
                report.results.append(await _by_aiortc(codec, coded[0], options.aiortc_seconds))
                advance(1)
    return report


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rounds(codec: str, coded: tuple[list[Any], list[Any]], seconds: float) -> Iterator[list[packetise.Sent]]:
    """Round by round, in order of sending."""
    number, sound_number = 1000, 50
    for index in range(max(1, round(seconds / CODED_S))):
        at = index * CODED_S
        packets = [
            *packetise.video_packets(codec, coded[0], number=number, timestamp=round(at * 90_000), at=at),
            *packetise.audio_packets(coded[1], number=sound_number, timestamp=round(at * 48_000), at=at),
        ]
        number = max(sent.number for sent in packets if sent.track == 0) + 1
        sound_number = max(sent.number for sent in packets if sent.track == 1) + 1
        yield sorted(packets, key=lambda sent: sent.at)


def runs(packets: Iterable[packetise.Sent], offset_s: float = 0.0) -> list[list[Any]]:
    """Packets as a media worker's tap joins them (`intake.Run`); they arrived `offset_s` after the times that they say."""
    found: list[list[Any]] = []
    last: dict[int, list[Any]] = {}
    for sent in packets:
        at = sent.at + offset_s
        run = last.get(sent.track)
        if run is None or not extend(run, sent.number, sent.timestamp, sent.marker, sent.payload, at, 48_000 if sent.track else 0):
            run = last[sent.track] = [sent.track, sent.number, sent.timestamp, sent.marker, [sent.payload], at, 0]
            found.append(run)
    return found


def _messages(packets: Sequence[packetise.Sent]) -> Iterator[tuple[float, list[list[Any]]]]:
    """What a media worker sends together, and when."""
    for part, group in itertools.groupby(packets, key=lambda sent: int(sent.at / PART_S)):
        yield (part + 1) * PART_S, runs(group)


def _recorded(codec: str, coded: tuple[list[Any], list[Any]], seconds: float, segments: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="livecore-bench-") as name:
        directory = Path(name)
        tracks = [Track(0, "video", codec, 90_000), Track(1, "audio", "opus", 48_000, 2)]
        writers: list[FragmentWriter | WebmWriter] = []

        def open_part(_part: int, layout: Layout, _start_s: float) -> FragmentWriter | WebmWriter:
            writers.append(open_writer(directory / "open", layout))
            return writers[-1]

        segmenter = None
        if segments:
            facts = Facts("live", "stream", 4, 0.224, 1800.0)
            journal = (directory / "journal").open("wb", buffering=0)
            stored = StoredStream(
                "stream", directory, Stream(facts), journal, lambda _id, _events: None, lambda position_s: round(1000 * position_s)
            )
            segmenter = Segmenter(SegmentSettings(), stored)
        recording = Recording(tracks, open_part, lambda _part, _reason: None, segmenter=segmenter)
        spent_s = size = 0.0
        for packets in rounds(codec, coded, seconds):
            size += sum(len(sent.payload) for sent in packets)
            messages = list(_messages(packets))
            began = _cpu_s()
            for now, message in messages:
                recording.runs(message, now)
                recording.tick(now)
            spent_s += _cpu_s() - began
        began = _cpu_s()
        recording.close(seconds, "ended")
        spent_s += _cpu_s() - began
        began = _cpu_s()
        contents = finish(directory / "open", directory / "done", "webm" if codec == "vp8" else "mp4")
        finish_s = _cpu_s() - began
    recorded_s = contents.duration_s
    return {
        "label": f"{codec}, file and segments" if segments else f"{codec}, file",
        "codec": codec,
        "segments": segments,
        "seconds": round(recorded_s, 2),
        "frames": writers[0].video_frames,
        "kbit_per_s": round(size * 8e-3 / recorded_s),
        "cpu_ms_per_s": round(1000 * (spent_s + finish_s) / recorded_s, 3),
        "finish_ms_per_s": round(1000 * finish_s / recorded_s, 3),
    }


async def _by_aiortc(codec: str, coded: list[Any], seconds: float) -> dict[str, Any]:
    """What aiortc's recorder does with a received track: each picture decoded, and coded again."""
    import av
    from aiortc.contrib.media import MediaRecorder
    from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

    pictures = round(seconds * 30)

    class Received(MediaStreamTrack):
        kind = "video"

        def __init__(self) -> None:
            super().__init__()
            self._decoder: Any = av.CodecContext.create(codec, "r")
            self._index = 0

        async def recv(self) -> Any:
            # A turn of the loop a picture, as packets would take.
            await asyncio.sleep(0)
            while self._index < pictures:
                data = coded[self._index % len(coded)][1]
                self._index += 1
                for frame in self._decoder.decode(av.Packet(data)):
                    frame.pts = self._index
                    frame.time_base = Fraction(1, 30)
                    return frame
            raise MediaStreamError

    with tempfile.TemporaryDirectory(prefix="livecore-bench-") as name:
        recorder = MediaRecorder(str(Path(name) / ("out.webm" if codec == "vp8" else "out.mp4")))
        track = Received()
        recorder.addTrack(track)
        began, wall = _cpu_s(), time.monotonic()
        await recorder.start()
        while track.readyState == "live" and track._index < pictures and time.monotonic() - wall < 60 * seconds:
            await asyncio.sleep(0.05)
        with contextlib.suppress(MediaStreamError):
            await recorder.stop()
        spent_s = _cpu_s() - began
    return {
        "label": f"{codec}, aiortc's MediaRecorder",
        "codec": codec,
        "segments": False,
        "seconds": seconds,
        "frames": pictures,
        "kbit_per_s": None,
        "cpu_ms_per_s": round(1000 * spent_s / seconds, 1),
        "finish_ms_per_s": None,
    }
