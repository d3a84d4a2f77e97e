"""What the path to one viewer carries, from its transport-wide feedback: delay that grows, loss, what got through, and probes.

After Google congestion control (draft-ietf-rmcat-gcc-02), as far as choosing a layer needs it: an SFU cannot change a layer's rate,
only which one it sends. So nothing is estimated while nothing limits: the best layer is tried at once, and a path that cannot
carry it shows within some hundred milliseconds. Room to step up again is found by probing, for media alone never shows it.
"""

from collections import OrderedDict, deque

from livecore.media.rtcp import TransportFeedback

# A feedback message comes at the latest after 250 ms and a round trip; four seconds of a 6 Mb/s layer.
HISTORY_LIMIT = 4096
# The draft's trend window and gain, and the limits of its adaptive threshold.
TREND_POINTS = 20
TREND_GAIN = 4.0
THRESHOLD_MS = 12.5
THRESHOLD_RANGE_MS = (6.0, 600.0)
# A queue that grows for so long is no burst.
OVERUSE_S = 0.03
# After a decrease the queue drains with what is sent now: the next look is after this.
DECREASE_INTERVAL_S = 0.4
DECREASE = 0.85
INCREASE_PER_S = 1.08
RATE_WINDOW_S = 0.5
LOSS_WINDOW_PACKETS = 50
LOSS_HIGH, LOSS_LOW = 0.10, 0.02
FLOOR_BPS = 50_000
# A probe: bursts at the rate in question over a tenth of a second, filled with copies of recent packets.
PROBE_S = 0.1
PROBE_WAIT_S = 2.0
PROBE_WAIT_LIMIT_S = 30.0
# No layer of ours is worth more than this in one burst of 20 ms at 10 Mb/s.
PROBE_BURST_LIMIT_BYTES = 25_000


class SendSideEstimator:
    """`estimate_bps` is None while nothing has limited the path yet."""

    def __init__(self) -> None:
        self.estimate_bps: int | None = None
        self.probes = 0
        self._sent: OrderedDict[int, tuple[float, int]] = OrderedDict()  # number → (when, bytes), not yet heard of
        self._highest_sent: int | None = None
        self._received: deque[tuple[float, int]] = deque()  # (arrival, bytes) within the rate window
        self._received_bytes = 0  # of all of them
        self._lost = self._heard = 0
        self._group: tuple[float, float] | None = None  # (sent, last arrival) of the burst being heard of
        self._before: tuple[float, float] | None = None  # the same of the burst before
        self._trend: deque[tuple[float, float]] = deque(maxlen=TREND_POINTS)
        self._accumulated_ms = self._smoothed_ms = 0.0
        self._threshold_ms = THRESHOLD_MS
        self._overusing_since: float | None = None
        self._decreased_at = self._updated_at = float("-inf")
        self._probe_until = float("-inf")
        self._probe_rate_bps = 0
        self._probe_numbers: tuple[int, int] | None = None  # the first number of a probe, and one past its last
        self._probe_arrivals: list[tuple[float, int]] = []
        self._probe_after = float("-inf")
        self._probe_wait_s = PROBE_WAIT_S

    def restart(self, bps: int) -> None:
        """Begin anew from this rate: what was heard before a pause says nothing of the path now."""
        self.estimate_bps = bps
        self._received.clear()
        self._received_bytes = 0
        self._trend.clear()
        self._group = self._before = None
        self._accumulated_ms = self._smoothed_ms = 0.0
        self._overusing_since = None
        self._lost = self._heard = 0

    # -- what was sent

    def on_sent(self, first: int, count: int, packet_bytes: int, now: float) -> None:
        """`count` packets of some `packet_bytes`, numbered from `first` (widened, as counted by the sender)."""
        sent = self._sent
        for number in range(first, first + count):
            sent[number] = now, packet_bytes
        self._highest_sent = first + count - 1
        while len(sent) > HISTORY_LIMIT:
            sent.popitem(last=False)

    # -- what was heard

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        if self._highest_sent is None:
            return
        # The viewer speaks of numbers that we have sent: place them next to the highest of those.
        base = self._highest_sent - ((self._highest_sent - feedback.base) & 0xFFFF)
        for offset, arrival_us in enumerate(feedback.arrivals):
            number = base + offset
            record = self._sent.pop(number, None)
            if record is None:
                continue
            self._heard += 1
            if arrival_us is None:
                self._lost += 1
                continue
            arrival = arrival_us / 1e6
            self._received.append((arrival, record[1]))
            self._received_bytes += record[1]
            if self._probe_numbers and self._probe_numbers[0] <= number < self._probe_numbers[1]:
                self._probe_arrivals.append((arrival, record[1]))
            self._on_arrival(record[0], arrival)
        while self._received and self._received[-1][0] - self._received[0][0] > RATE_WINDOW_S:
            self._received_bytes -= self._received.popleft()[1]
        self._judge_probe(now)
        self._update(now)

    def received_bps(self) -> int:
        """What got through in the last half second of arrivals."""
        if len(self._received) < 2:
            return 0
        span = max(0.1, self._received[-1][0] - self._received[0][0])
        return int(self._received_bytes * 8 / span)

    def _on_arrival(self, sent: float, arrival: float) -> None:
        """Bursts are compared, not packets: what left at once queues behind itself."""
        if self._group is None:
            self._group = sent, arrival
            return
        if sent - self._group[0] < 0.005:
            self._group = self._group[0], max(arrival, self._group[1])
            return
        if self._before is not None:
            send_ms = (self._group[0] - self._before[0]) * 1000
            arrival_ms = (self._group[1] - self._before[1]) * 1000
            self._accumulated_ms += arrival_ms - send_ms
            self._smoothed_ms += 0.1 * (self._accumulated_ms - self._smoothed_ms)
            self._trend.append((self._group[1] * 1000, self._smoothed_ms))
            self._detect(self._group[1])
        self._before = self._group
        self._group = sent, arrival

    def _detect(self, at: float) -> None:
        points = len(self._trend)
        if points < TREND_POINTS // 2:
            return
        mean_x = sum(x for x, _ in self._trend) / points
        mean_y = sum(y for _, y in self._trend) / points
        spread = sum((x - mean_x) ** 2 for x, _ in self._trend)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in self._trend) / spread if spread else 0.0
        trend = min(points, 60) * slope * TREND_GAIN
        if trend > self._threshold_ms:
            if self._overusing_since is None:
                self._overusing_since = at
        else:
            self._overusing_since = None
        distance = abs(trend) - self._threshold_ms
        if distance < 15:  # a far outlier must not teach the threshold
            rate = 0.0087 if distance > 0 else 0.039
            self._threshold_ms += rate * distance * 10
            self._threshold_ms = max(THRESHOLD_RANGE_MS[0], min(THRESHOLD_RANGE_MS[1], self._threshold_ms))

    def _update(self, now: float) -> None:
        elapsed = min(1.0, now - self._updated_at) if self._updated_at > float("-inf") else 0.0
        self._updated_at = now
        received = self.received_bps()
        newest = self._received[-1][0] if self._received else 0.0
        overusing = self._overusing_since is not None and newest - self._overusing_since >= OVERUSE_S
        loss = self._lost / self._heard if self._heard >= LOSS_WINDOW_PACKETS else None
        if loss is not None:
            self._lost = self._heard = 0
        settled = now - self._decreased_at > DECREASE_INTERVAL_S
        if overusing and settled and received:
            self._limit(int(received * DECREASE), now)
        elif loss is not None and loss > LOSS_HIGH and settled and received:
            current = self.estimate_bps if self.estimate_bps is not None else received
            self._limit(int(min(current, received) * (1 - 0.5 * loss)), now)
        elif self.estimate_bps is not None and not overusing and (loss is None or loss < LOSS_LOW):
            # Not beyond what media at this rate can prove: the rest is for probes to find.
            raised = int(self.estimate_bps * INCREASE_PER_S**elapsed)
            self.estimate_bps = max(self.estimate_bps, min(raised, int(1.5 * received) + 10_000))

    def _limit(self, bps: int, now: float) -> None:
        bps = max(FLOOR_BPS, bps)
        self.estimate_bps = bps if self.estimate_bps is None else min(self.estimate_bps, bps)
        self._decreased_at = now
        self._overusing_since = None
        self._trend.clear()
        self._probe_after = max(self._probe_after, now + self._probe_wait_s)

    # -- probes

    def start_probe(self, rate_bps: int, now: float) -> bool:
        """Begin to ask whether the path carries `rate_bps`; False while it is too soon."""
        if self.estimate_bps is None or now < self._probe_after or now < self._probe_until or self._highest_sent is None:
            return False
        self.probes += 1
        self._probe_until = now + PROBE_S
        self._probe_rate_bps = rate_bps
        self._probe_numbers = self._highest_sent + 1, 1 << 62
        self._probe_arrivals = []
        self._probe_after = now + self._probe_wait_s
        return True

    def probe_bytes(self, interval_s: float, now: float) -> int:
        """How much to send now on top of the media; 0 when no probe is under way. Call every `interval_s`."""
        if now >= self._probe_until:
            if self._probe_numbers is not None and self._probe_numbers[1] == 1 << 62 and self._highest_sent is not None:
                self._probe_numbers = self._probe_numbers[0], self._highest_sent + 1
            return 0
        return min(PROBE_BURST_LIMIT_BYTES, int(self._probe_rate_bps * interval_s / 8))

    def _judge_probe(self, now: float) -> None:
        numbers = self._probe_numbers
        if numbers is None or numbers[1] == 1 << 62:
            return
        if next(iter(self._sent), numbers[1]) < numbers[1] and now < self._probe_until + 1.0:
            return  # not all of it has been heard of
        self._probe_numbers = None
        arrivals = self._probe_arrivals
        count = numbers[1] - numbers[0]
        if len(arrivals) < max(3, 0.9 * count):
            self._probe_failed(now)
            return
        # The first burst only marks the beginning: its bytes queued before the span that is measured.
        first, last = arrivals[0][0], arrivals[-1][0]
        rate = sum(size for at, size in arrivals if at > first) * 8 / max(0.02, last - first)
        proven = int(min(rate, self._probe_rate_bps))
        if self._overusing_since is not None or proven < 0.85 * self._probe_rate_bps:
            self._probe_failed(now)
        else:
            self._probe_wait_s = PROBE_WAIT_S
        if self.estimate_bps is not None and proven * 0.95 > self.estimate_bps:
            self.estimate_bps = int(proven * 0.95)

    def _probe_failed(self, now: float) -> None:
        self._probe_wait_s = min(PROBE_WAIT_LIMIT_S, self._probe_wait_s * 2)
        self._probe_after = now + self._probe_wait_s
