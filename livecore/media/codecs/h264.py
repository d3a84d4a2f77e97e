"""H.264 payloads (RFC 6184): single NAL units, STAP-A and FU-A."""

from collections.abc import Iterator

_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28


def starts_key_frame(payload: bytes) -> bool:
    """A parameter set or the start of an IDR slice: where a decoder can begin."""
    if not payload:
        return False
    kind = payload[0] & 31
    if kind == _STAP_A:
        return any(unit in (_SPS, _IDR) for unit in _aggregated(payload))
    if kind == _FU_A:
        return len(payload) > 1 and payload[1] & 0x80 != 0 and payload[1] & 31 in (_SPS, _IDR)
    return kind in (_SPS, _IDR)


def _aggregated(payload: bytes) -> Iterator[int]:
    position = 1
    while position + 2 < len(payload):
        size = payload[position] << 8 | payload[position + 1]
        yield payload[position + 2] & 31
        position += 2 + size
