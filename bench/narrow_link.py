"""A narrow last mile before a viewer of the live bench: a rate and a queue, worked out from when packets really came. No clock of its own."""

# A home router's queue: what would wait longer in it is lost.
QUEUE_S = 0.3


class NarrowLink:
    """Packets leave it one after the other at `rate_bps`."""

    __slots__ = ("_free_at", "_rate_bps")

    def __init__(self, rate_bps: float) -> None:
        self._rate_bps = rate_bps
        self._free_at = 0.0

    def arrival(self, at: float, size_bytes: int) -> float | None:
        """When a packet that enters at `at` [s] comes out; None when the queue is full and it is lost."""
        starts = max(at, self._free_at)
        if starts - at > QUEUE_S:
            return None
        self._free_at = starts + size_bytes * 8 / self._rate_bps
        return self._free_at
