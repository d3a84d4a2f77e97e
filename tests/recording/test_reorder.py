"""Order is restored within a bounded time, whatever the network does."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from livecore.media.reorder import HELD_LIMIT, RESTART_DISTANCE, Packet, Reorder


def packet(number: int) -> Packet:
    return Packet(number, number * 960, False, b"x", 0.0)


def numbers(released: list[tuple[Packet, bool]]) -> list[tuple[int, bool]]:
    return [(p.number, gap) for p, gap in released]


def test_in_order_packets_pass_at_once() -> None:
    reorder = Reorder()
    for number in range(70_000, 70_010):
        assert numbers(reorder.push(packet(number), 0.0)) == [(number, False)]


def test_a_late_packet_is_waited_for_and_releases_what_followed() -> None:
    reorder = Reorder(wait_s=0.5)
    reorder.push(packet(1), 0.0)
    assert reorder.push(packet(3), 0.1) == []
    assert reorder.push(packet(4), 0.2) == []
    assert numbers(reorder.push(packet(2), 0.4)) == [(2, False), (3, False), (4, False)]
    assert reorder.lost == 0


def test_a_hole_is_given_up_after_the_wait_and_said_once() -> None:
    reorder = Reorder(wait_s=0.5)
    reorder.push(packet(1), 0.0)
    reorder.push(packet(4), 0.1)
    reorder.push(packet(5), 0.2)
    assert reorder.expire(0.6) == []
    assert numbers(reorder.expire(0.61)) == [(4, True), (5, False)]
    assert reorder.lost == 2
    assert reorder.push(packet(2), 0.7) == []
    assert reorder.late == 1


def test_duplicates_come_out_once() -> None:
    reorder = Reorder()
    reorder.push(packet(1), 0.0)
    reorder.push(packet(3), 0.0)
    assert reorder.push(packet(3), 0.0) == []
    assert numbers(reorder.push(packet(2), 0.0)) == [(2, False), (3, False)]
    assert reorder.push(packet(2), 0.0) == []
    assert reorder.late == 2


def test_what_is_held_back_is_bounded() -> None:
    reorder = Reorder(wait_s=1e9)
    reorder.push(packet(0), 0.0)
    released: list[tuple[Packet, bool]] = []
    for number in range(2, HELD_LIMIT + 3):
        released += reorder.push(packet(number), 0.0)
    assert released[0][0].number == 2
    assert released[0][1]


def test_a_sender_that_starts_anew_is_followed() -> None:
    reorder = Reorder()
    reorder.push(packet(100_000), 0.0)
    restarted = 100_000 - RESTART_DISTANCE - 1
    assert numbers(reorder.push(packet(restarted), 0.0)) == [(restarted, True)]
    assert numbers(reorder.push(packet(restarted + 1), 0.0)) == [(restarted + 1, False)]


def test_the_end_releases_everything() -> None:
    reorder = Reorder()
    for number in (1, 3, 5):
        reorder.push(packet(number), 0.0)
    assert numbers(reorder.flush()) == [(3, True), (5, True)]
    assert reorder.flush() == []


@given(st.integers(0, 2**32), st.floats(0, 0.2), st.integers(0, 20))
def test_any_loss_and_reordering_gives_a_rising_order_with_every_gap_named(seed: int, loss: float, shuffle: int) -> None:
    dice = random.Random(seed)
    sent = [n for n in range(300) if dice.random() >= loss]
    arriving = sorted(sent, key=lambda n: n + dice.uniform(0, shuffle))
    reorder = Reorder(wait_s=0.5)
    out: list[tuple[int, bool]] = []
    for index, number in enumerate(arriving):
        out += numbers(reorder.push(packet(number), index * 0.01))
        out += numbers(reorder.expire(index * 0.01))
    out += numbers(reorder.flush())
    order = [number for number, _ in out]
    assert order == sorted(set(order))
    for (before, _), (after, gap) in itertools.pairwise(out):
        assert gap == (after != before + 1)
    assert len(order) + reorder.late == len(arriving)
