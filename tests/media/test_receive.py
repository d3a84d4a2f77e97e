"""Loss, what is asked for again and when, reports; resends to viewers; which layer they get."""

import pytest

from livecore.media.cache import PacketCache
from livecore.media.drops import Counters, Drop
from livecore.media.layers import Offered, Wish, choose
from livecore.media.packet import Packet
from livecore.media.receive import GAP_LIMIT, GIVE_UP_S, TRIES, Receiver
from livecore.media.resend import TRIES as RESEND_TRIES
from livecore.media.resend import Resender
from livecore.media.rewrite import Numbering
from livecore.media.source import KeyFrameThrottle, Layer


def arrive(receiver: Receiver, *numbers: int, at: float = 0.0, resent: bool = False) -> None:
    for number in numbers:
        receiver.on_packet(number, number * 3000, at, 100, resent)


def test_hole_is_asked_for_once_reordering_is_ruled_out() -> None:
    receiver = Receiver(90_000)
    arrive(receiver, 10, 11, 14, at=1.0)
    assert receiver.nacks(1.005) == []
    assert receiver.nacks(1.011) == [12, 13]
    assert receiver.nacks(1.03) == []
    assert receiver.nacks(1.07) == [12, 13]
    arrive(receiver, 12, at=1.08, resent=True)
    assert receiver.nacks(1.2) == [13]
    assert receiver.recovered == 1


def test_reordered_packet_is_not_asked_for() -> None:
    receiver = Receiver(90_000)
    arrive(receiver, 10, 12, 11, at=1.0)
    assert receiver.nacks(1.1) == []
    assert receiver.lost == 0


def test_packet_that_never_comes_is_given_up() -> None:
    receiver = Receiver(90_000)
    arrive(receiver, 1, 3, at=0.0)
    asked = sum(bool(receiver.nacks(tick / 100)) for tick in range(200))
    assert asked == TRIES
    assert receiver.given_up == 1
    other = Receiver(90_000)
    arrive(other, 1, 3, at=0.0)
    assert other.nacks(GIVE_UP_S + 0.1) == []


def test_outage_is_not_asked_for_packet_by_packet() -> None:
    receiver = Receiver(90_000)
    arrive(receiver, 1, GAP_LIMIT + 10, at=0.0)
    assert receiver.nacks(0.1) == []


def test_report_block_tells_loss_since_the_last_and_the_echo() -> None:
    receiver = Receiver(90_000)
    assert receiver.report_block(5, 0.0) is None
    for wire in range(100):
        if wire % 4:
            arrive(receiver, receiver.widen(wire), at=wire / 30)
    block = receiver.report_block(5, 4.0)
    assert block
    assert (block.fraction_lost, block.lost, block.highest) == (24 * 256 // 99, 24, 99)
    receiver.on_sender_report(0x1234_5678_9ABC_DEF0, 0, 4.0)
    block = receiver.report_block(5, 4.5)
    assert block
    assert (block.fraction_lost, block.last_sr, block.delay) == (0, 0x5678_9ABC, 32_768)


def test_resends_say_nothing_of_rate_and_loss() -> None:
    receiver = Receiver(90_000)
    arrive(receiver, 1, 3)
    arrive(receiver, 2, resent=True)
    assert (receiver.received, receiver.octets, receiver.lost) == (2, 200, 1)


def media(sequence: int, at: float = 0.0, size: int = 1000) -> Packet:
    return Packet(sequence, sequence * 3000, False, bytes(size), at)


def test_cache_is_bounded_by_count_and_by_age() -> None:
    cache = PacketCache(capacity=8, age_limit_s=2.0)
    for number in range(100, 120):
        assert cache.add(media(number))
    assert not cache.add(media(119))
    assert not cache.add(media(105))
    assert cache.get(111, 1.0) is None
    assert cache.get(112, 1.0)
    assert cache.get(119, 2.5) is None


class Viewer:
    def __init__(self) -> None:
        self.layer = Layer("", 90_000, True)
        self.numbering: Numbering[Layer] = Numbering(90_000, 0, 0)
        self.resender = Resender(across_switches=False)
        self.drops: Counters = Counters()
        self.octets = 0

    def play(self, layer: Layer, first: int, count: int, at: float = 0.0) -> int:
        """Send packets of a layer; the outgoing number of the first."""
        start = media(first, at)
        epoch = self.numbering.begin(layer, start)
        for number in range(first, first + count):
            layer.cache.add(media(number, at))
            self.octets += 1000
        layer.forwarded_highest, layer.forwarded_newest = first + count - 1, media(first + count - 1, at)
        return first + epoch.sequence_offset

    def ask(self, *numbers: int, now: float = 0.1) -> list[int]:
        resends = self.resender.on_nack([n & 0xFFFF for n in numbers], self.numbering, self.octets, now, self.drops)
        return [resend.packet.sequence for resend in resends]


def test_nack_is_answered_from_the_cache_and_spaced() -> None:
    viewer = Viewer()
    start = viewer.play(viewer.layer, 500, 10)
    assert viewer.ask(start + 3, start + 4) == [503, 504]
    assert viewer.ask(start + 3, now=0.15) == []
    assert viewer.ask(start + 3, now=0.2) == [503]
    assert viewer.drops[Drop.NACK_TOO_SOON] == 1


def test_one_packet_is_sent_again_only_so_often() -> None:
    viewer = Viewer()
    start = viewer.play(viewer.layer, 500, 10)
    answered = sum(bool(viewer.ask(start, now=0.1 + n / 10)) for n in range(20))
    assert answered == RESEND_TRIES
    assert viewer.drops[Drop.NACK_TOO_OFTEN] == 20 - RESEND_TRIES


def test_nack_for_what_lies_before_the_last_switch_is_not_answered() -> None:
    viewer = Viewer()
    start = viewer.play(viewer.layer, 500, 10)
    viewer.play(Layer("h", 90_000, True), 7, 5, at=0.05)
    assert viewer.ask(start + 9, start + 10) == [7]
    assert viewer.drops[Drop.NACK_BEFORE_SWITCH] == 1


def test_nack_for_what_is_not_there() -> None:
    viewer = Viewer()
    start = viewer.play(viewer.layer, 500, 10)
    assert viewer.ask(start - 5, start + 2, now=9.0) == []
    assert viewer.drops[Drop.NACK_NOT_CACHED] == 2


def test_resends_stop_at_a_fifth_of_the_media() -> None:
    viewer = Viewer()
    start = viewer.play(viewer.layer, 500, 1000)
    got = viewer.ask(*range(start, start + 400))
    assert len(got) == 60
    assert viewer.drops[Drop.NACK_OVER_BUDGET] == 340
    viewer.octets += 50_000
    assert len(viewer.ask(*range(start + 400, start + 440))) == 10


def test_key_frame_requests_are_throttled_and_the_last_is_not_forgotten() -> None:
    throttle = KeyFrameThrottle(0.5)
    assert throttle.request(0.0)
    throttle.satisfied()
    assert [throttle.request(t) for t in (0.1, 0.4)] == [False, False]
    assert not throttle.on_tick(0.45)
    assert throttle.on_tick(0.5)
    throttle.satisfied()
    assert not throttle.on_tick(2.0)
    throttle.request(2.1)
    throttle.request(2.2)
    throttle.satisfied()
    assert not throttle.on_tick(3.0)


def test_key_frame_request_that_nothing_answers_is_repeated_ever_more_rarely() -> None:
    throttle = KeyFrameThrottle(0.5, 0.125)
    asked = [step / 64 for step in range(128) if throttle.request(step / 64)]
    assert asked == [0.0, 0.125, 0.375, 0.875, 1.375, 1.875]


LAYERS = [Offered("h", 1_500_000, True), Offered("l", 150_000, True), Offered("m", 500_000, True)]


@pytest.mark.parametrize(
    ("current", "estimate", "wished", "expected"),
    [
        (None, None, None, "h"),
        (None, 600_000, None, "m"),
        (None, 50_000, None, "l"),
        ("h", 1_750_000, None, "h"),
        ("m", 1_750_000, None, "m"),  # room to stay in h, not to step up to it
        ("m", 2_100_000, None, "h"),
        ("h", 1_000_000, None, "m"),
        (None, None, "m", "m"),
        (None, 100_000, "m", "l"),
        ("h", 9_000_000, "l", "l"),
        (None, None, "nothing", "h"),
    ],
)
def test_layer_that_a_viewer_gets(current: str | None, estimate: int | None, wished: str | None, expected: str) -> None:
    assert choose(LAYERS, current, estimate, Wish(wished)) == expected


def test_layer_that_stopped_is_left() -> None:
    dead = [Offered("h", 1_500_000, False), *LAYERS[1:]]
    assert choose(dead, "h") == "m"
    assert choose([Offered("h", 5, False)], "h") == "h"
    assert choose([], None) is None
