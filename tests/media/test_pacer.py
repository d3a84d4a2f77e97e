"""Bursts: how much leaves at once, when the rest does, in which order, and that the loop has its turn."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from livecore.media.pace import AT_ONCE_S, FLOOR_BPS, Pace
from livecore.media.pacer import BURST_INTERVAL_S, BURST_PACKETS, JOBS_LIMIT, SPREAD_LIMIT_S, TURNS_LIMIT, Leg, Legs, Pacer
from livecore.media.packet import Packet
from livecore.media.pressure import AgeLimit
from livecore.media.rewrite import Epoch
from livecore.media.source import Batch, Layer
from livecore.media.wire import Run, Shape, ShapeKey

SHAPE = Shape(ShapeKey(100, (), 0, "", 0, True, 16))


class Viewer(NamedTuple):
    """As much of a subscription as the pacer asks for."""

    name: object
    pace: Pace | None = None


class Noting:
    """Notes (viewer, first number, packets) of each send."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, int, int]] = []

    def handle(self, subscription: Any, _epoch: Epoch[Layer]) -> object:
        return subscription.name

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, _now: float) -> None:
        self.sent += [(leg.handle, burst[0].segments[0].sequence, sum(run.count for run in burst)) for leg in legs[begin:end]]

    def of(self, viewer: object) -> list[int]:
        return [first for who, first, _ in self.sent if who == viewer]


def batch(first: int, count: int, size: int = 1000) -> Batch:
    return Batch([Packet(first + index, 0, False, bytes(size), 0.0) for index in range(count)])


def stage(viewers: int, budget: int = 100_000) -> tuple[Pacer, Noting, Layer, Legs]:
    sender, layer = Noting(), Layer("", 90_000, True)
    pacer = Pacer(cast(Any, sender), budget, AgeLimit(1.0))
    epoch = Epoch(layer, 0, 0, 0)
    return pacer, sender, layer, Legs(pacer.leg(cast(Any, Viewer(name)), epoch, SHAPE, catching_up=False) for name in range(viewers))


def test_picture_leaves_at_once() -> None:
    pacer, sender, _, legs = stage(3)
    pacer.add(legs[0].lane, batch(10, 5), SHAPE, legs, 1.0)
    assert pacer.run(1.0) is None
    assert sender.sent == [(0, 10, 5), (1, 10, 5), (2, 10, 5)]
    assert pacer.waiting == 0


def test_key_frame_is_spread_over_a_few_milliseconds_for_each_viewer() -> None:
    pacer, sender, _, legs = stage(2)
    pacer.add(legs[0].lane, batch(0, 3 * BURST_PACKETS), SHAPE, legs, 1.0)
    now, times = 1.0, []
    while True:
        due = pacer.run(now)
        times.append(now)
        if due is None:
            break
        now = due
    assert max(count for _, _, count in sender.sent) <= BURST_PACKETS
    assert sender.of(0) == sender.of(1) == [0, BURST_PACKETS, 2 * BURST_PACKETS]
    assert [round(b - a, 6) for a, b in itertools.pairwise(times)] == [BURST_INTERVAL_S] * 2


def test_no_batch_takes_longer_than_the_limit_however_large() -> None:
    pacer, _, _, legs = stage(1)
    pacer.add(legs[0].lane, batch(0, 40 * BURST_PACKETS), SHAPE, legs, 1.0)
    now: float | None = 1.0
    last = 1.0
    while now is not None:
        last, now = now, pacer.run(now)
    assert last <= 1.0 + SPREAD_LIMIT_S + 1e-9


def test_next_picture_waits_for_the_one_before_it_and_sound_does_not() -> None:
    pacer, sender, _, legs = stage(1)
    sound = Legs([pacer.leg(cast(Any, Viewer("ear")), Epoch(Layer("", 48_000, False), 0, 0, 0), SHAPE, catching_up=False)])
    pacer.add(legs[0].lane, batch(0, 2 * BURST_PACKETS), SHAPE, legs, 1.0)
    pacer.run(1.0)
    pacer.add(legs[0].lane, batch(500, 1), SHAPE, legs, 1.0)
    pacer.add(sound[0].lane, batch(7, 1), SHAPE, sound, 1.0)
    due = pacer.run(1.0001)
    assert sender.of("ear") == [7]
    assert sender.of(0) == [0]
    assert due is not None
    assert pacer.run(due) is None
    assert sender.of(0) == [0, BURST_PACKETS, 500]


def test_one_turn_does_only_so_much_and_comes_back_at_once() -> None:
    pacer, sender, _, legs = stage(50, budget=100)
    pacer.add(legs[0].lane, batch(0, 10), SHAPE, legs, 1.0)
    turns = 1
    while (due := pacer.run(1.0)) is not None:
        assert due == 1.0
        assert len(sender.sent) == 10 * turns
        turns += 1
    assert turns == 5
    assert [who for who, _, _ in sender.sent] == list(range(50))


def test_two_lives_take_turns() -> None:
    pacer, sender, _, legs = stage(4, budget=20)
    other = Legs([pacer.leg(cast(Any, Viewer("other")), Epoch(Layer("", 90_000, True), 0, 0, 0), SHAPE, catching_up=False)])
    pacer.add(legs[0].lane, batch(0, 10), SHAPE, legs, 1.0)
    pacer.add(other[0].lane, batch(70, 10), SHAPE, other, 1.0)
    pacer.run(1.0)
    pacer.run(1.0)
    assert sender.of("other") == [70]


def test_what_waits_is_bounded() -> None:
    """Beyond the bound the turn grows: the loop then waits, and not memory for it."""
    pacer, _, _, legs = stage(10, budget=100)
    for number in range(50):
        pacer.add(legs[0].lane, batch(10 * number, 10), SHAPE, legs, 1.0)
    assert pacer.waiting == 5000
    pacer.run(1.0)
    assert pacer.waiting <= TURNS_LIMIT * 100


def test_newcomer_catches_up_in_its_own_lane_and_then_joins_the_others() -> None:
    pacer, sender, layer, legs = stage(2)
    newcomer = pacer.leg(cast(Any, Viewer("new")), Epoch(layer, 0, 0, 0), SHAPE, catching_up=True)
    pacer.add(newcomer.lane, batch(0, 2 * BURST_PACKETS), SHAPE, Legs([newcomer]), 1.0)
    pacer.run(1.0)
    # A picture meanwhile: the others have it at once, the newcomer after what it is still owed.
    pacer.add(legs[0].lane, batch(900, 3), SHAPE, legs, 1.0)
    pacer.add(newcomer.lane, batch(900, 3), SHAPE, Legs([newcomer]), 1.0)
    due = pacer.run(1.0005)
    assert sender.of(0) == [900]
    assert sender.of("new") == [0]
    assert due is not None
    assert pacer.run(due) is None
    assert sender.of("new") == [0, BURST_PACKETS, 900]
    assert newcomer.lane is legs[0].lane


def test_packets_of_a_stretch_that_has_ended_keep_its_numbers() -> None:
    """A viewer that changes layers while a key frame is still being spread: each packet goes under the offsets of its own epoch."""
    pacer, _, layer, _ = stage(0)
    first = pacer.leg(cast(Any, Viewer("v")), Epoch(layer, 0, 5, 0), SHAPE, catching_up=False)
    second = pacer.leg(cast(Any, Viewer("v")), Epoch(layer, 0, 900, 0), SHAPE, catching_up=False)
    seen: list[int] = []
    cast(Any, pacer)._sender.send = lambda _b, legs, begin, end, _n: seen.extend(one.epoch.sequence_offset for one in legs[begin:end])
    pacer.add(first.lane, batch(0, 2 * BURST_PACKETS), SHAPE, Legs([first]), 1.0)
    pacer.run(1.0)
    pacer.add(second.lane, batch(100, 1), SHAPE, Legs([second]), 1.0)
    pacer.run(2.0)
    assert seen == [5, 5, 900]
    assert isinstance(first, Leg)


def narrow(estimate_bps: int, factor: float = 2.5) -> Pace:
    pace = Pace(factor)
    pace.on_estimate(estimate_bps)
    return pace


def leave(pacer: Pacer, now: float) -> list[float]:
    """Run until nothing is left; when it ran."""
    times = [now]
    while (due := pacer.run(now)) is not None:
        now = max(now + 1e-6, due)
        times.append(now)
    return times


def test_pace_is_a_multiple_of_the_estimate_with_a_floor_and_none_without() -> None:
    pace = Pace(2.5)
    assert pace.fits(10_000_000, 1.0)
    assert pace.on_estimate(2_000_000)
    assert pace.rate_bps == 5_000_000
    assert not pace.on_estimate(10_000)
    assert pace.rate_bps == FLOOR_BPS
    assert pace.call_packets == 4
    pace.on_estimate(4_000_000)
    assert pace.call_packets == 8
    pace.on_estimate(100_000_000)
    assert pace.call_packets == 16
    assert pace.on_estimate(None)
    assert pace.due_at() == float("-inf")


def test_viewer_on_a_narrow_path_is_paced_and_the_others_are_still_one_call() -> None:
    pacer, sender, layer, _ = stage(0)
    calls: list[int] = []
    send = sender.send
    cast(Any, sender).send = lambda burst, legs, begin, end, now: (calls.append(end - begin), send(burst, legs, begin, end, now))
    epoch = Epoch(layer, 0, 0, 0)
    viewers = [Viewer(n) for n in range(40)] + [Viewer("narrow", narrow(2_000_000)), Viewer("wide", narrow(50_000_000))]
    legs = Legs(pacer.leg(cast(Any, viewer), epoch, SHAPE) for viewer in viewers)
    # A picture that fits everybody's pace: one call.
    pacer.add(legs[0].lane, batch(0, 5), SHAPE, legs, 1.0)
    leave(pacer, 1.0)
    assert calls == [42]
    # A key frame: 100 KB at 5 Mb/s are 160 ms; the others have it within 6 ms.
    calls.clear()
    pacer.add(legs[0].lane, batch(10, 100), SHAPE, legs, 2.0)
    times = leave(pacer, 2.0)
    assert calls.count(41) == 4
    assert sum(count for who, _, count in sender.sent if who == "narrow") == 105
    assert 0.13 < times[-1] - 2.0 < 0.17
    first = [number for who, number, _ in sender.sent if who == "narrow"]
    assert first == sorted(first)
    # A tenth of a second later it is back among the others.
    pacer.add(legs[40].lane, batch(110, 5), SHAPE, Legs([legs[40]]), 2.3)
    leave(pacer, 2.3)
    assert legs[40].lane is legs[0].lane


def test_sound_does_not_wait_behind_a_paced_picture() -> None:
    pacer, sender, layer, _ = stage(0)
    legs = Legs([pacer.leg(cast(Any, Viewer("eye", narrow(1_000_000))), Epoch(layer, 0, 0, 0), SHAPE)])
    sound = Legs([pacer.leg(cast(Any, Viewer("ear")), Epoch(Layer("", 48_000, False), 0, 0, 0), SHAPE)])
    pacer.add(legs[0].lane, batch(0, 100), SHAPE, legs, 1.0)
    pacer.run(1.0)
    pacer.add(sound[0].lane, batch(7, 1), SHAPE, sound, 1.0001)
    pacer.run(1.0001)
    assert sender.of("ear") == [7]
    assert len(sender.of("eye")) < 4


def test_what_is_sent_again_goes_first_and_takes_from_the_pace() -> None:
    pacer, sender, layer, _ = stage(0)
    pace = narrow(1_000_000)

    class Asking(NamedTuple):
        name: str
        pace: Pace

        def send_again(self, resend: object, now: float) -> None:
            sender.sent.append((resend, -1, 1))
            pace.spend(1000, now)

    leg = pacer.leg(cast(Any, Asking("eye", pace)), Epoch(layer, 0, 0, 0), SHAPE)
    pacer.add(leg.lane, batch(0, 40), SHAPE, Legs([leg]), 1.0)
    pacer.run(1.0)
    before = len(sender.sent)
    for number in range(20):
        pacer.resend(leg, cast(Any, f"again {number}"), 1.0)
    times = leave(pacer, 1.0)
    assert [who for who, _, _ in sender.sent[before : before + 20]] == [f"again {number}" for number in range(20)]
    # 60 KB in all at 2.5 Mb/s.
    assert 0.16 < times[-1] - 1.0 < 0.2


def test_viewer_set_apart_gets_first_what_it_is_owed_with_the_others() -> None:
    pacer, sender, layer, _ = stage(0)
    pace = Pace(2.5)
    legs = Legs([pacer.leg(cast(Any, Viewer("eye", pace)), Epoch(layer, 0, 0, 0), SHAPE)])
    pace.on_estimate(None)
    pacer.add(legs[0].lane, batch(0, 2 * BURST_PACKETS), SHAPE, legs, 1.0)
    pacer.run(1.0)
    pace.on_estimate(100_000)
    legs = Legs(legs)
    pacer.add(legs[0].lane, batch(500, 40), SHAPE, legs, 1.0)
    leave(pacer, 1.0)
    assert sender.of("eye") == [0, BURST_PACKETS, *range(500, 540, 4)]


def test_picture_that_fits_the_pace_leaves_whole() -> None:
    pace = narrow(2_000_000)
    octets = int(AT_ONCE_S * pace.rate_bps / 8)
    assert pace.fits(octets, 1.0)
    pace.spend(octets, 1.0)
    assert not pace.fits(1000, 1.0)
    assert pace.fits(octets, 1.0 + AT_ONCE_S)


def test_lane_is_bounded_by_age_and_by_count() -> None:
    pacer, _, layer, _ = stage(0)
    legs = Legs([pacer.leg(cast(Any, Viewer("eye", narrow(1_000_000))), Epoch(layer, 0, 0, 0), SHAPE)])
    pacer.add(legs[0].lane, batch(0, 100), SHAPE, legs, 1.0)
    lane, limit = legs[0].lane, AgeLimit(1.0)
    assert not limit.exceeded(lane, 0.4, 1.5)
    assert limit.exceeded(lane, 0.6, 1.5), "it would be older than a second behind what waits"
    assert not limit.take(), "a viewer's path is no load of the worker"
    for number in range(JOBS_LIMIT - len(lane.jobs)):
        assert not limit.exceeded(lane, 0.0, 1.0)
        pacer.add(lane, batch(100 + number, 1), SHAPE, legs, 1.0)
    assert limit.exceeded(lane, 0.0, 1.0)
    assert limit.exceeded(None, 1.1, 1.0)
    assert limit.take()
    assert not limit.take()
