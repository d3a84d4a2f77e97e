"""What the estimate does with feedback: nothing while nothing limits, down on a growing queue or loss, up by proof; natively the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.media.estimate import CLOCK_WRAP_US, FLOOR_BPS, PROBE_WAIT_S, Estimator, SendSideEstimator, _Sent
from livecore.media.estimate_native import NativeEstimator
from livecore.media.rtcp import TransportFeedback
from livecore.media.trend import TREND_POINTS, Trend
from livecore.native import Library, load

LIBRARY = load()


def estimators() -> list[SendSideEstimator | NativeEstimator]:
    """By runs, packet by packet, and natively where the helper was built."""
    return [SendSideEstimator(), PacketByPacket(), *([NativeEstimator(LIBRARY)] if LIBRARY is not None else [])]


class Path:
    """Sends a picture of `count` packets every 33 ms over a path with a queue; feedback every 66 ms."""

    def __init__(self, rate_bps: float, loss_every: int = 0, native: Library | None = None) -> None:
        self.rate_bps = rate_bps
        self.loss_every = loss_every
        self.estimator: Estimator = SendSideEstimator() if native is None else NativeEstimator(native)
        self.now = 100.0
        self.number = 65_500
        self.zero_us = 0  # the viewer's clock when ours shows nought
        self.wraps = 0
        self._free_at = 0.0
        self._told: list[int | None] = []
        self._base = self.number

    def _packet(self, size: int) -> None:
        self.estimator.on_sent(self.number, 1, size, self.now)
        self.number += 1
        if self.loss_every and self.number % self.loss_every == 0:
            self._told.append(None)
            return
        self._free_at = max(self.now, self._free_at) + size * 8 / self.rate_bps
        self._told.append(round((self._free_at + 0.02) * 4000) * 250 + self.zero_us)

    def run(self, seconds: float, count: int, probe_bps: int = 0) -> None:
        end = self.now + seconds
        step = 0
        while self.now < end:
            if step % 5 == 0:
                for _ in range(count):
                    self._packet(1000)
            if probe_bps and step % 3 == 0:
                self.estimator.start_probe(probe_bps, self.now)
                for _ in range(self.estimator.probe_bytes(0.02, self.now) // 1000):
                    self._packet(1000)
            self.now += 1 / 150
            step += 1
            if step % 10 == 0 and self._told:
                if next(at for at in self._told if at is not None) >= CLOCK_WRAP_US // 2:  # as the wire has it
                    self.zero_us -= CLOCK_WRAP_US
                    self.wraps += 1
                    self._told = [at - CLOCK_WRAP_US if at is not None else None for at in self._told]
                feedback = TransportFeedback(1, 2, self._base & 0xFFFF, 0, tuple(self._told))
                self._base, self._told = self.number, []
                self.estimator.on_feedback(feedback, self.now)


def test_nothing_is_estimated_while_nothing_limits() -> None:
    path = Path(rate_bps=50_000_000)
    path.run(10, count=5)
    assert path.estimator.estimate_bps is None
    assert not path.estimator.start_probe(2_000_000, path.now)


def test_growing_queue_brings_the_estimate_below_what_gets_through() -> None:
    path = Path(rate_bps=1_000_000)
    path.run(2, count=5)  # 1.2 Mb/s
    estimate = path.estimator.estimate_bps
    assert estimate is not None
    assert 600_000 < estimate < 1_000_000


def test_heavy_loss_brings_the_estimate_down_without_a_queue() -> None:
    path = Path(rate_bps=50_000_000, loss_every=5)
    path.run(3, count=5)
    assert path.estimator.estimate_bps is not None
    assert path.estimator.estimate_bps < 1_000_000


def test_estimate_does_not_climb_beyond_what_media_can_prove() -> None:
    path = Path(rate_bps=1_000_000)
    path.run(2, count=5)
    path.rate_bps = 50_000_000
    path.run(20, count=1)  # 240 kb/s
    assert path.estimator.estimate_bps is not None
    assert path.estimator.estimate_bps < 1_100_000


def test_probe_finds_room_that_is_there() -> None:
    path = Path(rate_bps=800_000)
    path.run(2, count=5)
    path.rate_bps = 10_000_000
    path.run(8, count=1, probe_bps=3_000_000)
    assert path.estimator.estimate_bps is not None
    assert path.estimator.estimate_bps > 2_000_000


def test_probe_of_a_path_without_room_fails_and_is_repeated_ever_more_rarely() -> None:
    path = Path(rate_bps=800_000)
    path.run(2, count=5)
    path.run(40, count=2, probe_bps=3_000_000)
    assert path.estimator.estimate_bps is not None
    assert path.estimator.estimate_bps < 900_000
    assert 2 <= path.estimator.probes < 40 / PROBE_WAIT_S / 2


def test_estimate_never_falls_to_nothing() -> None:
    path = Path(rate_bps=30_000)
    path.run(20, count=2)
    assert path.estimator.estimate_bps is not None
    assert path.estimator.estimate_bps >= FLOOR_BPS


def test_feedback_about_what_was_never_sent_changes_nothing() -> None:
    estimator = SendSideEstimator()
    estimator.on_feedback(TransportFeedback(1, 2, 500, 0, (1000, None, 2000)), 1.0)
    estimator.on_sent(10, 5, 1000, 1.0)
    estimator.on_feedback(TransportFeedback(1, 2, 40_000, 0, tuple([None] * 300)), 2.0)
    assert estimator.estimate_bps is None


class PacketByPacket(SendSideEstimator):
    """The same estimate, each packet remembered, looked up and accounted by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._each: dict[int, tuple[float, int]] = {}

    def on_sent(self, first: int, count: int, packet_bytes: int, now: float) -> None:
        for number in range(first, first + count):
            self._each[number] = now, packet_bytes
            self._sent.append(_Sent(number, 1, packet_bytes, now))  # with no limit: so many runs of one packet are fewer runs elsewhere
        self._highest_sent = first + count - 1

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        assert self._highest_sent is not None
        base = self._highest_sent - ((self._highest_sent - feedback.base) & 0xFFFF)
        clock_us = self._clock_us(feedback.arrivals)
        for number, arrival_us in enumerate(feedback.arrivals, start=base):
            sent = self._each.pop(number, None)
            if sent is None:
                continue
            self._heard += 1
            if arrival_us is None:
                self._lost += 1
                continue
            arrival = (arrival_us + clock_us) / 1e6
            if self._probe_numbers and self._probe_numbers[0] <= number < self._probe_numbers[1]:
                self._on_probe((arrival_us,), sent[1], clock_us)
            self._on_burst(sent[0], arrival, arrival, sent[1])
        for run in self._sent:
            run.unheard = run.first in self._each
        super().on_feedback(TransportFeedback(1, 2, feedback.base, 0, ()), now)  # judges, and forgets what was heard of


@given(st.integers(0, 1 << 32), st.integers(200_000, 8_000_000))
def test_runs_are_judged_as_their_packets_would_be_one_by_one(seed: int, rate_bps: int) -> None:
    """Over a queue, with loss, feedback that is lost, comes twice or out of order, and probes."""
    rng = random.Random(seed)
    ways = estimators()
    now, number, free_at, zero_us = 50.0, rng.randrange(1 << 20), 0.0, rng.randrange(-(1 << 39), 1 << 39)
    told: list[int | None] = []
    base = number
    waiting: list[TransportFeedback] = []

    def same(results: list[object]) -> None:
        assert results.count(results[0]) == len(ways)

    for step in range(120):
        for _ in range(rng.randrange(4)):
            count, size = rng.choice((1, 2, 7, 32, 40)), rng.choice((200, 1000, 1200))
            for estimator in ways:
                estimator.on_sent(number, count, size, now)
            number += count
            for _ in range(count):
                free_at = max(now, free_at) + size * 8 / rate_bps
                lost = rng.random() < 0.03 or free_at > now + 0.6
                free_at = min(free_at, now + 0.6)
                told.append(None if lost else (zero_us + round((free_at + 0.02) * 4000)) * 250)
        now += rng.uniform(0.001, 0.04)
        if step % 3 == 0 and told:
            waiting.append(TransportFeedback(1, 2, base & 0xFFFF, 0, tuple(told)))
            base, told = number, []
        while waiting and rng.random() < 0.7:
            feedback = waiting.pop(rng.randrange(len(waiting)))
            for _ in range(rng.choice((0, 1, 1, 1, 1, 2))):
                for estimator in ways:
                    estimator.on_feedback(feedback, now)
        if step % 20 == 7:
            same([estimator.start_probe(2_000_000, now) for estimator in ways])
        same([estimator.probe_bytes(0.02, now) for estimator in ways])
        same([(one.estimate_bps, one.received_bps(), one.probes) for one in ways])
        if step == 60:
            for estimator in ways:
                estimator.restart(500_000)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(-5, 5)), min_size=2, max_size=80), st.floats(0, 1e9))
def test_running_sums_give_the_line_through_the_last_points(steps: list[tuple[float, float]], start: float) -> None:
    trend = Trend()
    x, y = start, -start
    points: list[tuple[float, float]] = []
    for dx, dy in steps:
        x, y = x + dx, y + dy
        points.append((x, y))
        trend.add(x, y)
    points = points[-TREND_POINTS:]
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if spread > 1:
        slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
        assert trend.slope() == pytest.approx(slope, rel=1e-6, abs=1e-6)
    assert trend.points == len(points)


@pytest.mark.parametrize("native", [None, *([LIBRARY] if LIBRARY is not None else [])])
def test_viewers_clock_goes_round_and_nothing_is_thought_to_be_late(native: Library | None) -> None:
    """Twenty-four bits of 64 ms: after 12.4 days a viewer's times begin again at the other end."""
    path = Path(rate_bps=50_000_000, native=native)
    path.zero_us = CLOCK_WRAP_US // 2 - 102_000_000  # the clock goes round after two seconds
    path.run(5, count=5)
    assert path.wraps == 1
    assert path.estimator.estimate_bps is None
    assert isinstance(path.estimator, SendSideEstimator | NativeEstimator)
    assert path.estimator.received_bps() == pytest.approx(1_200_000, rel=0.1)
