"""Bursts: how much leaves at once, when the rest does, in which order, and that the loop has its turn."""

import itertools
from collections.abc import Sequence
from typing import Any, cast

from livecore.media.pacer import BURST_INTERVAL_S, BURST_PACKETS, SPREAD_LIMIT_S, TURNS_LIMIT, Leg, Legs, Pacer
from livecore.media.packet import Packet
from livecore.media.rewrite import Epoch
from livecore.media.source import Batch, Layer
from livecore.media.wire import Run, Shape, ShapeKey

SHAPE = Shape(ShapeKey(100, (), 0, "", 0, True, 16))


class Noting:
    """Notes (viewer, first number, packets) of each send."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, int, int]] = []

    def handle(self, subscription: Any, _epoch: Epoch[Layer]) -> object:
        return subscription

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, _now: float) -> None:
        self.sent += [(leg.handle, burst[0].segments[0].sequence, sum(run.count for run in burst)) for leg in legs[begin:end]]

    def of(self, viewer: object) -> list[int]:
        return [first for who, first, _ in self.sent if who == viewer]


def batch(first: int, count: int, size: int = 1000) -> Batch:
    return Batch([Packet(first + index, 0, False, bytes(size), 0.0) for index in range(count)])


def stage(viewers: int, budget: int = 100_000) -> tuple[Pacer, Noting, Layer, Legs]:
    sender, layer = Noting(), Layer("", 90_000, True)
    pacer = Pacer(cast(Any, sender), budget)
    epoch = Epoch(layer, 0, 0, 0)
    return pacer, sender, layer, Legs(pacer.leg(cast(Any, name), epoch, SHAPE, catching_up=False) for name in range(viewers))


def test_picture_leaves_at_once() -> None:
    pacer, sender, _, legs = stage(3)
    pacer.add(legs[0].lane, batch(10, 5), SHAPE, legs)
    assert pacer.run(1.0) is None
    assert sender.sent == [(0, 10, 5), (1, 10, 5), (2, 10, 5)]
    assert pacer.waiting == 0


def test_key_frame_is_spread_over_a_few_milliseconds_for_each_viewer() -> None:
    pacer, sender, _, legs = stage(2)
    pacer.add(legs[0].lane, batch(0, 3 * BURST_PACKETS), SHAPE, legs)
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
    pacer.add(legs[0].lane, batch(0, 40 * BURST_PACKETS), SHAPE, legs)
    now: float | None = 1.0
    last = 1.0
    while now is not None:
        last, now = now, pacer.run(now)
    assert last <= 1.0 + SPREAD_LIMIT_S + 1e-9


def test_next_picture_waits_for_the_one_before_it_and_sound_does_not() -> None:
    pacer, sender, _, legs = stage(1)
    sound = Legs([pacer.leg(cast(Any, "ear"), Epoch(Layer("", 48_000, False), 0, 0, 0), SHAPE, catching_up=False)])
    pacer.add(legs[0].lane, batch(0, 2 * BURST_PACKETS), SHAPE, legs)
    pacer.run(1.0)
    pacer.add(legs[0].lane, batch(500, 1), SHAPE, legs)
    pacer.add(sound[0].lane, batch(7, 1), SHAPE, sound)
    due = pacer.run(1.0001)
    assert sender.of("ear") == [7]
    assert sender.of(0) == [0]
    assert due is not None
    assert pacer.run(due) is None
    assert sender.of(0) == [0, BURST_PACKETS, 500]


def test_one_turn_does_only_so_much_and_comes_back_at_once() -> None:
    pacer, sender, _, legs = stage(50, budget=100)
    pacer.add(legs[0].lane, batch(0, 10), SHAPE, legs)
    turns = 1
    while (due := pacer.run(1.0)) is not None:
        assert due == 1.0
        assert len(sender.sent) == 10 * turns
        turns += 1
    assert turns == 5
    assert [who for who, _, _ in sender.sent] == list(range(50))


def test_two_lives_take_turns() -> None:
    pacer, sender, _, legs = stage(4, budget=20)
    other = Legs([pacer.leg(cast(Any, "other"), Epoch(Layer("", 90_000, True), 0, 0, 0), SHAPE, catching_up=False)])
    pacer.add(legs[0].lane, batch(0, 10), SHAPE, legs)
    pacer.add(other[0].lane, batch(70, 10), SHAPE, other)
    pacer.run(1.0)
    pacer.run(1.0)
    assert sender.of("other") == [70]


def test_what_waits_is_bounded() -> None:
    """Beyond the bound the turn grows: the loop then waits, and not memory for it."""
    pacer, _, _, legs = stage(10, budget=100)
    for number in range(50):
        pacer.add(legs[0].lane, batch(10 * number, 10), SHAPE, legs)
    assert pacer.waiting == 5000
    pacer.run(1.0)
    assert pacer.waiting <= TURNS_LIMIT * 100


def test_newcomer_catches_up_in_its_own_lane_and_then_joins_the_others() -> None:
    pacer, sender, layer, legs = stage(2)
    newcomer = pacer.leg(cast(Any, "new"), Epoch(layer, 0, 0, 0), SHAPE, catching_up=True)
    pacer.add(newcomer.lane, batch(0, 2 * BURST_PACKETS), SHAPE, Legs([newcomer]))
    pacer.run(1.0)
    # A picture meanwhile: the others have it at once, the newcomer after what it is still owed.
    pacer.add(legs[0].lane, batch(900, 3), SHAPE, legs)
    pacer.add(newcomer.lane, batch(900, 3), SHAPE, Legs([newcomer]))
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
    first = pacer.leg(cast(Any, "v"), Epoch(layer, 0, 5, 0), SHAPE, catching_up=False)
    second = pacer.leg(cast(Any, "v"), Epoch(layer, 0, 900, 0), SHAPE, catching_up=False)
    seen: list[int] = []
    cast(Any, pacer)._sender.send = lambda _b, legs, begin, end, _n: seen.extend(one.epoch.sequence_offset for one in legs[begin:end])
    pacer.add(first.lane, batch(0, 2 * BURST_PACKETS), SHAPE, Legs([first]))
    pacer.run(1.0)
    pacer.add(second.lane, batch(100, 1), SHAPE, Legs([second]))
    pacer.run(2.0)
    assert seen == [5, 5, 900]
    assert isinstance(first, Leg)
