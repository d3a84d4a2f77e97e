"""H.264 payloads (RFC 6184): single NAL units, STAP-A and FU-A."""

from collections.abc import Iterator

_SPS, _STAP_A, _FU_A = 7, 24, 28


def starts_key_frame(payload: bytes) -> bool:
    """Where a decoder can begin: a sequence parameter set, which WebRTC senders put in front of every IDR picture.

    An IDR slice alone does not count: its parameter set was lost, will come again over RTX, and must not then be
    "before the switch".
    """
    if not payload:
        return False
    kind = payload[0] & 31
    if kind == _STAP_A:
        return _SPS in _aggregated(payload)
    if kind == _FU_A:
        return len(payload) > 1 and payload[1] & 0x80 != 0 and payload[1] & 31 == _SPS
    return kind == _SPS


def _aggregated(payload: bytes) -> Iterator[int]:
    position = 1
    while position + 2 < len(payload):
        size = payload[position] << 8 | payload[position + 1]
        yield payload[position + 2] & 31
        position += 2 + size
