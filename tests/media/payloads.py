"""RTP payloads as encoders make them, as far as a forwarder looks."""

import struct

# A capture's number and moment (seconds), as far as a test writes them into what is sent.
STAMP = struct.Struct("!Ld")


def vp8(
    picture_id: int, *, key: bool = False, start: bool = True, tl0: int | None = None, size: int = 100, fill: int = 0x55, stamp: bytes = b""
) -> bytes:
    """A VP8 payload with a 15-bit picture id (RFC 7741), `size` bytes after the descriptor, of which `stamp` stands behind the first."""
    extended = 0x80 | (0x40 if tl0 is not None else 0)
    descriptor = bytes([0x80 | (0x10 if start else 0), extended, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF])
    if tl0 is not None:
        descriptor += bytes([tl0 & 0xFF])
    return descriptor + bytes([0x00 if key else 0x01]) + stamp + bytes([fill]) * (size - 1 - len(stamp))


def vp8_stamp(payload: bytes) -> float:
    """The moment of capture in a payload that has a picture id, TL0PICIDX and a stamp."""
    return float(STAMP.unpack_from(payload, 6)[1])


def sound(number: int, at: float) -> bytes:
    """Eighty bytes that stand for a packet of Opus."""
    return STAMP.pack(number, at).ljust(80, b"\x55")


def sound_stamp(payload: bytes) -> float:
    return float(STAMP.unpack_from(payload)[1])


def vp8_picture_id(payload: bytes) -> int:
    return (payload[2] & 0x7F) << 8 | payload[3]


def h264_key(size: int = 100) -> bytes:
    """A STAP-A of SPS, PPS and the first bytes of an IDR slice."""
    units = [bytes([0x67, 0x42, 0xE0, 0x1F]), bytes([0x68, 0xCE]), bytes([0x65]) + bytes(size)]
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def h264_slice(size: int = 100) -> bytes:
    return b"\x41" + bytes(size)
