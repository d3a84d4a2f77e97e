"""Segments on disk, one directory a stream, and what is told of them. Main processes read the same files.

    STREAM/journal      one JSON line for the stream's facts, then one for each event (`playlist`)
    STREAM/init3.mp4    an initialisation segment
    STREAM/17.m4s       a segment; its parts are appended to it one by one

Nothing is synced: what a power cut takes, nobody is watching any more. A killed recorder leaves whole lines but the last. The parts of a
segment are in the journal once it is whole, in one write; those of the last are read from its file (`cmaf.read_fragments`).
"""

import json
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from livecore.media.cmaf import read_fragments
from livecore.media.playlist import Event, Facts, Segment, Stream

log = structlog.get_logger("livecore.recorder")

STREAM_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
# Players may still ask for what has just left the playlist (RFC 8216bis, 6.2.2: its own length and the playlist's; they seldom do).
GRACE_S = 30.0

# Called with a stream's id and its new events, in order.
Tell = Callable[[str, list[Event]], None]


class StoredStream:
    """One stream being written: keeps `segmenter.SegmentSink`. A disk that refuses ends the stream, not its caller.

    `wall_ms` says the Unix milliseconds of a position on the recorder's monotonic clock.
    """

    def __init__(self, id: str, directory: Path, stream: Stream, journal: BinaryIO, tell: Tell, wall_ms: Callable[[float], int]) -> None:
        self.id = id
        self.stream = stream
        self.failure: str | None = None  # why nothing more is written; None while all is well
        self.ended_at: float | None = None  # monotonic; None while it runs
        self.told_at = time.monotonic()  # when something last happened
        self._directory = directory
        self._journal = journal
        self._tell = tell
        self._wall_ms = wall_ms
        self._file: BinaryIO | None = None  # of the segment being written
        self._unwritten: list[tuple[bytes, Event]] = []  # parts of it that came together, until `flush`
        self._unnoted: list[Event] = []  # its parts, not yet in the journal
        self._init = max(stream.inits, default=-1)
        self._gone: deque[tuple[float, Segment]] = deque()  # left the playlist, files still there

    def flush(self) -> None:
        """Append the parts that wait, in one write; only then do others hear of them."""
        if not self._unwritten:
            return
        parts, self._unwritten = self._unwritten, []
        if self.failure is not None or self._file is None:
            return
        try:
            self._file.write(parts[0][0] if len(parts) == 1 else b"".join([data for data, _ in parts]))
            for _, event in parts:
                self.note(event)
        except OSError as refused:
            self._fail(refused)

    def begin(self, init: bytes, codecs: str, width: int, height: int) -> None:
        self._init += 1

        def write() -> None:
            (self._directory / f"init{self._init}.mp4").write_bytes(init)

        self._do(write, ["init", self._init, codecs, width, height, len(init)])

    def open_segment(self, position_s: float, is_discontinuity: bool) -> None:
        def create() -> None:
            self._file = (self._directory / f"{self.stream.next_msn}.m4s").open("wb", buffering=0)

        self._do(create, ["seg", self.stream.next_msn, self._init, is_discontinuity, self._wall_ms(position_s)])

    def part(self, data: bytes, duration_s: float, is_independent: bool) -> None:
        self._unwritten.append((data, ["part", round(duration_s, 5), is_independent, len(data)]))

    def close_segment(self) -> None:
        self.flush()
        current = self.stream.current
        if current is None:
            return
        self._do(self._close_file, ["done"])

    def end(self) -> None:
        if self.ended_at is None:
            self.close_segment()
            self._do(self._close_file, ["end"])
            self.ended_at = time.monotonic()
            self._journal.close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _do(self, write: Callable[[], None], event: Event) -> None:
        """Files first, then the journal, then those who are told."""
        self.flush()
        if self.failure is not None or self.ended_at is not None:
            return
        try:
            write()
            self.note(event)
        except OSError as refused:
            self._fail(refused)

    def note(self, event: Event) -> None:
        """The journal, where a part waits for the end of its segment, then those who are told. Raises OSError."""
        self._unnoted.append(event)
        if event[0] != "part":
            events, self._unnoted = self._unnoted, []
            self._journal.write(b"".join([json.dumps(one).encode() + b"\n" for one in events]))
        self._apply(event)

    def _apply(self, event: Event) -> None:
        now = self.told_at = time.monotonic()
        self._gone += [(now, segment) for segment in self.stream.apply(event)]
        self._tell(self.id, [event])

    def _fail(self, refused: OSError) -> None:
        """Viewers are told the end; what they have stays."""
        self.failure = refused.strerror or "refused"
        log.error("hls_refused", stream=self.id, error=self.failure)
        if self.stream.current is not None and not self.stream.current.parts:
            self._apply(["gap"])
        elif self.stream.current is not None:
            self._apply(["done"])
        self._apply(["end"])
        self.ended_at = time.monotonic()
        for file in (self._file, self._journal):
            if file is not None:
                file.close()

    def sweep(self, now: float) -> None:
        """Delete what left the playlist a while ago."""
        while self._gone and now - self._gone[0][0] > GRACE_S:
            _, segment = self._gone.popleft()
            (self._directory / f"{segment.msn}.m4s").unlink(missing_ok=True)
            oldest = self.stream.segments[0].init if self.stream.segments else segment.init
            for number in range(segment.init, oldest):
                (self._directory / f"init{number}.mp4").unlink(missing_ok=True)


class SegmentDirectory:
    """All streams of a recorder. `tell` is called for each event, `gone` when a stream's files are deleted.

    Args:
        keep_s: how long an ended stream stays.
    """

    def __init__(self, directory: Path, keep_s: float, tell: Tell, gone: Callable[[str], None], wall_ms: Callable[[float], int]) -> None:
        self._directory = directory
        self._keep_s = keep_s
        self._tell = tell
        self._gone = gone
        self._wall_ms = wall_ms
        self.streams: dict[str, StoredStream] = {}

    def open(self, id: str, facts: Facts) -> StoredStream:
        """A new stream, or one that a dead recorder left, to go on with. Raises OSError, ValueError."""
        if not STREAM_ID.fullmatch(id):
            raise ValueError("stream id")
        known = self.streams.get(id)
        if known is not None and known.ended_at is None:
            return known
        place = self._directory / id
        stream = self._read(place)
        if stream is None:
            # Numbers are never used twice: a stream that was ended and begins again goes on with its own.
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True, mode=0o700)
            stream = Stream(facts)
        is_new = not (place / "journal").exists()
        # One write a line: whoever reads it after a kill sees whole ones.
        journal = (place / "journal").open("ab", buffering=0)
        if is_new:
            journal.write(json.dumps(asdict(facts)).encode() + b"\n")
        stored = self.streams[id] = StoredStream(id, place, stream, journal, self._tell, self._wall_ms)
        for event in self._mended(place, stream):
            stored.note(event)
        return stored

    def _mended(self, place: Path, stream: Stream) -> list[Event]:
        """What ends a segment that a kill cut short."""
        current = stream.current
        if current is None:
            return []
        path = place / f"{current.msn}.m4s"
        parts = read_fragments(path.read_bytes()) if path.exists() else []
        if not parts:
            return [["gap"]]
        os.truncate(path, sum(part.size for part in parts))
        return [*(["part", round(part.duration_s, 5), part.is_independent, part.size] for part in parts), ["done"]]

    def _read(self, place: Path) -> Stream | None:
        """The state that a journal tells, None when there is none that can be read."""
        try:
            lines = (place / "journal").read_bytes().split(b"\n")
            stream = Stream(Facts(**json.loads(lines[0])))
            for line in lines[1:-1]:
                stream.apply(json.loads(line))
        except (OSError, ValueError, TypeError, IndexError, KeyError):
            return None
        return stream

    def sweep(self, now: float) -> None:
        """Delete what is past its time."""
        for id, stored in list(self.streams.items()):
            if stored.ended_at is not None and now - stored.ended_at > self._keep_s:
                del self.streams[id]
                shutil.rmtree(self._directory / id, ignore_errors=True)
                self._gone(id)
            else:
                stored.sweep(now)

    def sweep_left_behind(self) -> None:
        """Delete what a former recorder left and nobody went on with."""
        if not self._directory.is_dir():
            return
        for place in self._directory.iterdir():
            if place.name not in self.streams:
                shutil.rmtree(place, ignore_errors=True)

    def stats(self) -> dict[str, Any]:
        return {
            "streams": sum(stored.ended_at is None for stored in self.streams.values()),
            "failed": sum(stored.failure is not None for stored in self.streams.values()),
        }
