"""The pacer: bursts of packets to many viewers, spread over time, with the loop's other work between them.

A batch that one call may carry leaves at once. A larger one (a key frame) is cut into bursts that leave a few milliseconds apart, so
that a narrow link's queue sees them as they can be taken. No turn does more than `budget` packets times viewers.
Pure: `run` is called with the time, and says when to call it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from livecore.media.wire import SEGMENTS_LIMIT, Run, Shape

if TYPE_CHECKING:
    from livecore.media.rewrite import Epoch
    from livecore.media.source import Batch, Layer
    from livecore.media.subscription import Subscription

# Some 38 KB each 2 ms: 150 Mb/s while a burst lasts, and a hundred packets of a key frame leave within 8 ms.
BURST_PACKETS = SEGMENTS_LIMIT
BURST_INTERVAL_S = 0.002
# However large a batch is: a picture must not wait for the one before it.
SPREAD_LIMIT_S = 0.02
# Beyond this many turns' work waiting, the loop's other work waits instead (and then the kernel's receive buffer fills).
TURNS_LIMIT = 10


class Leg:
    """One subscription's stretch from one source. `handle`: what the sender keeps for it.

    `lane`: where its packets queue: the layer's, or its own while it catches up."""

    __slots__ = ("epoch", "handle", "lane", "shape", "subscription")

    def __init__(self, subscription: Subscription, epoch: Epoch[Layer], shape: Shape, lane: Lane, handle: object) -> None:
        self.subscription = subscription
        self.epoch = epoch
        self.shape = shape
        self.lane = lane
        self.handle = handle


class Legs(list[Leg]):
    """Those who are sent the same. It does not change once it is used. `handles`: what the sender made of it."""

    __slots__ = ("greeted", "handles")

    def __init__(self, legs: Iterable[Leg] = ()) -> None:
        super().__init__(legs)
        self.handles: object = None
        self.greeted = False  # whether everybody here has been sent something before


class Sender(Protocol):
    """Seals and sends: in Python or natively."""

    def handle(self, subscription: Subscription, epoch: Epoch[Layer]) -> object:
        """What is to be kept for a leg as long as it lasts."""
        ...

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, now: float) -> None:
        """All runs of the burst, in order, to each of legs[begin:end]. Does not block or raise."""
        ...


class _Job:
    __slots__ = ("burst", "bursts", "interval_s", "leg", "legs")

    def __init__(self, bursts: list[list[Run]], legs: Legs) -> None:
        self.bursts = bursts
        self.legs = legs
        self.burst = 0
        self.leg = 0
        self.interval_s = min(BURST_INTERVAL_S, SPREAD_LIMIT_S / len(bursts))


class Lane:
    """What is sent one after the other: a layer's batches to all viewers of one shape, or those to one who catches up."""

    __slots__ = ("due_at", "jobs", "queued", "returns")

    def __init__(self, returns: tuple[Leg, Lane] | None = None) -> None:
        self.jobs: deque[_Job] = deque()
        self.due_at = 0.0
        self.queued = False  # in the pacer's round
        self.returns = returns  # a leg that goes over to another lane when this one is empty


class Pacer:
    def __init__(self, sender: Sender, budget: int) -> None:
        self.waiting = 0  # packets times viewers
        self._sender = sender
        self._budget = budget
        self._round: deque[Lane] = deque()

    def leg(self, subscription: Subscription, epoch: Epoch[Layer], shape: Shape, *, catching_up: bool) -> Leg:
        lanes = epoch.source.lanes
        lane = lanes.get(shape)
        if lane is None:
            lane = lanes[shape] = Lane()
        leg = Leg(subscription, epoch, shape, lane, self._sender.handle(subscription, epoch))
        if catching_up:
            leg.lane = Lane((leg, lane))
        return leg

    def add(self, lane: Lane, batch: Batch, shape: Shape, legs: Legs) -> None:
        """Queue a batch for these legs, all of that lane and shape."""
        lane.jobs.append(_Job(batch.bursts(shape), legs))
        self.waiting += batch.count * len(legs)
        if not lane.queued:
            lane.queued = True
            self._round.append(lane)

    def run(self, now: float) -> float | None:
        """Send what is due, as much as one turn may. Returns when to go on; None when nothing is left."""
        budget = max(self._budget, self.waiting - TURNS_LIMIT * self._budget)
        next_at: float | None = None
        for _ in range(len(self._round)):
            if budget <= 0:  # the others are first next time
                return now
            lane = self._round.popleft()
            while lane.jobs and lane.due_at <= now and budget > 0:
                budget -= self._step(lane, now, budget)
            if lane.jobs:
                self._round.append(lane)
                due_at = max(now, lane.due_at)
                next_at = due_at if next_at is None else min(next_at, due_at)
                continue
            lane.queued = False
            if lane.returns is not None:
                leg, common = lane.returns
                leg.lane, lane.returns = common, None
                leg.epoch.source.audience = None
        return next_at

    def _step(self, lane: Lane, now: float, budget: int) -> int:
        """One burst, to as many of its legs as the budget lets. Returns the packets sent."""
        job = lane.jobs[0]
        burst = job.bursts[job.burst]
        packets = sum(run.count for run in burst)
        begin, end = job.leg, min(len(job.legs), job.leg + max(1, budget // packets))
        self._sender.send(burst, job.legs, begin, end, now)
        job.leg = end
        if end == len(job.legs):
            job.leg, job.burst = 0, job.burst + 1
            if job.burst == len(job.bursts):
                lane.jobs.popleft()
            else:
                lane.due_at = now + job.interval_s
        done = packets * (end - begin)
        self.waiting -= done
        return done
