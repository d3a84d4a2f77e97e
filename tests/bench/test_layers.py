"""The parts of the live bench that make layers and narrow paths."""

import pytest

from bench import rtp_header, rtp_source
from bench.last_mile import QUEUE_S, LastMile
from bench.live_publisher import RIDS, shares, sources
from bench.scalable_source import HEIGHTS
from livecore.media import codecs
from livecore.media.packet import Packet

JOB = {"packets": 10, "packet_bytes": 1200}


def test_each_size_has_a_third_of_the_packets_of_the_next() -> None:
    assert shares(10, 3) == [1, 3, 10]
    assert shares(1, 3) == [1, 1, 1]


def test_simulcast_streams_tell_their_heights() -> None:
    found = sources(JOB | {"codec": "vp8", "layers": "simulcast"})
    assert [rid for rid, _ in found] == list(RIDS)
    for index, (_, source) in enumerate(found):
        (first, *_rest) = source.parts(True, 5)
        assert rtp_source.layer_of(first.payload) == index
        assert (int.from_bytes(first.payload[12:14], "little") & 0x3FFF) == HEIGHTS[index]


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_a_scalable_picture_has_every_size_in_one_stream(codec: str) -> None:
    ((rid, source),) = sources(JOB | {"codec": codec, "layers": "svc"})
    parts = source.parts(True, 5)
    assert rid == ""
    assert [rtp_source.layer_of(part.payload) for part in parts] == [0] + [1] * 3 + [2] * 6
    packet = Packet(1, 1, False, parts[0].payload, 0.0)
    codecs.inspect(codec, packet)
    assert packet.key
    assert bool(parts[0].dependency) == (codec == "av1")
    if codec == "vp9":
        assert codecs.heights(codec, parts[0].payload) == list(HEIGHTS)


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_these_codecs_come_without_layers_too(codec: str) -> None:
    ((rid, source),) = sources(JOB | {"codec": codec, "layers": "none"})
    parts = source.parts(True, 5)
    assert rid == ""
    assert [rtp_source.layer_of(part.payload) for part in parts] == [0] * 10
    packet = Packet(1, 1, False, parts[0].payload, 0.0)
    codecs.inspect(codec, packet)
    assert packet.key


@pytest.mark.parametrize("before", [[], [(4, b"1")], [(12, bytes(40))]])
def test_the_transport_wide_number_is_found_behind_other_extensions(before: list[tuple[int, bytes]]) -> None:
    packet = rtp_header.header((96, 7, 8, 9), [*before, (3, b"\x12\x34")]) + b"payload"
    assert rtp_header.transport_number(packet, 3, len(packet)) == 0x1234
    assert rtp_header.transport_number(packet, 5, len(packet)) is None
    assert rtp_header.transport_number(packet, 3, 13) is None


def test_a_packet_without_extensions_has_no_number() -> None:
    packet = rtp_header.header((96, 7, 8, 9), []) + b"payload"
    assert rtp_header.transport_number(packet, 3, len(packet)) is None


def test_a_narrow_path_delays_and_then_loses() -> None:
    link = LastMile(96_000)
    assert link.arrival(1.0, 1200) == pytest.approx(1.1)
    assert link.arrival(1.0, 1200) == pytest.approx(1.2)
    while (at := link.arrival(1.0, 1200)) is not None:
        assert at - 1.0 <= QUEUE_S + 0.11
    assert link.arrival(5.0, 1200) == pytest.approx(5.1)


def test_chance_takes_its_share_and_nothing_else_waits() -> None:
    link = LastMile(loss=0.1, seed=5)
    arrivals = [link.arrival(float(number), 1200) for number in range(2000)]
    assert 150 < arrivals.count(None) < 250
    assert {arrival for arrival in arrivals if arrival is not None} <= {float(number) for number in range(2000)}
