"""How fast one viewer may be sent video: a leaky bucket that follows the estimate of its path.

A picture that is larger than the bucket is spread over time, so that the queue in front of a narrow link takes it whole. What is sent
again counts; sound does not, it never waits. Pure: every call is told the time.
"""

# Beneath this a thin layer's key frame (some 15 KB) would take longer than a quarter of a second, and an estimate that is
# wrong would be slow to show it.
FLOOR_BPS = 500_000
# What fits into so much time at the pace leaves at once, with everybody else's: a picture between key frames does.
AT_ONCE_S = 0.02
# How far what is spread runs ahead of the pace: longer than the timers' grid, so that none of the rate is lost between them.
AHEAD_S = 0.005
# What leaves in one call of what is spread: some 10 ms at the pace, in full packets; in powers of two, so that many viewers share a layout.
CALL_S = 0.01
CALL_PACKETS = (4, 8, 16)
PACKET_BYTES = 1200


class Pace:
    """`rate_bps` is 0 while nothing is known to limit the path: then nothing waits.

    Args:
        factor: the pace is so many times the estimate.
    """

    __slots__ = ("_factor", "_free_at", "rate_bps")

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._free_at = float("-inf")  # when what has been sent has left, at the pace
        self.rate_bps = 0

    def on_estimate(self, estimate_bps: int | None) -> bool:
        """Follow the estimate. True when the viewer is paced from now on and was not, or the other way round."""
        before = self.rate_bps
        self.rate_bps = 0 if estimate_bps is None else max(FLOOR_BPS, int(self._factor * estimate_bps))
        return bool(before) != bool(self.rate_bps)

    @property
    def call_packets(self) -> int:
        """How many packets leave in one call when they are spread."""
        within = self.rate_bps * CALL_S / 8 / PACKET_BYTES
        return max((packets for packets in CALL_PACKETS if packets <= within), default=CALL_PACKETS[0])

    def fits(self, octets: int, now: float) -> bool:
        """Whether so much may leave at once."""
        return not self.rate_bps or max(self._free_at, now) + octets * 8 / self.rate_bps <= now + AT_ONCE_S

    def spend(self, octets: int, now: float) -> None:
        """So much has been sent."""
        if self.rate_bps:
            self._free_at = max(self._free_at, now) + octets * 8 / self.rate_bps

    def due_at(self) -> float:
        """When the next packets may leave."""
        return self._free_at - AHEAD_S if self.rate_bps else float("-inf")
