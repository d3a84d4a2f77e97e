"""RTP headers with extensions (RFC 3550, RFC 8285), as a client writes and reads them."""

from livecore.media.packet import HEADER

ONE_BYTE, TWO_BYTES = 0xBEDE, 0x1000
# The one-byte form holds elements of 1 to 16 bytes.
ONE_BYTE_LIMIT = 16


def header(first: tuple[int, int, int, int], elements: list[tuple[int, bytes]], *, marker: bool = False) -> bytes:
    """`first`: payload type, sequence, timestamp, SSRC; the middle two are wrapped here. `elements`: (id, value) of each extension."""
    payload_type, sequence, timestamp, ssrc = first
    block = b""
    profile = ONE_BYTE
    if any(len(value) > ONE_BYTE_LIMIT for _, value in elements):
        profile = TWO_BYTES
        block = b"".join(bytes([number, len(value)]) + value for number, value in elements)
    else:
        block = b"".join(bytes([number << 4 | len(value) - 1]) + value for number, value in elements)
    fixed = HEADER.pack(0x90 if block else 0x80, payload_type | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    if not block:
        return fixed
    block += bytes(-len(block) % 4)
    return fixed + profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block


def transport_number(data: bytes | bytearray, identifier: int, size: int) -> int | None:
    """The transport-wide number of a packet (also a protected one: SRTP leaves headers readable); None without one.

    Args:
        identifier: of the extension.
        size: how much of `data` is the packet.
    """
    if not data[0] & 0x10:
        return None
    at = 12 + 4 * (data[0] & 15)
    if at + 4 > size:
        return None
    profile = data[at] << 8 | data[at + 1]
    end = min(size, at + 4 + 4 * (data[at + 2] << 8 | data[at + 3]))
    at += 4
    while at + 2 < end:
        lead = data[at]
        if not lead:  # padding
            at += 1
            continue
        if profile == ONE_BYTE:
            number, length, at = lead >> 4, (lead & 15) + 1, at + 1
        else:
            number, length, at = lead, data[at + 1], at + 2
        if number == identifier:
            return data[at] << 8 | data[at + 1] if length >= 2 and at + 2 <= end else None
        at += length
    return None
