"""VP9 payload descriptor (RFC 9628 section 4.2)."""


def starts_key_frame(payload: bytes) -> bool:
    """The first packet (B) of a frame that is not inter-predicted (P=0), in the lowest spatial layer."""
    if not payload:
        return False
    first = payload[0]
    if not first & 0x08 or first & 0x40:
        return False
    if not first & 0x20:  # no layer indices
        return True
    position = 1
    if first & 0x80:
        if len(payload) < 2:
            return False
        position += 2 if payload[1] & 0x80 else 1
    return position < len(payload) and not payload[position] & 0x0E
