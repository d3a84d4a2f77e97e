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


def parameter_sets(payload: bytes) -> Iterator[bytes]:
    """The whole sequence parameter sets of a payload, header byte included."""
    if not payload:
        return
    units = _units(payload) if payload[0] & 31 == _STAP_A else [payload]
    for unit in units:
        if unit and unit[0] & 31 == _SPS:
            yield unit


def _aggregated(payload: bytes) -> Iterator[int]:
    for unit in _units(payload):
        yield unit[0] & 31


def _units(payload: bytes) -> Iterator[bytes]:
    position = 1
    while position + 2 < len(payload):
        size = payload[position] << 8 | payload[position + 1]
        yield payload[position + 2 : position + 2 + max(1, size)]
        position += 2 + size
