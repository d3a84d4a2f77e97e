"""Opus (RFC 7587): each payload is one packet of the codec."""

from collections import Counter
from collections.abc import Sequence

from livecore.media.depacketise.frame import Frame, Malformed

# A packet holds at most 120 ms at 48 kHz (RFC 6716, 3.2.5).
_SAMPLES_LIMIT = 5760
# Frame lengths in samples at 48 kHz by configuration (RFC 6716, table 2): SILK, hybrid, CELT.
_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)


def _samples(first: int) -> int:
    """Length by the first byte of a packet: of one frame where the packet's second byte says how many there are."""
    configuration, count = first >> 3, 2 if first & 3 in (1, 2) else 1
    if configuration < 12:
        return count * _SILK[configuration & 3]
    return count * (_HYBRID[configuration & 1] if configuration < 16 else _CELT[configuration & 3])


_SAMPLES = [_samples(first) for first in range(256)]


def opus_samples(payload: bytes) -> int:
    """Length of an Opus packet in samples at 48 kHz. Raises Malformed."""
    if not payload:
        raise Malformed("truncated")
    samples = _SAMPLES[payload[0]]
    if payload[0] & 3 == 3:
        if len(payload) < 2:
            raise Malformed("truncated")
        samples *= payload[1] & 63
    if not 0 < samples <= _SAMPLES_LIMIT:
        raise Malformed("bad_duration")
    return samples


class OpusDepacketiser:
    """Never awaits a key frame: a lost packet is a silence of its length."""

    awaits_key = False

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()

    def push_all(self, payloads: Sequence[bytes], timestamp: int, marker: bool, step: int = 0) -> list[Frame]:
        frames = []
        for payload in payloads:
            if payload:
                try:
                    frames.append(Frame(timestamp, payload, True, 0, 0, opus_samples(payload)))
                except Malformed as refused:
                    self.drops[refused.reason] += 1
            timestamp = timestamp + step & 0xFFFFFFFF
        return frames

    def push(self, payload: bytes, timestamp: int, marker: bool, gap: bool) -> list[Frame]:
        return self.push_all((payload,), timestamp, marker)
