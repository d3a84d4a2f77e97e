"""The packets of one incoming layer, kept once for all viewers: a ring by sequence number, bounded by count and age."""

from livecore.media.packet import Packet

# About four seconds of a 2 Mb/s layer, and a little more than one second of a 6 Mb/s one; a power of two.
CAPACITY = 1024
# No jitter buffer waits longer for a resend.
AGE_LIMIT_S = 3.0


class PacketCache:
    def __init__(self, capacity: int = CAPACITY, age_limit_s: float = AGE_LIMIT_S) -> None:
        self._mask = capacity - 1
        self._age_limit_s = age_limit_s
        self._ring: list[Packet | None] = [None] * capacity

    def add(self, packet: Packet) -> bool:
        """Keep a packet; False when it is there already, or so old that a newer one has its place."""
        index = packet.sequence & self._mask
        held = self._ring[index]
        if held is not None and held.sequence >= packet.sequence:
            return False
        self._ring[index] = packet
        return True

    def holds(self, sequence: int) -> bool:
        """Whether this very packet is there."""
        packet = self._ring[sequence & self._mask]
        return packet is not None and packet.sequence == sequence

    def get(self, sequence: int, now: float) -> Packet | None:
        """The packet with this widened number; None when it never came, was overwritten or is too old."""
        packet = self._ring[sequence & self._mask]
        if packet is None or packet.sequence != sequence or now - packet.at > self._age_limit_s:
            return None
        return packet
