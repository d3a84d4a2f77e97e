"""VP9 payload descriptor (RFC 9628 section 4.2)."""

import struct

from livecore.media.codecs import picture_id
from livecore.media.packet import Packet, Place

# Three temporal layers are the most that WebRTC encoders make.
_ALL_TEMPORAL = 0xFF


def inspect(packet: Packet) -> None:
    """Fill in the packet's `key`, `picture_id…`, `tl0…` and `place`; a truncated descriptor leaves the rest unset."""
    payload = packet.payload
    size = len(payload)
    if not size:
        return
    first = payload[0]
    position = 1
    if first & 0x80 and not (position := picture_id.read(packet, position)):
        return
    starts, inter = bool(first & 0x08), bool(first & 0x40)
    if not first & 0x20:  # no layer indices
        packet.key = starts and not inter
        return
    if position >= size:
        return
    indices = payload[position]
    spatial = indices >> 1 & 7
    if not first & 0x10 and position + 1 < size:  # TL0PICIDX only without flexible mode
        packet.tl0_at, packet.tl0 = position + 1, payload[position + 1]
    packet.place = Place(
        spatial,
        indices >> 5,
        starts and spatial == 0,
        bool(first & 0x04),
        _ALL_TEMPORAL if indices & 0x10 else 0,
    )
    packet.key = starts and not inter and spatial == 0


def heights(payload: bytes) -> list[int]:
    """The height of each spatial layer, as the scalability structure tells; empty without one."""
    try:
        first, position = payload[0], 1
        if not first & 0x02:
            return []
        if first & 0x80:
            position += 2 if payload[position] & 0x80 else 1
        if first & 0x20:
            position += 1 if first & 0x10 else 2
        if first & 0x50 == 0x50:
            while payload[position] & 1:
                position += 1
            position += 1
        header = payload[position]
        if not header & 0x10:
            return []
        return list(struct.unpack_from(f">{2 * ((header >> 5) + 1)}H", payload, position + 1)[1::2])
    except (IndexError, struct.error):
        return []
