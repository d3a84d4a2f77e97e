"""What the estimate does with feedback: nothing while nothing limits, down on a growing queue or loss, up by proof."""

from livecore.media.estimate import FLOOR_BPS, PROBE_WAIT_S, SendSideEstimator
from livecore.media.rtcp import TransportFeedback


class Path:
    """Sends a picture of `count` packets every 33 ms over a path with a queue; feedback every 66 ms."""

    def __init__(self, rate_bps: float, loss_every: int = 0) -> None:
        self.rate_bps = rate_bps
        self.loss_every = loss_every
        self.estimator = SendSideEstimator()
        self.now = 100.0
        self.number = 65_500
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
        self._told.append(round((self._free_at + 0.02) * 4000) * 250)

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
