"""Scalable streams as Chromium really codes and sends them, kept in files, and read back packet by packet."""

import struct
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from livecore.media import codecs
from livecore.media.codecs import dependency
from livecore.media.packet import Packet

HERE = Path(__file__).parent
HEAD = struct.Struct("!fHLBBH")


@dataclass(frozen=True)
class Shot:
    """One packet: `at` [s] from the film's beginning; `spatial` is its layer, `key` whether it begins a key picture."""

    at: float
    sequence: int
    timestamp: int
    marker: bool
    dependency: bytes
    payload: bytes
    spatial: int = 0
    key: bool = False


def write(name: str, shots: list[Shot]) -> None:
    lines = [
        HEAD.pack(s.at, s.sequence, s.timestamp, s.marker, len(s.dependency), len(s.payload)) + s.dependency + s.payload for s in shots
    ]
    (HERE / f"{name}.film").write_bytes(b"".join(lines))


def read(name: str) -> list[Shot]:
    """`name`: codec and scalability mode, as `vp9-L2T3_KEY`."""
    data, position, shots = (HERE / f"{name}.film").read_bytes(), 0, []
    structure = None
    while position < len(data):
        at, sequence, timestamp, marker, described, size = HEAD.unpack_from(data, position)
        position += HEAD.size
        descriptor, payload = data[position : position + described], data[position + described : position + described + size]
        position += described + size
        packet = Packet(sequence, timestamp, bool(marker), payload, at)
        codecs.inspect(name.partition("-")[0], packet)
        if descriptor:
            structure = dependency.inspect(packet, descriptor, structure)
        spatial = packet.place.spatial if packet.place is not None else 0
        shots.append(Shot(at, sequence, timestamp, bool(marker), descriptor, payload, spatial, packet.key))
    return shots


def pictures(name: str, left_out_s: tuple[float, float] = (0.0, 0.0)) -> list[list[Shot]]:
    """A film from its first key picture on, picture by picture.

    Args:
        left_out_s: from when to when its encoder leaves out the larger size [s from the first picture]; it returns with the next key
            picture, and until then the smaller one's last packet ends the picture.
    """
    shots = read(name)
    while not shots[0].key:
        shots.pop(0)
    out: list[list[Shot]] = []
    is_left_out = False
    for timestamp, group in groupby(shots, key=lambda shot: shot.timestamp):
        picture = list(group)
        at = (timestamp - shots[0].timestamp & 0xFFFFFFFF) / 90_000
        is_left_out = (is_left_out and not (picture[0].key and at > left_out_s[1])) or left_out_s[0] < at < left_out_s[1]
        if is_left_out:
            picture = [shot for shot in picture if not shot.spatial]
            picture[-1] = replace(picture[-1], marker=True)
        out.append([replace(shot, at=at) for shot in picture])
    return out
