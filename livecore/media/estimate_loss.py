"""What the path to a viewer carries when the viewer tells nothing but its loss (receiver reports): a rate that backs off and climbs."""

import math

# As the loss-based half of Google congestion control (draft-ietf-rmcat-gcc-02 section 6).
LOSS_HIGH, LOSS_LOW = 0.10, 0.02
FLOOR_BPS = 50_000
# Chrome reports about once a second; a report sooner than this says too little, and so do fewer packets, unless that is all there is.
REPORT_S, REPORT_LATEST_S = 0.5, 2.0
REPORT_PACKETS = 20
# Of 30 packets at a steady loss of 5 %, more than a tenth is lost in one report of sixteen: loss is high when it lies above the limit by
# this many standard deviations of the share, which then comes by chance once in hours. A heavy loss is still seen at once.
DEVIATIONS = 2.0
GROWTH_PER_S, GROWTH_LEAST_PER_S = 1.08, 1.01
# Loss again so soon means that the climb was too much: the next is slower, until there was none for twice that.
TRIED_S = 30.0
THROUGH = 0.95
# What is sent shows no more than this of the path; the rest of the estimate is only hoped for.
SHOWN = 1.5


class LossEstimator:
    """`estimate_bps` is None while no loss was reported that limits."""

    def __init__(self) -> None:
        self.estimate_bps: int | None = None
        self.rate_bps = 0.0  # what was sent between the last two reports
        self._growth = GROWTH_PER_S
        self._octets = 0
        self._packets = self._lost = 0.0  # reported since the last judgement
        self._at: float | None = None  # of the last report; None before the first
        self._limited_at = float("-inf")

    def restart(self, bps: int) -> None:
        """Begin anew from this rate."""
        self.estimate_bps = bps

    @property
    def shown_bps(self) -> int | None:
        """As much of the estimate as what is sent makes likely: layers are chosen by the whole, so that it is tried; bursts are not."""
        return None if self.estimate_bps is None else min(self.estimate_bps, int(SHOWN * self.rate_bps) + FLOOR_BPS)

    def on_report(self, fraction_lost: float, packets: int, octets: int, now: float) -> None:
        """`fraction_lost` of the `packets` that were sent since the report before; `octets`: all that was sent until now."""
        if self._at is None:
            self._at, self._octets = now, octets
            return
        elapsed = now - self._at
        self._packets += packets
        self._lost += packets * fraction_lost
        if elapsed < REPORT_S or (self._packets < REPORT_PACKETS and elapsed < REPORT_LATEST_S):
            return
        fraction_lost = self._lost / max(1.0, self._packets)
        deviation = math.sqrt(fraction_lost * (1 - fraction_lost) / max(1.0, self._packets))
        self._packets = self._lost = 0.0
        rate_bps = self.rate_bps = (octets - self._octets) * 8 / elapsed
        self._at, self._octets = now, octets
        if fraction_lost - DEVIATIONS * deviation > LOSS_HIGH:
            if now - self._limited_at < TRIED_S:
                self._growth = max(GROWTH_LEAST_PER_S, 1 + (self._growth - 1) / 2)
            self._limited_at = now
            base = rate_bps if self.estimate_bps is None else min(rate_bps, self.estimate_bps)
            # Of a full queue, what got through says more than the rule.
            through = rate_bps * (1 - fraction_lost) * THROUGH
            self.estimate_bps = max(FLOOR_BPS, int(min(base * (1 - 0.5 * fraction_lost), through)))
        elif fraction_lost < LOSS_LOW and self.estimate_bps is not None:
            self.estimate_bps = int(self.estimate_bps * self._growth ** min(elapsed, 2.0))
            if now - self._limited_at > 2 * TRIED_S:
                self._growth = GROWTH_PER_S
