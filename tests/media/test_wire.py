"""Runs are what each viewer should get, byte for byte, however they are cut, padded, patched and protected."""

import random
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from livecore.media import codecs
from livecore.media.drops import Counters, Drop
from livecore.media.extensions import Extension
from livecore.media.packet import Packet, parse_header
from livecore.media.rewrite import Epoch, rewrite_vp8
from livecore.media.source import Layer
from livecore.media.transport import PROFILES, Protector, SrtpKeys, Unprotector
from livecore.media.wire import SEGMENTS_LIMIT, Shape, ShapeKey, lay_out
from tests.media import payloads


def keys(profile: int = 0) -> tuple[SrtpKeys, SrtpKeys]:
    chosen = PROFILES[profile]
    size = chosen.key_length + chosen.salt_length
    rng = random.Random(profile)
    ours, theirs = rng.randbytes(size), rng.randbytes(size)
    return SrtpKeys(chosen, ours, theirs), SrtpKeys(chosen, theirs, ours)


def shape(*, pads: bool = True, transport_sequence: int = 0, tag_bytes: int = 16) -> Shape:
    return Shape(ShapeKey(100, ((Extension.ORIENTATION, 5),), 1, "0", transport_sequence, pads, tag_bytes))


def packets(sizes: list[int], start: int = 65_530) -> list[Packet]:
    made = []
    for index, size in enumerate(sizes):
        payload = payloads.vp8(index, start=index == 0, tl0=index & 255, size=size, fill=index & 255)
        one = Packet(start + index, 90_000 + index, index % 3 == 2, payload, 0.0, ((Extension.ORIENTATION, bytes([index & 255])),))
        codecs.inspect("vp8", one)
        made.append(one)
    return made


@given(
    st.lists(st.integers(1, 1100), min_size=1, max_size=60),
    st.booleans(),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 1]),
    st.sampled_from([(0, 0), (0x7FF0, 7)]),
)
@settings(max_examples=60, deadline=None)
def test_viewer_decrypts_exactly_what_was_meant_for_it(
    sizes: list[int], pads: bool, transport_sequence: int, profile: int, pictures: tuple[int, int]
) -> None:
    ours, theirs = keys(profile)
    protector, unprotector = Protector(ours, Counters()), Unprotector(theirs)
    kind = shape(pads=pads, transport_sequence=transport_sequence, tag_bytes=protector.tag_bytes)
    epoch = Epoch(Layer("", 90_000, True), 0, 11, 0xFFFFFFF0, *pictures)
    sent = packets(sizes)
    got: list[bytes] = []
    number = 65_530
    for run in lay_out(sent, kind):
        view = protector.run(run, 0xCAFE, epoch, number)
        number += run.count
        segments = [bytes(view[at : at + run.segment_bytes]) for at in range(0, len(view), run.segment_bytes)]
        assert len(segments) == run.count <= SEGMENTS_LIMIT
        for segment in segments:
            opened = unprotector.rtp(segment)
            assert isinstance(opened, bytes), opened
            got.append(opened)
    assert len(got) == len(sent)
    ids = {1: Extension.MID, 5: Extension.ORIENTATION, 3: Extension.TRANSPORT_SEQUENCE}
    for index, (data, packet) in enumerate(zip(got, sent, strict=True)):
        header = parse_header(data, ids)
        assert not isinstance(header, str)
        assert header.ssrc == 0xCAFE
        assert header.payload_type == 100
        assert header.marker is packet.marker
        assert header.sequence == packet.sequence + 11 & 0xFFFF
        assert header.timestamp == packet.timestamp + 0xFFFFFFF0 & 0xFFFFFFFF
        assert header.mid == "0"
        assert header.passed_on == packet.passed_on
        assert header.transport_sequence == (65_530 + index & 0xFFFF if transport_sequence else None)
        expected = bytearray(packet.payload)
        if any(pictures):
            rewrite_vp8(expected, packet, *pictures)
        assert data[header.start : header.end] == bytes(expected)
        if not pads:
            assert header.end == len(data)


@given(
    st.lists(st.tuples(st.integers(1, 1100), st.sampled_from([None, 0, 2, 60])), min_size=1, max_size=40),
    st.booleans(),
    st.integers(0, 0xFFFF),
)
@settings(max_examples=40, deadline=None)
def test_viewer_gets_each_dependency_descriptor_with_its_own_frame_number(
    sizes: list[tuple[int, int | None]], counted: bool, offset: int
) -> None:
    """All packets of such a viewer have the two-byte form, which holds the long descriptors of key frames too."""
    ours, theirs = keys()
    protector, unprotector = Protector(ours, Counters()), Unprotector(theirs)
    passed_on = ((Extension.ORIENTATION, 5), (Extension.DEPENDENCY, 12))
    kind = Shape(ShapeKey(100, passed_on, 1, "0", 3 if counted else 0, True, protector.tag_bytes))
    sent = []
    for index, (size, rest) in enumerate(sizes):
        one = Packet(index, 0, False, bytes([index]) * size, 0.0, ((Extension.ORIENTATION, b"\x01"),) if index % 2 else ())
        if rest is not None:
            one.picture_id = 65_530 + index & 0xFFFF
            one.dependency = b"\xc2" + one.picture_id.to_bytes(2, "big") + bytes([index]) * rest
        sent.append(one)
    epoch = Epoch(Layer("", 90_000, True), 0, 0, 0, offset)
    got: list[bytes] = []
    for run in lay_out(sent, kind):
        view = protector.run(run, 0xCAFE, epoch, len(got))
        for at in range(0, len(view), run.segment_bytes):
            opened = unprotector.rtp(bytes(view[at : at + run.segment_bytes]))
            assert isinstance(opened, bytes)
            got.append(opened)
    ids = {1: Extension.MID, 5: Extension.ORIENTATION, 3: Extension.TRANSPORT_SEQUENCE, 12: Extension.DEPENDENCY}
    for index, (data, packet) in enumerate(zip(got, sent, strict=True)):
        header = parse_header(data, ids)
        assert not isinstance(header, Drop)
        assert data[12:14] == b"\x10\x00"
        assert header.transport_sequence == (index if counted else None)
        assert (header.mid, header.passed_on) == ("0", packet.passed_on)
        assert data[header.start : header.end] == packet.payload
        expected = packet.dependency
        if expected is not None:
            expected = expected[:1] + (packet.picture_id + offset & 0xFFFF).to_bytes(2, "big") + expected[3:]
        assert header.dependency == expected


def test_packets_that_differ_by_a_byte_leave_in_one_run() -> None:
    runs = lay_out(packets([1000, 999, 1000, 999, 400]), shape())
    assert [run.count for run in runs] == [5]
    assert len(lay_out(packets([1000, 999, 1000, 999, 400]), shape(pads=False))) == 3


def test_larger_packet_begins_a_new_run() -> None:
    assert [run.count for run in lay_out(packets([500, 1000, 1000]), shape())] == [1, 2]


def test_long_batch_is_cut_into_runs_that_the_kernel_takes() -> None:
    runs = lay_out(packets([1100] * 150), shape())
    assert sum(run.count for run in runs) == 150
    assert all(len(run.template) <= 60_000 and run.count <= SEGMENTS_LIMIT for run in runs)


def test_viewers_of_one_shape_share_a_layout_and_not_their_numbers() -> None:
    ours, _ = keys()
    run = lay_out(packets([100]), shape())[0]
    layer = Layer("", 90_000, True)
    protector = Protector(ours, Counters())
    first = bytes(protector.run(run, 1, Epoch(layer, 0, 5, 0), 0))
    second = bytes(protector.run(run, 2, Epoch(layer, 0, 9, 7), 0))
    assert struct.unpack_from("!HLL", first, 2) == (65_530 + 5 & 0xFFFF, 90_000, 1)
    assert struct.unpack_from("!HLL", second, 2) == (65_530 + 9 & 0xFFFF, 90_007, 2)
