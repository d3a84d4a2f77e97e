"""The last mile before a viewer of the live bench: a rate, a queue and chance loss, worked out from when packets really came. No clock of its own."""

import random

# A home router's queue: what would wait longer in it is lost.
QUEUE_S = 0.3


class LastMile:
    """Packets leave it one after the other.

    Args:
        rate_bps: None: nothing waits.
        loss: the share of packets that chance takes, 0 to 1.
    """

    __slots__ = ("_chance", "_free_at", "loss", "rate_bps")

    def __init__(self, rate_bps: float | None = None, loss: float = 0.0, seed: int = 1) -> None:
        self.rate_bps = rate_bps
        self.loss = loss
        self._chance = random.Random(seed)
        self._free_at = 0.0

    def arrival(self, at: float, size_bytes: int) -> float | None:
        """When a packet that enters at `at` [s] comes out; None when it is lost: by chance, or because the queue is full."""
        if self.loss and self._chance.random() < self.loss:
            return None
        if self.rate_bps is None:
            return at
        starts = max(at, self._free_at)
        if starts - at > QUEUE_S:
            return None
        self._free_at = starts + size_bytes * 8 / self.rate_bps
        return self._free_at
