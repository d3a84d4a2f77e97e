"""Joining the packets of one picture: what all video payload formats have in common.

A picture ends with the marker bit, or when the timestamp changes (some senders leave the marker out). A gap
breaks the picture that it falls into and, since later pictures refer to it, everything up to the next key
frame: a file with holes plays better than one with smeared pictures.
"""

import struct
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

from livecore.media.depacketise.frame import Frame, Malformed

# A key frame of 4K screen content stays below this; more is a sender that never ends a frame.
FRAME_LIMIT_BYTES = 8 << 20


class PictureAssembler(ABC):
    """Packets to pictures. A codec says how a payload is opened (`_add`) and what the parts make (`_complete`)."""

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()
        self.width = 0
        self.height = 0
        self._parts: list[bytes] = []
        self._size_bytes = 0
        self._timestamp: int | None = None  # None between pictures
        self._broken = False
        self._awaits_key = True

    @property
    def awaits_key(self) -> bool:
        return self._awaits_key

    def push(self, payload: bytes, timestamp: int, marker: bool, gap: bool) -> list[Frame]:
        if gap:
            self._awaits_key = True
            self._broken = self._broken or self._timestamp is not None
        return self.push_all((payload,), timestamp, marker)

    def push_all(self, payloads: Sequence[bytes], timestamp: int, marker: bool, step: int = 0) -> list[Frame]:
        frames: list[Frame] = []
        # A padding-only packet takes a sequence number and carries nothing, its marker neither.
        if not payloads[-1]:
            marker = False
        if timestamp != self._timestamp:
            if not any(payloads):
                return frames
            if self._timestamp is not None:
                self._finish(frames)
            self._begin(timestamp)
        if not self._broken:
            self._size_bytes += sum(map(len, payloads))
            try:
                if self._size_bytes > FRAME_LIMIT_BYTES:
                    raise Malformed("frame_too_large")
                self._add_all(payloads)
            except Malformed as refused:
                self._refuse(refused.reason)
            except (IndexError, struct.error):
                self._refuse("truncated")
        if marker:
            self._finish(frames)
        return frames

    def _add_all(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            if payload:
                self._add(payload)

    def _begin(self, timestamp: int) -> None:
        self._timestamp = timestamp
        self._parts = []
        self._size_bytes = 0
        self._broken = False

    def _refuse(self, reason: str) -> None:
        self.drops[reason] += 1
        self._broken = True
        self._awaits_key = True
        self._parts = []

    def _finish(self, frames: list[Frame]) -> None:
        timestamp, self._timestamp = self._timestamp, None
        parts, self._parts = self._parts, []
        if self._broken or timestamp is None:
            self._broken = False
            self.drops["incomplete"] += 1
            return
        if not parts:
            return
        try:
            frame = self._complete(timestamp, parts)
        except Malformed as refused:
            self._refuse(refused.reason)
            self._broken = False
            return
        except (IndexError, struct.error):
            self._refuse("truncated")
            self._broken = False
            return
        if frame is None:
            return
        if self._awaits_key and not frame.is_key:
            self.drops["no_key_frame"] += 1
            return
        self._awaits_key = False
        frames.append(frame)

    @abstractmethod
    def _add(self, payload: bytes) -> None:
        """Append the parts that `payload` holds to `self._parts`. Raises Malformed."""

    @abstractmethod
    def _complete(self, timestamp: int, parts: list[bytes]) -> Frame | None:
        """Join the parts of one instant, at least one. None when they hold no picture. Raises Malformed."""
