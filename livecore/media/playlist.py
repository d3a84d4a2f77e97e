"""The state of one HLS stream, and its playlists (RFC 8216bis). Pure: the recorder and every main process keep the same state
from the same events.

Events are short lists, as they stand in the journal and go over the socket:

    ["init", number, codecs, width, height, bytes]   what follows is described by this initialisation segment
    ["seg", msn, init, discontinuity, at_ms]         a segment begins; `at_ms` is its wall-clock time
    ["part", duration_s, independent, bytes]         a part was appended to it
    ["done"]                                         it is whole
    ["gap"]                                          as "done", but its bytes are lost
    ["end"]                                          nothing more comes, unless its publisher thinks again
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Event = list[Any]

# The stream of a publication whose sound is AAC, beside the one as it was sent.
AAC_SUFFIX = "-aac"

# Parts are listed for the last three target durations (6.2.2); older segments are whole.
_PARTS_FOR_TARGETS = 3
# A delta update leaves out what is older than six target durations (4.4.3.8).
_SKIP_TARGETS = 6
# Wall-clock time is repeated so often, in segments: a player that joins in the middle of the window finds one near.
_DATE_EVERY = 8
# RFC 8216bis, 4.4.3.8: at least three part targets.
_HOLD_BACK_PARTS = 3
# Sums of many lengths.
_ROUNDING_S = 0.001
# Playlists of version 9 have delta updates with skipped tags.
_VERSION = 9


@dataclass(frozen=True, slots=True)
class Init:
    number: int
    codecs: str
    width: int
    height: int
    size: int


@dataclass(slots=True)
class Part:
    """`offset`, `size` in bytes in its segment's file."""

    duration_s: float
    is_independent: bool
    offset: int
    size: int


@dataclass(slots=True)
class Segment:
    """`at_ms`: Unix milliseconds of its first picture. `parts` of an old segment are forgotten, its length and size are not."""

    msn: int
    init: int
    is_discontinuity: bool
    at_ms: int
    parts: list[Part] = field(default_factory=list)
    is_gap: bool = False
    duration_s: float = 0.0
    size: int = 0

    def add(self, duration_s: float, is_independent: bool, size: int) -> None:
        self.parts.append(Part(duration_s, is_independent, self.size, size))
        self.duration_s += duration_s
        self.size += size


@dataclass(frozen=True, slots=True)
class Facts:
    """What is fixed for a stream. Times in seconds.

    Attributes:
        target_s: no segment is longer.
        part_target_s: no part is longer, unless one picture is.
        window_s: how far back a viewer may go.
    """

    live: str
    publication: str
    target_s: int
    part_target_s: float
    window_s: float


class Stream:
    """`segments`: whole ones, oldest first; `current`: the one being written, None between two. `version` grows with each event."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.inits: dict[int, Init] = {}
        self.segments: deque[Segment] = deque()
        self.current: Segment | None = None
        self.next_msn = 0
        self.discontinuities_gone = 0
        self.is_ended = False
        self.version = 0
        self._length_s = 0.0
        self._old_lines: dict[int, list[str]] = {}  # what a whole segment says, by msn

    # -- events

    def apply(self, event: Event) -> list[Segment]:
        """Take an event; answers the segments that left the window by it. Raises ValueError, IndexError or TypeError for what is no event."""
        self.version += 1
        match event[0]:
            case "part":
                self._writing().add(float(event[1]), bool(event[2]), int(event[3]))
            case "seg":
                self.is_ended = False
                self.current = Segment(int(event[1]), int(event[2]), bool(event[3]), int(event[4]))
                self.next_msn = self.current.msn + 1
            case "done" | "gap":
                current = self._writing()
                current.is_gap = event[0] == "gap"
                self.current = None
                self.segments.append(current)
                self._length_s += current.duration_s
                self._forget_parts()
                return list(self._trim())
            case "init":
                init = Init(int(event[1]), str(event[2]), int(event[3]), int(event[4]), int(event[5]))
                self.inits[init.number] = init
            case "end":
                self.is_ended = True
            case _:
                raise ValueError(f"no event: {event[0]!r}")
        return []

    def _writing(self) -> Segment:
        if self.current is None:
            raise ValueError("no segment is being written")
        return self.current

    def _forget_parts(self) -> None:
        with_parts = self._with_parts()
        for segment in reversed(self.segments):
            if segment.msn not in with_parts:
                if not segment.parts:
                    return
                segment.parts = []

    def _trim(self) -> Iterator[Segment]:
        while len(self.segments) > 1 and self._length_s - self.segments[0].duration_s >= self.facts.window_s - _ROUNDING_S:
            gone = self.segments.popleft()
            self._length_s -= gone.duration_s
            self.discontinuities_gone += gone.is_discontinuity
            self._old_lines.pop(gone.msn, None)
            for number in [n for n in self.inits if n < self.segments[0].init]:
                del self.inits[number]
            yield gone

    def snapshot(self) -> list[Event]:
        """Events that lead to this state; parts that nobody asks for any more are joined."""
        events: list[Event] = [["init", i.number, i.codecs, i.width, i.height, i.size] for i in self.inits.values()]
        with_parts = self._with_parts()
        for segment in [*self.segments, *([self.current] if self.current else [])]:
            events.append(["seg", segment.msn, segment.init, segment.is_discontinuity, segment.at_ms])
            if segment.msn in with_parts and segment.parts:
                events += [["part", part.duration_s, part.is_independent, part.size] for part in segment.parts]
            elif segment.size:
                events.append(["part", segment.duration_s, True, segment.size])
            if segment is not self.current:
                events.append(["gap" if segment.is_gap else "done"])
        if self.is_ended:
            events.append(["end"])
        return events

    # -- what is there

    @property
    def is_playable(self) -> bool:
        """Whether a player would find something to begin with."""
        return bool(self.segments) or (self.current is not None and bool(self.current.parts))

    def has(self, msn: int, part: int | None) -> bool:
        """Whether the playlist has this segment, or this part of it, or something after it (6.2.5.2)."""
        if self.is_ended:
            return True
        # While none is being written, the next one counts as begun and empty.
        newest = self.current.msn if self.current is not None else self.next_msn
        if part is None:
            return newest > msn
        count = len(self.current.parts) if self.current is not None else 0
        before = self.segments[-1] if self.segments else None
        if before is not None and newest == msn + 1 and before.msn == msn and part >= len(before.parts):
            # Behind the end of a segment the first part of the next is meant.
            return count > 0
        return newest > msn or (newest == msn and count > part)

    def find(self, msn: int) -> Segment | None:
        if self.current is not None and self.current.msn == msn:
            return self.current
        if not self.segments or not self.segments[0].msn <= msn <= self.segments[-1].msn:
            return None
        return self.segments[msn - self.segments[0].msn]

    @property
    def hint(self) -> tuple[int, int]:
        """Segment and part that come next."""
        if self.current is not None:
            return self.current.msn, len(self.current.parts)
        return self.next_msn, 0

    @property
    def newest_init(self) -> Init | None:
        return self.inits[max(self.inits)] if self.inits else None

    # -- playlists

    def _with_parts(self) -> set[int]:
        """Segments whose parts are listed."""
        found, length_s = set(), 0.0
        if self.current is not None:
            found.add(self.current.msn)
            length_s = self.current.duration_s
        for segment in reversed(self.segments):
            if length_s > _PARTS_FOR_TARGETS * self.facts.target_s:
                break
            found.add(segment.msn)
            length_s += segment.duration_s
        return found

    def playlist(self, skip: bool = False) -> str:
        """The media playlist; `skip`: as a delta update, if that leaves anything out (6.2.5.1)."""
        facts = self.facts
        first = self.segments[0].msn if self.segments else (self.current.msn if self.current else self.next_msn)
        skip_until_s = _SKIP_TARGETS * facts.target_s
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{_VERSION}",
            f"#EXT-X-TARGETDURATION:{facts.target_s}",
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={_HOLD_BACK_PARTS * facts.part_target_s:.3f}"
            f",CAN-SKIP-UNTIL={skip_until_s:.1f}",
            f"#EXT-X-PART-INF:PART-TARGET={facts.part_target_s:.3f}",
            f"#EXT-X-MEDIA-SEQUENCE:{first}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.discontinuities_gone}",
        ]
        skipped = self._skippable(skip_until_s) if skip else 0
        if skipped:
            lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
        with_parts = self._with_parts()
        init = self.segments[skipped - 1].init if skipped else None
        for index in range(skipped, len(self.segments)):
            segment = self.segments[index]
            lines += self._lines(segment, init, is_first=index == 0, with_parts=segment.msn in with_parts)
            init = segment.init
        if self.current is not None:
            lines += self._head(self.current, init, is_first=not self.segments)
            lines += _parts(self.current)
        if self.is_ended:
            lines.append("#EXT-X-ENDLIST")
        else:
            msn, part = self.hint
            lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p{msn}.{part}.m4s"')
        return "\n".join(lines) + "\n"

    def _skippable(self, skip_until_s: float) -> int:
        """How many segments are further from the end than that."""
        if self.is_ended:
            return 0
        left_s = self._length_s + (self.current.duration_s if self.current is not None else 0.0)
        count = 0
        for segment in self.segments:
            left_s -= segment.duration_s
            if left_s < skip_until_s:
                break
            count += 1
        return count

    def _lines(self, segment: Segment, init: int | None, is_first: bool, with_parts: bool) -> list[str]:
        if with_parts or is_first or init is None:
            return self._made(segment, init, is_first, with_parts)
        made = self._old_lines.get(segment.msn)
        if made is None:
            made = self._old_lines[segment.msn] = self._made(segment, init, is_first, with_parts)
        return made

    def _made(self, segment: Segment, init: int | None, is_first: bool, with_parts: bool) -> list[str]:
        lines = self._head(segment, init, is_first)
        if segment.is_gap:
            lines.append("#EXT-X-GAP")
        elif with_parts:
            lines += _parts(segment)
        return [*lines, f"#EXTINF:{segment.duration_s:.5f},", f"s{segment.msn}.m4s"]

    def _head(self, segment: Segment, init: int | None, is_first: bool) -> list[str]:
        lines = []
        # The first segment's own is counted by EXT-X-DISCONTINUITY-SEQUENCE only once it has gone.
        if segment.is_discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if segment.init != init:
            lines.append(f'#EXT-X-MAP:URI="init{segment.init}.mp4"')
        if is_first or segment.is_discontinuity or segment.msn % _DATE_EVERY == 0:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{_date(segment.at_ms)}")
        return lines


def _parts(segment: Segment) -> list[str]:
    return [
        f'#EXT-X-PART:DURATION={part.duration_s:.5f},URI="p{segment.msn}.{index}.m4s"' + (",INDEPENDENT=YES" if part.is_independent else "")
        for index, part in enumerate(segment.parts)
    ]


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Variant:
    """One stream in a multivariant playlist."""

    uri: str
    codecs: str
    width: int
    height: int
    bandwidth_bps: int


def multivariant(variants: Iterable[Variant]) -> str:
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}"]
    for variant in variants:
        attributes = f'BANDWIDTH={variant.bandwidth_bps},CODECS="{variant.codecs}"'
        if variant.width:
            attributes += f",RESOLUTION={variant.width}x{variant.height}"
        lines += [f"#EXT-X-STREAM-INF:{attributes}", variant.uri]
    return "\n".join(lines) + "\n"
