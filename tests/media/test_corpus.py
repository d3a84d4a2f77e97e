"""What Chromium really sent, kept in `corpus/` (see `collect_corpus`): read as it was meant, and never a surprise when damaged."""

import random
from collections import Counter
from pathlib import Path

import pytest

from livecore.media import codecs, rtcp, sdp, stun
from livecore.media.codecs import dependency
from livecore.media.drops import Drop
from livecore.media.extensions import BY_URI
from livecore.media.packet import Packet, parse_header

FILES = sorted((Path(__file__).parent / "corpus").iterdir())
BY_KIND = {kind: [f for f in FILES if f.name.startswith(kind)] for kind in ("offer", "rtp-", "rtcp", "stun")}


def ids(name: str) -> dict[int, object]:
    """Extension ids of the offer that was made in the same session."""
    session = name.split("-", 1)[1].rsplit("-", 1)[0]
    offers = [f for f in BY_KIND["offer"] if f.name.startswith(f"offer-publish-{session}-")]
    sections = sdp.parse_offer(offers[0].read_text()).sections
    return {number: extension for section in sections for extension, number in section.extensions.items()}


def test_corpus_has_every_kind() -> None:
    assert all(len(files) >= 5 for files in BY_KIND.values())
    assert {f.name.split("-")[2] for f in BY_KIND["offer"] if "publish" in f.name} == {"vp8", "h264", "vp9", "av1"}


@pytest.mark.parametrize("path", BY_KIND["offer"], ids=lambda path: path.name)
def test_offers_are_read(path: Path) -> None:
    offer = sdp.parse_offer(path.read_text())
    assert {section.kind for section in offer.sections} == {"audio", "video"}
    video = next(section for section in offer.sections if section.kind == "video")
    assert {"vp8", "h264", "vp9", "av1"} <= {codec.name for codec in video.codecs.values()}
    assert video.rids == (["l", "m", "h"] if "publish" in path.name and "simulcast" in path.name else [])
    if "publish" in path.name and "L" in path.name:
        assert any(extension.name == "DEPENDENCY" for extension in video.extensions)
    assert set(video.extensions) <= set(BY_URI.values())


@pytest.mark.parametrize("path", BY_KIND["rtp-"], ids=lambda path: path.name)
def test_packets_are_read(path: Path) -> None:
    header = parse_header(path.read_bytes(), ids(path.name))  # type: ignore[arg-type]
    assert not isinstance(header, Drop)
    assert header.end > header.start or header.transport_sequence is not None


def test_rtcp_and_stun_are_read() -> None:
    kinds: Counter[str] = Counter()
    for path in BY_KIND["rtcp"]:
        messages, malformed = rtcp.parse(path.read_bytes())
        assert not malformed, path.name
        kinds.update(type(message).__name__ for message in messages)
    assert {"SenderReport", "ReceiverReport", "TransportFeedback"} & set(kinds)
    for path in BY_KIND["stun"]:
        assert stun.parse(path.read_bytes()).type == stun.BINDING_REQUEST


def test_layers_of_real_streams_are_seen() -> None:
    found: Counter[str] = Counter()
    for path in BY_KIND["rtp-"]:
        data, name = path.read_bytes(), path.name.split("-")[1]
        header = parse_header(data, ids(path.name))  # type: ignore[arg-type]
        assert not isinstance(header, Drop)
        if header.payload_type in (111, 63):
            continue
        packet = Packet(1, 0, header.marker, data[header.start : header.end], 0.0)
        codecs.inspect(name, packet)
        if header.dependency is not None:
            dependency.inspect(packet, header.dependency, None)
        found[f"{name} layers"] += packet.place is not None
    assert found["vp9 layers"]
    assert not found["h264 layers"]


@pytest.mark.parametrize(("mode", "heights"), [("L2T2", (180, 360)), ("L3T3_KEY", (135, 270, 540))])
def test_dependency_descriptors_of_real_spatial_layers_are_read_written_and_masked(mode: str, heights: tuple[int, ...]) -> None:
    """The first packet of each of the first ten frames."""
    structure: dependency.Structure | None = None
    seen: list[tuple[int, int, int]] = []
    for number in range(1, 11):
        path = next(f for f in FILES if f.name == f"rtp-av1-{mode}-d{number}.bin")
        header = parse_header(path.read_bytes(), ids(path.name))  # type: ignore[arg-type]
        assert not isinstance(header, Drop)
        assert header.dependency is not None
        descriptor = dependency.read(header.dependency, structure)
        assert descriptor.begins
        packet = Packet(number, 0, header.marker, b"", 0.0)
        structure = dependency.inspect(packet, header.dependency, structure)
        assert structure is not None
        assert dependency.write(descriptor, structure) == header.dependency
        assert packet.place is not None
        assert packet.key is (number == 1)
        seen.append((descriptor.frame, packet.place.spatial, packet.place.temporal))
        masked = dependency.read(dependency.activated(header.dependency, structure, structure.mask(0, 9)), structure)
        assert masked.active == (1 << sum(s == 0 for s, _ in structure.targets)) - 1
        assert (masked.frame, masked.template_id, masked.structure) == (descriptor.frame, descriptor.template_id, descriptor.structure)
    assert structure is not None
    assert structure.heights == heights
    assert structure.targets == tuple((s, t) for s in range(len(heights)) for t in range(len(structure.targets) // len(heights)))
    assert [frame for frame, _, _ in seen] == list(range(seen[0][0], seen[0][0] + 10))
    assert [spatial for _, spatial, _ in seen] == [number % len(heights) for number in range(10)]
    assert {temporal for _, _, temporal in seen} > {0}


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_damaged_copies_never_raise(kind: str) -> None:
    rng = random.Random(7)
    for path in BY_KIND[kind]:
        original = path.read_bytes()
        for _ in range(40):
            data = bytearray(original)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            data = data[: rng.randrange(1, len(data) + 1)] if rng.random() < 0.5 else data
            if kind == "offer":
                try:
                    sdp.parse_offer(data.decode("latin-1"))
                except sdp.SdpError:
                    continue
            elif kind == "stun":
                try:
                    stun.parse(bytes(data))
                except stun.StunError:
                    continue
            elif kind == "rtcp":
                rtcp.parse(bytes(data))
            else:
                header = parse_header(bytes(data), ids(path.name))  # type: ignore[arg-type]
                if isinstance(header, Drop):
                    continue
                packet = Packet(1, 0, header.marker, bytes(data[header.start : header.end]), 0.0)
                for codec in codecs.VIDEO:
                    codecs.inspect(codec, packet)
                    codecs.heights(codec, packet.payload)
                if header.dependency is not None:
                    dependency.inspect(packet, header.dependency, None)
