"""Packets of one track back in order, waiting a bounded time for what is missing.

A retransmission comes within a few round trips or not at all; after `wait_s` the hole is given up and the next
packet says so. Sequence numbers are already widened, so they never wrap.
"""

from dataclasses import dataclass

# One second of a 12 Mb/s stream in 1,200-byte packets. A track that holds back more has a hole that nothing fills.
HELD_LIMIT = 1250
# A number this far behind is not a late packet: the sender started anew without saying so.
RESTART_DISTANCE = 5000


@dataclass(slots=True)
class Packet:
    """One RTP packet of a track.

    Attributes:
        number: widened sequence number.
        timestamp: 32-bit RTP timestamp.
        payload: without header, extensions and padding; empty for padding only.
        at: when it arrived, monotonic seconds.
    """

    number: int
    timestamp: int
    marker: bool
    payload: bytes
    at: float


class Reorder:
    """`push` and `expire` return packets in order, each with whether a hole before it was given up.

    Args:
        wait_s: how long a hole is waited for after the first packet behind it came, by the times of arrival.
        message_s: how much later than they arrived packets may be handed on: where nothing more comes, so much longer is waited.
    """

    def __init__(self, wait_s: float = 0.5, message_s: float = 0.0) -> None:
        self.lost = 0
        self.late = 0
        self._wait_s = wait_s
        self._message_s = message_s
        self._clock = float("-inf")  # the latest arrival
        self._hole_at = 0.0  # what it was when the hole was seen
        self._next: int | None = None  # None before the first packet
        self._held: dict[int, Packet] = {}
        self._hole_since: float | None = None  # None while nothing is missing

    def passes(self, number: int, count: int) -> bool:
        """Whether `count` packets from this one on are next and nothing is missing before them: then they have passed."""
        if number != self._next or self._held:
            return False
        self._next += count
        return True

    def push(self, packet: Packet, now: float) -> list[tuple[Packet, bool]]:
        self._clock = max(self._clock, packet.at)
        if self._next is None or packet.number < self._next - RESTART_DISTANCE:
            is_restart = self._next is not None
            self._held.clear()
            self._hole_since = None
            self._next = packet.number + 1
            return [(packet, is_restart)]
        if packet.number < self._next or packet.number in self._held:
            self.late += 1
            return []
        if packet.number == self._next and not self._held:
            self._next += 1
            return [(packet, False)]
        self._held[packet.number] = packet
        return self._release(now)

    def expire(self, now: float) -> list[tuple[Packet, bool]]:
        """What the passing of time releases. Call at least as often as lateness matters."""
        return self._release(now) if self._held else []

    def flush(self) -> list[tuple[Packet, bool]]:
        """Everything that is held, holes given up: the track ends."""
        return self._release(float("inf")) if self._held else []

    def _release(self, now: float) -> list[tuple[Packet, bool]]:
        assert self._next is not None
        ready: list[tuple[Packet, bool]] = []
        gap = False
        while self._held:
            packet = self._held.pop(self._next, None)
            if packet is not None:
                ready.append((packet, gap))
                gap = False
                self._next += 1
                self._hole_since = None
                continue
            if self._hole_since is None:
                self._hole_since, self._hole_at = now, self._clock
            waited = self._clock - self._hole_at > self._wait_s or now - self._hole_since > self._wait_s + self._message_s
            if not waited and now != float("inf") and len(self._held) <= HELD_LIMIT:
                break
            first = min(self._held)
            self.lost += first - self._next
            self._next = first
            self._hole_since = None
            gap = True
        return ready
