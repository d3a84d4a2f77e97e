"""VP8 payload descriptor (RFC 7741 section 4.2): picture id, TL0PICIDX, temporal layer, and the key-frame bit of the first partition."""

from livecore.media.codecs import picture_id
from livecore.media.packet import Packet, Place


def inspect(packet: Packet) -> None:
    """Fill in the packet's `key`, `picture_id…`, `tl0…` and `place`; a truncated descriptor leaves them unset."""
    payload = packet.payload
    size = len(payload)
    if not size:
        return
    first = payload[0]
    begins = first & 0x10 != 0 and not first & 0x07
    position = 1
    if first & 0x80:
        if size < 2:
            return
        extended = payload[1]
        position = 2
        if extended & 0x80 and not (position := picture_id.read(packet, position)):
            return
        if extended & 0x40:
            if position >= size:
                return
            packet.tl0_at, packet.tl0 = position, payload[position]
            position += 1
        if extended & 0x30:
            if extended & 0x20 and position < size:
                temporal = payload[position] >> 6
                packet.place = Place(0, temporal, begins, packet.marker, 0, bool(temporal and payload[position] & 0x20))
            position += 1
    # S=1, partition 0, and P=0 in the frame tag (RFC 6386 section 9.1).
    packet.key = begins and position < size and not payload[position] & 1
