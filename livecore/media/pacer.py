"""The pacer: bursts of packets to many viewers, spread over time, with the loop's other work between them.

A batch that one call may carry leaves at once, to all who are sent the same. A larger one (a key frame) is cut into bursts that leave a
few milliseconds apart. A viewer whose path is known to be narrow gets what does not fit its pace (`pace`) in a lane of its own, spread
so that the link's queue takes it. No turn does more than `budget` packets times viewers. Pure: `run` is called with the time, and says
when to call it again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from livecore.media.wire import SEGMENTS_LIMIT, Run, Shape

if TYPE_CHECKING:
    from livecore.media.estimate import Estimator
    from livecore.media.pace import Pace
    from livecore.media.pressure import AgeLimit
    from livecore.media.resend import Resend
    from livecore.media.rewrite import Epoch
    from livecore.media.source import Batch, Layer
    from livecore.media.subscription import Subscription

# Some 38 KB each 2 ms: 150 Mb/s while a burst lasts, and a hundred packets of a key frame leave within 8 ms.
BURST_PACKETS = SEGMENTS_LIMIT
BURST_INTERVAL_S = 0.002
# However large a batch is: a picture must not wait for the one before it.
SPREAD_LIMIT_S = 0.02
# A viewer whose pictures do not fit its pace soon has another that does not: going to and fro costs everybody a new grouping.
APART_S = 0.1
# Beyond this many turns' work waiting, the loop's other work waits instead (and then the kernel's receive buffer fills).
TURNS_LIMIT = 10
# What may wait in a lane, whatever its age: as many batches as the cache holds packets. Then pictures are left out.
JOBS_LIMIT = 1024


class Leg:
    """One subscription's stretch from one source. `handle`: what the sender keeps for it.

    `lane`: where its packets queue: the layer's, or its own while it catches up or is paced."""

    __slots__ = ("epoch", "handle", "lane", "shape", "subscription")

    def __init__(self, subscription: Subscription, epoch: Epoch[Layer], shape: Shape, lane: Lane, handle: object) -> None:
        self.subscription = subscription
        self.epoch = epoch
        self.shape = shape
        self.lane = lane
        self.handle = handle


class Legs(list[Leg]):
    """Those who are sent the same. It does not change once it is used. `handles`: what the sender made of it."""

    __slots__ = ("_paced", "greeted", "handles")

    def __init__(self, legs: Iterable[Leg] = ()) -> None:
        super().__init__(legs)
        self.handles: object = None
        self.greeted = False  # whether everybody here has been sent something before
        self._paced: list[tuple[Leg, Pace]] | None = None

    @property
    def paced(self) -> list[tuple[Leg, Pace]]:
        """Those whose pace counts: when somebody's begins to, new `Legs` are made (`Subscription.regroup`)."""
        if self._paced is None:
            self._paced = [(leg, pace) for leg in self if (pace := leg.subscription.pace) is not None and pace.rate_bps]
        return self._paced


class Sender(Protocol):
    """Seals and sends: in Python or natively."""

    def estimator(self) -> Estimator:
        """For a viewer that gives transport-wide feedback; what is sent to it is noted there."""
        ...

    def handle(self, subscription: Subscription, epoch: Epoch[Layer]) -> object:
        """What is to be kept for a leg as long as it lasts."""
        ...

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, now: float) -> None:
        """All runs of the burst, in order, to each of legs[begin:end]. Does not block or raise."""
        ...


class _Job:
    __slots__ = ("at", "burst", "bursts", "done", "interval_s", "leg", "legs")

    def __init__(self, bursts: list[list[Run]], legs: Legs, now: float) -> None:
        self.bursts = bursts
        self.legs = legs
        self.at = now
        self.burst = 0
        self.leg = 0
        self.interval_s = min(BURST_INTERVAL_S, SPREAD_LIMIT_S / len(bursts))
        self.done = False


class Lane:
    """What is sent one after the other: a layer's batches to all viewers of one shape, or those to one who catches up or is paced."""

    __slots__ = ("apart_until", "behind", "due_at", "jobs", "pace", "queued", "resends", "returns")

    def __init__(self, returns: tuple[Leg, Lane] | None = None, pace: Pace | None = None) -> None:
        self.jobs: deque[_Job] = deque()
        self.resends: deque[Resend] = deque()  # before any job; the viewer's budget of resends bounds it
        self.due_at = 0.0
        self.queued = False  # in the pacer's round
        self.returns = returns  # a leg that goes over to another lane when this one is empty
        self.pace = pace  # of the only viewer here; None where several are, or it is not paced
        self.apart_until = 0.0
        self.behind: _Job | None = None  # of the lane that the viewer came from: not before that is done

    def waited_s(self, now: float) -> float:
        """How long the oldest of what waits here has waited."""
        return now - self.jobs[0].at if self.jobs else 0.0

    @property
    def full(self) -> bool:
        return len(self.jobs) >= JOBS_LIMIT


class Pacer:
    """`age_limit`: what is older when it is to be queued is left out instead (`forward`)."""

    def __init__(self, sender: Sender, budget: int, age_limit: AgeLimit) -> None:
        self.waiting = 0  # packets times viewers
        self.age_limit = age_limit
        self._sender = sender
        self._budget = budget
        self._round: deque[Lane] = deque()

    def leg(
        self, subscription: Subscription, epoch: Epoch[Layer], shape: Shape, *, catching_up: bool = False, before: Leg | None = None
    ) -> Leg:
        """`before`: the viewer's last leg: what it is still owed in a lane of its own leaves first."""
        lanes = epoch.source.lanes
        lane = lanes.get(shape)
        if lane is None:
            lane = lanes[shape] = Lane()
        leg = Leg(subscription, epoch, shape, lane, self._sender.handle(subscription, epoch))
        if before is not None and before.lane.returns is not None and before.lane.jobs:
            leg.lane = before.lane
            leg.lane.returns = leg, lane
        elif catching_up:
            leg.lane = Lane((leg, lane), subscription.pace)
        return leg

    def add(self, lane: Lane, batch: Batch, shape: Shape, legs: Legs, now: float) -> None:
        """Queue a batch for these legs, all of that lane and shape."""
        if lane.returns is None:
            apart = [leg for leg, pace in legs.paced if not pace.fits(batch.octets, now)]
            if apart:
                for leg in apart:
                    self._set_apart(leg, now)
                    self._queue(leg.lane, batch, shape, Legs((leg,)), now)
                left = set(apart)
                legs = Legs(leg for leg in legs if leg not in left)
                if not legs:
                    return
        elif lane.pace is not None and not lane.pace.fits(batch.octets, now):
            lane.apart_until = now + APART_S
        self._queue(lane, batch, shape, legs, now)

    def resend(self, leg: Leg, resend: Resend, now: float) -> None:
        """Queue a packet that a paced viewer asks for again, before anything that it has not been sent yet."""
        if leg.lane.returns is None:
            self._set_apart(leg, now)
        leg.lane.resends.append(resend)
        self._enter(leg.lane)

    def _set_apart(self, leg: Leg, now: float) -> None:
        """Give a viewer a lane of its own, behind what it is still owed in the common one."""
        common = leg.lane
        lane = leg.lane = Lane((leg, common), leg.subscription.pace)
        lane.apart_until = now + APART_S
        lane.behind = common.jobs[-1] if common.jobs else None
        leg.epoch.source.audience = None

    def _queue(self, lane: Lane, batch: Batch, shape: Shape, legs: Legs, now: float) -> None:
        limit = lane.pace.call_packets if lane.pace is not None and lane.pace.rate_bps else BURST_PACKETS
        lane.jobs.append(_Job(batch.bursts(shape, limit), legs, now))
        self.waiting += batch.count * len(legs)
        self._enter(lane)

    def _enter(self, lane: Lane) -> None:
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
            if lane.behind is not None and lane.behind.done:
                lane.behind = None
            while lane.resends and lane.due_at <= now and budget > 0:
                budget -= self._send_again(lane, now)
            while lane.jobs and lane.due_at <= now and budget > 0 and lane.behind is None:
                budget -= self._step(lane, now, budget)
            if lane.jobs or lane.resends:
                self._round.append(lane)
                due_at = max(now + BURST_INTERVAL_S if lane.behind is not None else now, lane.due_at)
                next_at = due_at if next_at is None else min(next_at, due_at)
                continue
            lane.queued = False
            if lane.returns is not None and now >= lane.apart_until:
                leg, common = lane.returns
                leg.lane, lane.returns = common, None
                leg.epoch.source.audience = None
        return next_at

    def _send_again(self, lane: Lane, now: float) -> int:
        resend = lane.resends.popleft()
        assert lane.returns is not None
        lane.returns[0].subscription.send_again(resend, now)
        if lane.pace is not None:
            lane.due_at = _on_grid(lane.pace.due_at(), now)
        return 1

    def _step(self, lane: Lane, now: float, budget: int) -> int:
        """One burst, to as many of its legs as the budget lets. Returns the packets sent."""
        job = lane.jobs[0]
        burst = job.bursts[job.burst]
        packets = sum(run.count for run in burst)
        begin, end = job.leg, min(len(job.legs), job.leg + max(1, budget // packets))
        self._sender.send(burst, job.legs, begin, end, now)
        if begin == 0 and job.legs.paced:
            octets = sum(run.octets for run in burst)
            for _, pace in job.legs.paced:
                pace.spend(octets, now)
        job.leg = end
        if end == len(job.legs):
            job.leg, job.burst = 0, job.burst + 1
            paced = lane.pace is not None and lane.pace.rate_bps
            if job.burst == len(job.bursts):
                lane.jobs.popleft()
                job.done = True
            elif not paced:
                lane.due_at = now + job.interval_s
            if paced and lane.pace is not None:
                lane.due_at = _on_grid(lane.pace.due_at(), now)
        done = packets * (end - begin)
        self.waiting -= done
        return done


def _on_grid(due_at: float, now: float) -> float:
    """Many viewers, each with a pace of its own, are woken for together."""
    return now if due_at <= now else math.ceil(due_at / BURST_INTERVAL_S) * BURST_INTERVAL_S
