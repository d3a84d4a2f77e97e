"""The picture id of VP8 and VP9 (RFC 7741 section 4.2, RFC 9628 section 4.2): 7 or 15 bits, M says which."""

from livecore.media.packet import Packet


def read(packet: Packet, position: int) -> int:
    """Fill in `picture_id` and `picture_id_at`. Returns where the descriptor goes on; 0 where it is cut off."""
    payload = packet.payload
    if position >= len(payload):
        return 0
    if not payload[position] & 0x80:
        packet.picture_id_at = -position
        packet.picture_id = payload[position]
        return position + 1
    if position + 1 >= len(payload):
        return 0
    packet.picture_id_at = position
    packet.picture_id = (payload[position] & 0x7F) << 8 | payload[position + 1]
    return position + 2
