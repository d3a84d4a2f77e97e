"""How segments for HLS are cut, and what takes them (`SegmentSink`)."""

from dataclasses import dataclass
from typing import Protocol

# A part ends once it has this much of `part_s`: the frame that would fill it up would mostly exceed it.
PART_FILLED = 0.95
# What is announced leaves room for one frame of 33 ms, and no part is below 85 % of it (RFC 8216bis, 4.4.3.7).
PART_TARGET = 1.12


@dataclass(frozen=True, slots=True)
class SegmentSettings:
    """`target_s`: what no segment exceeds, whole seconds; twice `segment_s` leaves time for a key frame to come.

    `aac`: whether a second stream is made whose sound is AAC.
    """

    part_s: float = 0.2
    segment_s: float = 2.0
    aac: bool = False

    @property
    def target_s(self) -> int:
        return max(1, -(-round(2000 * self.segment_s) // 1000))

    @property
    def part_target_s(self) -> float:
        return round(self.part_s * PART_TARGET, 3)


class SegmentSink(Protocol):
    """Takes what a segmenter makes, in order. Never raises at it."""

    def begin(self, init: bytes, codecs: str, width: int, height: int) -> None:
        """What follows is described by this initialisation segment. `codecs` as RFC 6381 has it."""
        ...

    def open_segment(self, position_s: float, is_discontinuity: bool) -> None: ...

    def part(self, data: bytes, duration_s: float, is_independent: bool) -> None: ...

    def close_segment(self) -> None: ...

    def end(self) -> None: ...

    def flush(self) -> None:
        """What came together is whole; parts may be written now at the latest."""
        ...
