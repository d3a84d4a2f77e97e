"""Frames come out of packets as they went in; what is malformed is counted and never raised."""

import base64
import contextlib
import hashlib
import itertools
from typing import Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecore.media.depacketise import Frame, depacketiser
from livecore.media.depacketise.bits import BitReader, read_leb128, write_leb128
from livecore.media.depacketise.frame import Malformed
from livecore.media.depacketise.h264 import sequence_size
from livecore.media.depacketise.opus import opus_samples
from livecore.media.depacketise.vp9 import superframe
from livecore.media.depacketise.vp9_header import References, hidden
from livecore.media.sample_entries import units_of
from tests.recording import films, packetise

CODECS = ("vp8", "vp9", "h264", "av1")
CODED: dict[str, list[tuple[float, bytes, bool]]] = {}


def coded(codec: str) -> list[tuple[float, bytes, bool]]:
    if codec not in CODED:
        CODED[codec] = packetise.coded_video(codec, 1.0, gop=10)
    return CODED[codec]


def units(codec: str, data: bytes) -> list[bytes]:
    """What must be equal on both sides: parameter sets and order for H.264, OBU bodies for AV1."""
    if codec == "av1":
        return packetise.av1_bodies(data)
    return [data]


@pytest.mark.parametrize("codec", CODECS)
def test_every_frame_comes_out_as_it_went_in(codec: str) -> None:
    frames = coded(codec)
    machine = depacketiser(codec)
    out: list[Frame] = []
    for packet in packetise.video_packets(codec, frames):
        out += machine.push(packet.payload, packet.timestamp, packet.marker, gap=False)
    assert [units(codec, frame.data) for frame in out] == [units(codec, packetise.frame_data(codec, data)) for _, data, _ in frames]
    assert [frame.is_key for frame in out] == [is_key for _, _, is_key in frames]
    assert {(frame.width, frame.height) for frame in out} == {(320, 180)}
    assert not machine.drops


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_without_a_marker_ends_where_the_next_begins(codec: str) -> None:
    machine = depacketiser(codec)
    out: list[Frame] = []
    for packet in packetise.video_packets(codec, coded(codec)):
        out += machine.push(packet.payload, packet.timestamp, marker=False, gap=False)
    assert len(out) == len(coded(codec)) - 1
    assert not machine.drops


@pytest.mark.parametrize("codec", CODECS)
def test_a_gap_drops_everything_up_to_the_next_key_frame(codec: str) -> None:
    frames = coded(codec)
    machine = depacketiser(codec)
    out: list[Frame] = []
    packets = list(packetise.video_packets(codec, frames))
    lost = next(i for i, p in enumerate(packets) if p.timestamp == packets[0].timestamp + 5 * 3000 & 0xFFFFFFFF)
    gap = False
    for index, packet in enumerate(packets):
        if index == lost:
            gap = True
            continue
        out += machine.push(packet.payload, packet.timestamp, packet.marker, gap)
        if gap:
            assert machine.awaits_key
        gap = False
    times = [(frame.timestamp - packets[0].timestamp & 0xFFFFFFFF) // 3000 for frame in out]
    key = next(round(t * 30) for t, _, is_key in frames if is_key and t * 30 > 5)
    assert times == list(range(5)) + list(range(key, 30))
    assert not machine.awaits_key


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_comes_before_the_first_key_frame(codec: str) -> None:
    frames = coded(codec)
    machine = depacketiser(codec)
    out: list[Frame] = []
    for packet in packetise.video_packets(codec, frames[3:]):
        out += machine.push(packet.payload, packet.timestamp, packet.marker, gap=False)
    assert out[0].is_key
    assert machine.drops["no_key_frame"] > 0


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_hostile_payloads_are_counted_and_never_raised(codec: str, data: st.DataObject) -> None:
    machine = depacketiser(codec)
    real = [packet.payload for packet in packetise.video_packets(codec, coded(codec)[:3])]
    for step in range(data.draw(st.integers(1, 12))):
        payload = data.draw(st.one_of(st.binary(max_size=40), st.sampled_from(real)))
        cut = data.draw(st.integers(0, len(payload)))
        flips = data.draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 255)), max_size=3))
        changed = bytearray(payload[:cut] if cut % 3 else payload)
        for position, value in flips:
            if position < len(changed):
                changed[position] = value
        for frame in machine.push(bytes(changed), 3000 * (step // 3), data.draw(st.booleans()), data.draw(st.booleans())):
            assert isinstance(frame.data, bytes)


@given(st.binary(max_size=60))
def test_opus_packets_are_measured_or_refused(payload: bytes) -> None:
    machine = depacketiser("opus")
    frames = machine.push(payload, 0, False, False)
    if frames:
        assert 0 < frames[0].samples <= 5760
    else:
        assert not payload or sum(machine.drops.values()) == 1


@pytest.mark.parametrize(
    ("first", "rest", "samples"),
    [(0xF8, b"", 960), (0xF9, b"", 1920), (0xFB, b"\x03", 2880), (0x08, b"", 960), (0xE0, b"", 120), (0x18, b"", 2880)],
)
def test_opus_lengths_follow_the_table(first: int, rest: bytes, samples: int) -> None:
    assert opus_samples(bytes([first]) + rest) == samples


@pytest.mark.parametrize("payload", [b"", b"\xfb", b"\xfb\x00", b"\x1b\x3f"])
def test_opus_packets_of_impossible_length_are_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        opus_samples(payload)


def test_padding_between_frames_changes_nothing() -> None:
    machine = depacketiser("vp8")
    out: list[Frame] = []
    for packet in packetise.video_packets("vp8", coded("vp8")):
        out += machine.push(packet.payload, packet.timestamp, packet.marker, gap=False)
        out += machine.push(b"", packet.timestamp, marker=False, gap=False)
    assert len(out) == 30


def test_h264_parameter_sets_from_the_description_complete_a_key_frame() -> None:
    key = coded("h264")[0][1]
    sets = [unit for unit in packetise.annexb_units(key) if unit[0] & 31 in (7, 8)]
    slices = [unit for unit in packetise.annexb_units(key) if unit[0] & 31 == 5]
    named = "packetization-mode=1;sprop-parameter-sets=" + ",".join(base64.b64encode(u).decode() for u in sets)
    bare, told = depacketiser("h264"), depacketiser("h264", named)
    payloads = packetise.h264(b"".join(b"\0\0\0\1" + unit for unit in slices), True)
    for index, payload in enumerate(payloads):
        without = bare.push(payload, 0, index == len(payloads) - 1, False)
        with_sets = told.push(payload, 0, index == len(payloads) - 1, False)
    assert without == []
    assert bare.drops["no_parameter_sets"] == 1
    assert units_of(with_sets[0].data) == sets + slices


@pytest.mark.parametrize("value", ["%%%", "", ",,,", "AAAA", "Z0LAHg=="])
def test_h264_broken_descriptions_are_harmless(value: str) -> None:
    assert depacketiser("h264", f"sprop-parameter-sets={value}").awaits_key


@pytest.mark.parametrize(("size"), [(320, 180), (1280, 720), (642, 362), (160, 120)])
def test_h264_sizes_take_cropping_into_account(size: tuple[int, int]) -> None:
    data = packetise.coded_video("h264", 0.05, size=size)[0][1]
    sps = next(unit for unit in packetise.annexb_units(data) if unit[0] & 31 == 7)
    assert sequence_size(sps) == size


def test_vp9_layers_of_one_instant_become_one_superframe() -> None:
    layers = [b"\x01" * 300, b"\x02" * 70000]
    joined = superframe(layers)
    marker = joined[-1]
    assert marker == joined[-(2 + 2 * 3)] == 0b11010001
    assert joined[-7:-1] == (300).to_bytes(3, "little") + (70000).to_bytes(3, "little")
    assert joined[:70300] == b"".join(layers)
    assert superframe(layers[:1]) == layers[0]
    with pytest.raises(Malformed):
        superframe([b"x"] * 9)


def pictures_of(film: str, *, leaves_out: bool, hides: bool = True) -> list[bytes]:
    """What a film's depacketiser gives, picture by picture; its larger size may be missing for a while."""
    machine = depacketiser(film.partition("-")[0])
    if not hides:
        machine._one_shown = lambda _references, parts: parts  # type: ignore[attr-defined]
    out: list[bytes] = []
    for picture in films.pictures(film, (1.6, 2.95) if leaves_out else (0.0, 0.0)):
        out += [frame.data for frame in machine.push_all([shot.payload for shot in picture], picture[0].timestamp, True, 0)]
    return out


def shown(decoder: str, pictures: list[bytes]) -> list[tuple[int, int, str]]:
    """(width, height, a hash of its samples) of everything that a decoder shows."""
    context: Any = av.CodecContext.create(decoder, "r")
    found = []
    for number, data in enumerate([*pictures, None]):
        packet = None
        if data is not None:
            packet = av.Packet(data)
            packet.pts = number
        found += [(f.width, f.height, hashlib.sha256(f.to_ndarray().tobytes()).hexdigest()) for f in context.decode(packet)]
    return found


@pytest.mark.parametrize("leaves_out", [False, True])
def test_of_a_vp9_picture_of_several_sizes_every_decoder_shows_the_largest_alone(leaves_out: bool) -> None:
    """libvpx shows one frame of a superframe as it is; ffmpeg's decoder, and those in browsers' hardware, show all that say they are shown."""
    made = pictures_of("vp9-L2T3_KEY", leaves_out=leaves_out)
    as_coded = pictures_of("vp9-L2T3_KEY", leaves_out=leaves_out, hides=False)
    assert len(made) == len(as_coded) > 80
    expected = shown("libvpx-vp9", as_coded)
    assert len(expected) == len(made)
    assert shown("vp9", made) == shown("libvpx-vp9", made) == expected
    assert len(shown("vp9", as_coded)) > 1.2 * len(made), "why it matters"


@given(st.binary(max_size=200))
def test_a_vp9_header_of_any_bytes_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        header = References().take(b"\x82" + data)
        if header is not None and header.is_shown:
            again = References()
            assert hidden(b"\x82" + data, header) != b"\x82" + data
            assert again.take(hidden(b"\x82" + data, header)) is not None


def test_an_av1_picture_without_its_largest_size_is_shown_too() -> None:
    made = pictures_of("av1-L2T2", leaves_out=True)
    sizes = [(width, height) for width, height, _ in shown("libdav1d", made)]
    assert len(sizes) == len(made)
    assert [size for size, _ in itertools.groupby(sizes)] == [(480, 270), (240, 136), (480, 270)]


def test_a_frame_that_never_ends_is_given_up() -> None:
    machine = depacketiser("vp8")
    start = packetise.vp8(coded("vp8")[0][1], True)[0]
    machine.push(start, 0, False, False)
    for _ in range(9000):
        assert machine.push(b"\x00" + bytes(1000), 0, False, False) == []
    assert machine.drops["frame_too_large"] == 1


@given(st.integers(0, (1 << 56) - 1))
def test_leb128_round_trips(value: int) -> None:
    assert read_leb128(write_leb128(value), 0) == (value, len(write_leb128(value)))


def test_bits_past_the_end_are_refused() -> None:
    reader = BitReader(b"\xff")
    assert reader.bits(8) == 255
    with pytest.raises(Malformed):
        reader.bits(1)
    with pytest.raises(Malformed):
        BitReader(b"\0" * 8).unsigned_golomb()


def test_a_codec_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="theora"):
        depacketiser("theora")
