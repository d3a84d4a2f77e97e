"""What a viewer's numbers are across layers, publishers and wraps: tables of inputs and outputs."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.media import codecs
from livecore.media.packet import Packet
from livecore.media.receive import ClockReport
from livecore.media.rewrite import Numbering, rewrite_vp8
from livecore.media.sequence import Widener
from tests.media import payloads

HZ = 90_000


@dataclass
class Stream:
    """A layer as numbering sees it; `sends` is what was forwarded of it."""

    report: ClockReport | None = None
    forwarded_highest: int = -1
    forwarded_newest: Packet | None = None
    closes_pictures: bool = True

    @property
    def origin(self) -> object:
        return self

    def sends(self, one: Packet) -> None:
        self.forwarded_highest = max(self.forwarded_highest, one.sequence)
        if self.forwarded_newest is None or one.timestamp > self.forwarded_newest.timestamp:
            self.forwarded_newest = one


def packet(sequence: int, timestamp: int = 0, at: float = 0.0, picture: int | None = None, tl0: int = 0) -> Packet:
    made = Packet(sequence, timestamp, False, b"" if picture is None else payloads.vp8(picture, tl0=tl0), at)
    codecs.inspect("vp8", made)
    return made


def begin(numbering: Numbering[Stream], stream: Stream, first: Packet) -> tuple[int, int]:
    """The outgoing sequence and timestamp of the first packet of an epoch."""
    epoch = numbering.begin(stream, first)
    stream.sends(first)
    return first.sequence + epoch.sequence_offset, first.timestamp + epoch.timestamp_offset


def av1_packet(sequence: int, frame: int, timestamp: int, at: float) -> Packet:
    made = Packet(sequence, timestamp, False, b"", at)
    made.picture_id, made.dependency = frame, bytes([0xC0]) + frame.to_bytes(2, "big")
    return made


@pytest.mark.parametrize(
    ("sent", "first", "expected"),
    [
        (100, 7, 104),  # four on: the newest picture is known by the first of its frames, and has four at most
        (65_534, 40_000, 2),  # across the wrap
        (65_530, 65_533, 65_534),
        (0x7FFF, 0, 0x8003),  # sixteen bits, unlike picture ids
    ],
)
def test_av1_frame_numbers_ascend_over_a_change_of_source(sent: int, first: int, expected: int) -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low, high = Stream(closes_pictures=False), Stream(closes_pictures=False)
    begin(numbering, low, av1_packet(10, sent, 0, 1.0))
    epoch = numbering.begin(high, av1_packet(500, first, 90_000, 1.03))
    assert first + epoch.picture_offset & 0xFFFF == expected
    high.sends(av1_packet(500, first, 90_000, 1.03))
    # Back again: on from there, and within one source the distances stay.
    back = numbering.begin(low, av1_packet(11, sent + 1 & 0xFFFF, 3000, 1.06))
    assert (sent + 1 + back.picture_offset) & 0xFFFF == (expected + 4) & 0xFFFF


def test_first_packet_gets_the_numbers_that_were_chosen() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 77, 1234)
    assert begin(numbering, Stream(), packet(200_000, 999)) == ((1 << 16) + 77, 1234)


def test_sequence_goes_on_by_one_and_time_by_arrival_without_reports() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low, high = Stream(), Stream()
    start, _ = begin(numbering, low, packet(500, 10_000, at=1.0))
    low.sends(packet(501, 13_000, at=1.03))
    assert begin(numbering, high, packet(9, 5_000_000, at=1.08)) == (start + 2, 3000 + round(0.05 * HZ))


def test_time_between_layers_is_that_of_their_sender_reports() -> None:
    """Arrival says 500 ms, the publisher's clock 100 ms: a picture that was delayed must not stretch time."""
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low = Stream(report=ClockReport(100 << 32, 10_000, 1.0))
    high = Stream(report=ClockReport(100 << 32, 7_000_000, 1.0))
    begin(numbering, low, packet(1, 10_000, at=1.0))
    assert begin(numbering, high, packet(1, 7_000_000 + HZ // 10, at=1.5))[1] == HZ // 10


def test_reports_that_make_no_sense_are_not_believed() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low = Stream(report=ClockReport(100 << 32, 10_000, 1.0))
    high = Stream(report=ClockReport(9_000 << 32, 10_000, 1.0))
    begin(numbering, low, packet(1, 10_000, at=1.0))
    assert begin(numbering, high, packet(1, 10_000, at=1.5))[1] == HZ // 2


def test_time_never_stands_still_at_a_switch() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low, high = Stream(), Stream()
    begin(numbering, low, packet(1, 10_000, at=1.0))
    assert begin(numbering, high, packet(1, 50, at=1.0))[1] == 1


def test_late_packet_of_the_old_layer_does_not_move_the_end() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low, high = Stream(), Stream()
    start, _ = begin(numbering, low, packet(500))
    low.sends(packet(503, 3000))
    low.sends(packet(501, 3000))
    assert begin(numbering, high, packet(9, at=1.0))[0] == start + 4
    low.sends(packet(600, 90_000))  # sent to others, not to this viewer any more
    assert numbering.highest == start + 4


def test_pause_and_resume_go_on_where_they_ended() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    stream = Stream()
    start, _ = begin(numbering, stream, packet(500, 0, at=1.0))
    numbering.pause()
    stream.sends(packet(700, 90_000, at=2.0))
    assert begin(numbering, stream, packet(900, 180_000, at=3.0)) == (start + 1, 180_000)


@pytest.mark.parametrize(
    ("before", "first", "expected"),
    [((5, 1), (100, 50), (6, 2)), ((0x7FFF, 255), (3, 3), (0, 0)), ((0, 0), (0x7FFF, 200), (1, 1))],
)
def test_picture_ids_go_on_by_one(before: tuple[int, int], first: tuple[int, int], expected: tuple[int, int]) -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0, 0)
    low, high = Stream(), Stream()
    begin(numbering, low, packet(1, 0, picture=before[0], tl0=before[1]))
    start = packet(1, 0, at=0.1, picture=first[0], tl0=first[1])
    epoch = numbering.begin(high, start)
    body = bytearray(start.payload)
    rewrite_vp8(body, start, epoch.picture_offset, epoch.tl0_offset)
    assert (payloads.vp8_picture_id(bytes(body)), body[4]) == expected


def test_seven_bit_picture_id_keeps_its_form() -> None:
    one = Packet(1, 0, False, b"\x90\x80\x7e\x00\x00", 0.0)
    codecs.inspect("vp8", one)
    body = bytearray(one.payload)
    rewrite_vp8(body, one, 3, 0)
    assert body == b"\x90\x80\x01\x00\x00"


def test_nack_finds_the_packet_of_the_epoch_it_was_sent_in() -> None:
    numbering: Numbering[Stream] = Numbering(HZ, 0xFFFD - (1 << 14), 0)
    low, high = Stream(), Stream()
    start, _ = begin(numbering, low, packet(500))
    low.sends(packet(509))
    begin(numbering, high, packet(40, at=1.0))
    high.sends(packet(45))
    first = numbering.epochs[0]
    assert numbering.locate((start + 3) & 0xFFFF) == (first, 503)
    assert numbering.locate((start + 10) & 0xFFFF) == (numbering.epoch, 40)
    assert numbering.locate((start + 15) & 0xFFFF) == (numbering.epoch, 45)
    assert numbering.locate((start - 1) & 0xFFFF) is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 400)), min_size=1, max_size=30), st.integers(0, (1 << 14) - 1))
def test_any_walk_over_layers_gives_one_unbroken_sequence(walk: list[tuple[int, int]], start: int) -> None:
    numbering: Numbering[Stream] = Numbering(HZ, start, 0)
    streams = [Stream() for _ in range(3)]
    heads = [70_000, 100, 65_530]
    expected, at = (1 << 16) + start, 0.0
    for index, length in walk:
        stream, epoch = streams[index], None
        heads[index] += 17  # what was not sent to this viewer meanwhile
        for _ in range(length):
            at += 0.033
            one = packet(heads[index], int(at * HZ) + 1000 * index, at)
            if epoch is None:
                epoch = numbering.begin(stream, one)
            stream.sends(one)
            assert one.sequence + epoch.sequence_offset == expected
            heads[index] += 1
            expected += 1


@given(st.lists(st.integers(-2000, 2000), max_size=200), st.sampled_from([16, 32]))
def test_widened_numbers_follow_small_steps_over_any_wrap(steps: list[int], bits: int) -> None:
    widen = Widener(bits)
    true = (1 << bits) - 5
    base = widen(true) - true
    for step in steps:
        if true + step < 0:
            continue
        highest = widen.highest
        assert highest is not None
        if abs(true + step + base - highest) < 1 << (bits - 1):
            true += step
            assert widen(true & ((1 << bits) - 1)) == true + base
