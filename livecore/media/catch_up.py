"""A newcomer's first picture: what came since the last key frame, out of the cache, instead of a key frame of its own.

The pictures are sent at once, so their times are squeezed towards the newest one: a player that got them a thirtieth of a
second apart would take the moment for the stream's pace and stay behind by as much. RFC 3550 asks timestamps to grow; they do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livecore.media.packet import Packet
from livecore.media.rewrite import squeeze
from livecore.media.source import KEY_FRAME_INTERVAL_S, Batch

if TYPE_CHECKING:
    from livecore.media.source import Layer

# After this long a key frame may be asked for again: so there is either a recent one, or a new one is on its way.
AGE_LIMIT_S = KEY_FRAME_INTERVAL_S
# Sent to one viewer at once: what the queue of a home's link takes without loss, half a second of a 3 Mb/s layer.
LIMIT_BYTES = 256_000


def recent(layer: Layer, now: float) -> Batch | None:
    """The layer's packets from its last key frame up to what has been forwarded; None when that is too old, too much, or has a hole.

    The packets are copies with squeezed timestamps, shared by all who come before the next packet does.
    """
    key, newest = layer.key_sequence, layer.forwarded_newest
    highest = layer.forwarded_highest
    if key is None or newest is None or key > highest:
        return None
    if layer.recent is not None and layer.recent[0] == (key, highest):
        return layer.recent[1]
    if any(packet.sequence <= highest for packet in layer.pending):
        # One that came late is still to be forwarded: it must not be sent twice under one number.
        return None
    packets: list[Packet] = []
    octets = 0
    for sequence in range(key, highest + 1):
        packet = layer.cache.get(sequence, now)
        if packet is None or now - packet.at > AGE_LIMIT_S:
            return None
        octets += len(packet.payload)
        if octets > LIMIT_BYTES:
            return None
        packets.append(_squeezed(packet, newest.timestamp))
    batch = Batch(packets)
    layer.recent = (key, highest), batch
    return batch


def _squeezed(packet: Packet, joint: int) -> Packet:
    copy = Packet(packet.sequence, squeeze(packet.timestamp, joint), packet.marker, packet.payload, packet.at, packet.passed_on)
    copy.key, copy.place = packet.key, packet.place
    copy.picture_id_at, copy.picture_id = packet.picture_id_at, packet.picture_id
    copy.tl0_at, copy.tl0, copy.dependency = packet.tl0_at, packet.tl0, packet.dependency
    return copy
