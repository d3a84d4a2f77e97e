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


def opus_samples(payload: bytes) -> int:
    """Length of an Opus packet in samples at 48 kHz. Raises Malformed."""
    if not payload:
        raise Malformed("truncated")
    configuration = payload[0] >> 3
    if configuration < 12:
        length = _SILK[configuration & 3]
    elif configuration < 16:
        length = _HYBRID[configuration & 1]
    else:
        length = _CELT[configuration & 3]
    code = payload[0] & 3
    if code == 0:
        count = 1
    elif code < 3:
        count = 2
    else:
        if len(payload) < 2:
            raise Malformed("truncated")
        count = payload[1] & 63
    samples = length * count
    if not 0 < samples <= _SAMPLES_LIMIT:
        raise Malformed("bad_duration")
    return samples


class OpusDepacketiser:
    """Never awaits a key frame: a lost packet is a silence of its length."""

    awaits_key = False

    def __init__(self) -> None:
        self.drops: Counter[str] = Counter()

    def push_all(self, payloads: Sequence[bytes], timestamp: int, marker: bool) -> list[Frame]:
        return [frame for payload in payloads for frame in self.push(payload, timestamp, marker, gap=False)]

    def push(self, payload: bytes, timestamp: int, marker: bool, gap: bool) -> list[Frame]:
        if not payload:
            return []
        try:
            samples = opus_samples(payload)
        except Malformed as refused:
            self.drops[refused.reason] += 1
            return []
        return [Frame(timestamp, payload, samples=samples)]
