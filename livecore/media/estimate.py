"""What the path to one viewer carries, from its transport-wide feedback: delay that grows, loss, what got through, and probes.

After Google congestion control (draft-ietf-rmcat-gcc-02), as far as choosing a layer needs it: an SFU cannot change a layer's rate,
only which one it sends. So nothing is estimated while nothing limits: the best layer is tried at once, and a path that cannot
carry it shows within some hundred milliseconds. Room to step up again is found by probing, for media alone never shows it.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from livecore.media.rtcp import TransportFeedback
from livecore.media.trend import TREND_POINTS, Trend

# A feedback message comes at the latest after 250 ms and a round trip; what nothing was heard of after so many runs never is.
HISTORY_RUNS = 1024
# What is sent as one is remembered as one; a mask of 32 bits says which packets of it are still to be heard of.
RUN_PACKETS = 32
# The draft's trend gain, and the limits of its adaptive threshold.
TREND_GAIN = 4.0
THRESHOLD_MS = 12.5
THRESHOLD_RANGE_MS = (6.0, 600.0)
# What leaves within so short a time is one burst.
BURST_S = 0.005
# A queue that grows for so long is no burst.
OVERUSE_S = 0.03
# After a decrease the queue drains with what is sent now: the next look is after this.
DECREASE_INTERVAL_S = 0.4
DECREASE = 0.85
INCREASE_PER_S = 1.08
RATE_WINDOW_S = 0.5
# Bursts in the window: half a second of them, 5 ms apart, and some that were late.
WINDOW_BURSTS = 128
LOSS_WINDOW_PACKETS = 50
LOSS_HIGH, LOSS_LOW = 0.10, 0.02
FLOOR_BPS = 50_000
# A probe: bursts at the rate in question over a tenth of a second, filled with copies of recent packets.
PROBE_S = 0.1
PROBE_WAIT_S = 2.0
PROBE_WAIT_LIMIT_S = 30.0
# No layer of ours is worth more than this in one burst of 20 ms at 10 Mb/s.
PROBE_BURST_LIMIT_BYTES = 25_000
# The viewer's clock in feedback: 24 bits of 64 ms go round in 12.4 days.
CLOCK_WRAP_US = (1 << 24) * 64_000


class Estimator(Protocol):
    """In Python (`SendSideEstimator`) or natively (`estimate_native`): both say the same."""

    @property
    def estimate_bps(self) -> int | None: ...

    @property
    def messages(self) -> int:
        """Feedback that was taken in."""
        ...

    @property
    def probes(self) -> int:
        """How many were begun."""
        ...

    def restart(self, bps: int) -> None: ...

    def on_sent(self, first: int, count: int, packet_bytes: int, now: float) -> None: ...

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None: ...

    def start_probe(self, rate_bps: int, now: float) -> bool: ...

    def probe_bytes(self, interval_s: float, now: float) -> int: ...


class _Sent:
    """A run: packets [first, end), so many bytes each, that left at `at`; bit i of `unheard`: nothing was heard of first + i yet."""

    __slots__ = ("at", "end", "first", "packet_bytes", "unheard")

    def __init__(self, first: int, count: int, packet_bytes: int, at: float) -> None:
        self.first = first
        self.end = first + count
        self.packet_bytes = packet_bytes
        self.at = at
        self.unheard = (1 << count) - 1


class _Burst:
    """What left at about `sent`: when its first and last packet arrived (those that did), and their bytes."""

    __slots__ = ("first", "last", "octets", "sent")

    def __init__(self, sent: float, first: float, last: float, octets: int) -> None:
        self.sent = sent
        self.first = first
        self.last = last
        self.octets = octets


class SendSideEstimator:
    """`estimate_bps` is None while nothing has limited the path yet.

    Everything is counted by runs and bursts, which costs what one packet would: `tests/media/test_estimate.py` compares it with a
    count packet by packet.
    """

    def __init__(self) -> None:
        self.estimate_bps: int | None = None
        self.probes = 0
        self.messages = 0
        self._sent: deque[_Sent] = deque()  # ascending; from the first that something is still to be heard of
        self._highest_sent: int | None = None
        self._newest_us: int | None = None  # the last arrival by the viewer's clock, widened; None before the first
        self._window: deque[_Burst] = deque()  # within the rate window; the last is the burst being heard of
        self._window_bytes = 0  # of all of them
        self._lost = self._heard = 0
        self._group: _Burst | None = None  # the burst being heard of
        self._before: tuple[float, float] | None = None  # (sent, last arrival) of the burst before
        self._trend = Trend()
        self._accumulated_ms = self._smoothed_ms = 0.0
        self._threshold_ms = THRESHOLD_MS
        self._overusing_since: float | None = None
        self._decreased_at = self._updated_at = float("-inf")
        self._probe_until = float("-inf")
        self._probe_rate_bps = 0
        self._probe_numbers: tuple[int, int] | None = None  # the first number of a probe, and one past its last
        # Of a probe's packets: how many arrived, the first and the last of them, and the bytes of those after the first.
        self._probe_heard = self._probe_bytes = 0
        self._probe_first = self._probe_last = 0.0
        self._probe_after = float("-inf")
        self._probe_wait_s = PROBE_WAIT_S

    def restart(self, bps: int) -> None:
        """Begin anew from this rate: what was heard before a pause says nothing of the path now."""
        self.estimate_bps = bps
        self._window.clear()
        self._window_bytes = 0
        self._trend.clear()
        self._group = self._before = None
        self._accumulated_ms = self._smoothed_ms = 0.0
        self._overusing_since = None
        self._lost = self._heard = 0

    # -- what was sent

    def on_sent(self, first: int, count: int, packet_bytes: int, now: float) -> None:
        """`count` packets of some `packet_bytes`, numbered from `first` (widened, as counted by the sender)."""
        sent = self._sent
        self._highest_sent = first + count - 1
        while count > RUN_PACKETS:
            sent.append(_Sent(first, RUN_PACKETS, packet_bytes, now))
            first, count = first + RUN_PACKETS, count - RUN_PACKETS
        sent.append(_Sent(first, count, packet_bytes, now))
        while len(sent) > HISTORY_RUNS:
            sent.popleft()

    # -- what was heard

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        if self._highest_sent is None:
            return
        self.messages += 1
        # The viewer speaks of numbers that we have sent: place them next to the highest of those.
        base = self._highest_sent - ((self._highest_sent - feedback.base) & 0xFFFF)
        arrivals = feedback.arrivals
        stop = base + len(arrivals)
        clock_us = self._clock_us(arrivals)
        sent = self._sent
        at = len(sent)
        while at and sent[at - 1].end > base:
            at -= 1
        for index in range(at, len(sent)):
            run = sent[index]
            if run.first >= stop:
                break
            if run.unheard:
                self._on_run(run, arrivals, base, clock_us)
        while sent and not sent[0].unheard:
            sent.popleft()
        window = self._window
        while len(window) > 1 and window[-1].last - window[0].first > RATE_WINDOW_S:
            self._window_bytes -= window.popleft().octets
        self._judge_probe(now)
        self._update(now)

    def _clock_us(self, arrivals: Sequence[int | None]) -> int:
        """What is to be added to these arrivals: the clock goes round, and the newest is next to what was heard before."""
        newest = arrivals[-1] if arrivals else None
        if newest is None:
            newest = next((arrival for arrival in reversed(arrivals) if arrival is not None), None)
        if newest is None:
            return 0
        before = self._newest_us
        turns = 0 if before is None else (before - newest + CLOCK_WRAP_US // 2) // CLOCK_WRAP_US
        self._newest_us = newest + turns * CLOCK_WRAP_US
        return turns * CLOCK_WRAP_US

    def _on_run(self, run: _Sent, arrivals: Sequence[int | None], base: int, clock_us: int) -> None:
        """What a message says of one run."""
        first, end, stop = run.first, run.end, base + len(arrivals)
        if first >= base and end <= stop and run.unheard == (1 << end - first) - 1:  # whole, for the first time
            part, run.unheard = arrivals[first - base : end - base], 0
        else:
            begin, end = max(first, base), min(end, stop)
            part, unheard = arrivals[begin - base : end - base], run.unheard >> begin - first
            part = tuple([arrival for place, arrival in enumerate(part) if unheard >> place & 1])
            run.unheard &= ~(((1 << end - begin) - 1) << begin - first)
        self._heard += len(part)
        came: Sequence[int] = part if None not in part else [arrival for arrival in part if arrival is not None]  # type: ignore[assignment]
        self._lost += len(part) - len(came)
        if not came:
            return
        probe = self._probe_numbers
        if probe is not None and probe[0] < run.end and first < probe[1]:  # a run is of a probe as a whole, or not at all
            self._on_probe(came, run.packet_bytes, clock_us)
        self._on_burst(run.at, (min(came) + clock_us) / 1e6, (max(came) + clock_us) / 1e6, len(came) * run.packet_bytes)

    def _on_probe(self, came: Sequence[int], packet_bytes: int, clock_us: int) -> None:
        if not self._probe_heard:
            self._probe_first = (came[0] + clock_us) / 1e6
        self._probe_heard += len(came)
        self._probe_last = (came[-1] + clock_us) / 1e6
        # The first only marks the beginning: its bytes queued before the span that is measured.
        self._probe_bytes += packet_bytes * sum((arrival + clock_us) / 1e6 > self._probe_first for arrival in came)

    def received_bps(self) -> int:
        """What got through in the last half second of arrivals."""
        window = self._window
        span = window[-1].last - window[0].first if window else 0.0
        return int(self._window_bytes * 8 / max(0.1, span)) if span > 0 else 0

    def _on_burst(self, sent: float, first: float, last: float, octets: int) -> None:
        """Bursts are compared, not packets: what left at once queues behind itself."""
        group = self._group
        self._window_bytes += octets
        if group is not None and sent - group.sent < BURST_S:
            group.first = min(first, group.first)
            group.last = max(last, group.last)
            group.octets += octets
            return
        if group is not None:
            before = self._before
            if before is not None:
                send_ms = (group.sent - before[0]) * 1000
                arrival_ms = (group.last - before[1]) * 1000
                self._accumulated_ms += arrival_ms - send_ms
                self._smoothed_ms += 0.1 * (self._accumulated_ms - self._smoothed_ms)
                self._trend.add(group.last * 1000, self._smoothed_ms)
                self._detect(group.last)
            self._before = group.sent, group.last
        self._group = _Burst(sent, first, last, octets)
        if len(self._window) == WINDOW_BURSTS:
            self._window_bytes -= self._window.popleft().octets
        self._window.append(self._group)

    def _detect(self, at: float) -> None:
        points = self._trend.points
        if points < TREND_POINTS // 2:
            return
        trend = points * self._trend.slope() * TREND_GAIN
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
        newest = self._window[-1].last if self._window else 0.0
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
        self._probe_heard = self._probe_bytes = 0
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
        if self._sent and self._sent[0].first < numbers[1] and now < self._probe_until + 1.0:
            return  # not all of it has been heard of
        self._probe_numbers = None
        if self._probe_heard < max(3, 0.9 * (numbers[1] - numbers[0])):
            self._probe_failed(now)
            return
        rate = self._probe_bytes * 8 / max(0.02, self._probe_last - self._probe_first)
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
