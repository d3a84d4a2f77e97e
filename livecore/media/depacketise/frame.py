"""What a depacketiser gives, and the one way in which a payload is refused."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Malformed(ValueError):
    """A payload or bit stream that breaks its format. `reason` is the short name under which it is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class Frame:
    """One coded frame as a container stores it.

    Attributes:
        timestamp: the 32-bit RTP timestamp of its packets.
        data: the bit stream. H.264 with the length of each unit in four bytes before it; AV1 as OBUs with sizes and without temporal delimiters.
        is_key: whether decoding can start here. Always True for sound.
        width, height: pixels of the picture as last told by the stream; 0 for sound.
        samples: length at the codec's clock for sound, 0 for pictures.
    """

    timestamp: int
    data: bytes
    is_key: bool = True
    width: int = 0
    height: int = 0
    samples: int = 0


class Depacketiser(Protocol):
    """Payloads of one track in order, frames out. `push` never raises: what it refuses is counted in `drops`."""

    drops: Counter[str]

    @property
    def awaits_key(self) -> bool:
        """Whether nothing more comes out until the sender makes a key frame."""
        ...

    def push_all(self, payloads: Sequence[bytes], timestamp: int, marker: bool, step: int = 0) -> list[Frame]:
        """As `push` for payloads that follow one another with no gap; `marker` is the last one's.

        `step`: by how much the timestamp grows from one to the next: 0 for those of a picture.
        """
        ...

    def push(self, payload: bytes, timestamp: int, marker: bool, gap: bool) -> list[Frame]:
        """Take the next payload.

        Args:
            payload: RTP payload without header extensions and padding; empty for a padding-only packet.
            timestamp: 32-bit RTP timestamp.
            marker: the RTP marker bit, for pictures the last packet of a frame.
            gap: whether packets before this one were lost for good.
        """
        ...
