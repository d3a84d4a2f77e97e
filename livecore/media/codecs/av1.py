"""AV1 aggregation header (RTP payload format for AV1, section 4.4)."""


def starts_key_frame(payload: bytes) -> bool:
    """N=1: the first packet of a coded video sequence, which begins with a sequence header and a key frame."""
    return bool(payload) and payload[0] & 0x08 != 0 and not payload[0] & 0x80
