"""Made-up scalable streams: VP9 as RFC 9628, AV1 with the dependency descriptor, VP8 with temporal layers; each as an encoder lays it out.

Nothing decodes them: descriptors are whole, pictures are not.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise

from bench import rtp_source
from bench.rtp_source import Part

PATTERN = {1: (0,), 2: (0, 1), 3: (0, 2, 1, 2)}
HEIGHTS = (180, 360, 720)


def vp9(
    picture_id: int, spatial: int, temporal: int, *, key: bool, begin: bool, end: bool, layers: int, body: bytes, sizes: int = 3
) -> bytes:
    """RFC 9628, without flexible mode; a key picture's first packet carries the scalability structure. `sizes`: up to which of HEIGHTS."""
    structure = key and begin and spatial == 0
    # A key picture's upper layers are predicted from the lower ones alone: not inter-predicted.
    first = 0x80 | (0 if key else 0x40) | 0x20 | (0x08 if begin else 0) | (0x04 if end else 0) | (0x02 if structure else 0)
    indices = temporal << 5 | (0x10 if temporal == 0 else 0) | spatial << 1 | (1 if key and spatial else 0)
    out = bytes([first, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF, indices, picture_id & 0xFF])
    if structure:
        out += bytes([layers - 1 << 5 | 0x10]) + b"".join(struct.pack(">HH", h * 16 // 9, h) for h in HEIGHTS[sizes - layers : sizes])
    return out + body


def vp8(picture_id: int, temporal: int, *, key: bool, begin: bool, body: bytes) -> bytes:
    """RFC 7741 with picture id, TL0PICIDX and temporal layer; each enhancement depends on the base alone."""
    return (
        bytes(
            [0x90 if begin else 0x80, 0xE0, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF, 0, temporal << 6 | (0x20 if temporal else 0)]
        )
        + bytes([0 if key and begin else 1])
        + body
    )


def bits(*fields: tuple[int, int]) -> bytes:
    """Each number in its width of bits, and zeros up to a whole byte."""
    value = size = 0
    for number, width in fields:
        value, size = value << width | number, size + width
    pad = -size % 8
    return (value << pad).to_bytes((size + pad) // 8, "big")


def av1(key: bool, begin: bool, end: bool, body: bytes) -> bytes:
    """The aggregation header of AV1's payload format: one OBU element, or a fragment of one; N where a sequence begins."""
    return bytes([(0 if begin else 0x80) | (0 if end else 0x40) | 0x10 | (0x08 if key and begin else 0)]) + body


@dataclass(frozen=True)
class Dependencies:
    """What an AV1 encoder says of its frames in the dependency descriptor (payload format, appendix A).

    `inter`: upper spatial layers are predicted from the lower ones in every picture (L3T3), or only in key pictures (L3T3_KEY).
    Templates: for each spatial layer, its frame of a key picture (key), then of temporal layer 0, 1 and 2.
    """

    spatial: int
    temporal: int
    inter: bool = False
    first: int = 5
    sizes: int = 3

    def layers(self) -> list[tuple[int, int, bool]]:
        return [(s, t, key) for s in range(self.spatial) for t, key in ((0, True), *((t, False) for t in range(self.temporal)))]

    def differences(self, spatial: int, temporal: int, *, key: bool) -> list[int]:
        """Distances, in frames, to those that a frame is built on."""
        below = [1] if spatial and (key or self.inter) else []
        apart = {0: len(PATTERN[self.temporal]), 1: 2 if self.temporal == 3 else 1, 2: 1}[temporal]
        return below if key else [apart * self.spatial, *below]

    def _indication(self, layer: tuple[int, int, bool], target: tuple[int, int]) -> int:
        """0: not in the target, 1: nothing is built on it, 2: whoever has it can go on with the target, 3: others need it."""
        (spatial, temporal, key), (to_spatial, to_temporal) = layer, target
        if spatial > to_spatial or temporal > to_temporal:
            return 0
        if spatial < to_spatial:
            return 3 if key or self.inter else 0
        if temporal == 0 or temporal < to_temporal:
            return 2
        return 1

    def structure(self) -> bytes:
        """From the flags on, which say that the structure follows and nothing is customised."""
        layers = self.layers()
        targets = [(s, t) for s in range(self.spatial) for t in range(self.temporal)]
        fields = [(0b10000, 5), (self.first, 6), (len(targets) - 1, 5)]
        for (spatial, temporal, _), (next_spatial, next_temporal, _) in pairwise(layers):
            fields.append((2 if next_spatial > spatial else 1 if next_temporal > temporal else 0, 2))
        fields.append((3, 2))
        fields += [(self._indication(layer, target), 2) for layer in layers for target in targets]
        for spatial, temporal, key in layers:
            fields += [(1 << 4 | one - 1, 5) for one in self.differences(spatial, temporal, key=key)] + [(0, 1)]
        width = (len(targets) + 1).bit_length() - 1
        fields.append((0, width))  # no chains
        fields.append((1, 1))
        for height in HEIGHTS[self.sizes - self.spatial : self.sizes]:
            fields += [(height * 16 // 9 - 1, 16), (height - 1, 16)]
        return bits(*fields)

    def descriptor(self, frame: int, spatial: int, temporal: int, *, key: bool, begin: bool, end: bool) -> bytes:
        template = (self.first + self.layers().index((spatial, temporal, key))) % 64
        out = bytes([begin << 7 | end << 6 | template]) + (frame & 0xFFFF).to_bytes(2, "big")
        return out + self.structure() if key and begin and spatial == 0 else out

    def active(self, descriptor: bytes, mask: int) -> bytes:
        """With a mask of active decode targets, in a descriptor that has none and customises nothing."""
        count = self.spatial * self.temporal
        if len(descriptor) == 3:
            return descriptor + bits((0b01000, 5), (mask, count))
        size = 8 * (len(descriptor) - 3)
        coded = int.from_bytes(descriptor[3:], "big") & (1 << size - 5) - 1
        while not coded & 1:  # up to the last height, which is odd in bits: 179, 359 or 719
            coded, size = coded >> 1, size - 1
        return descriptor[:3] + bits((0b11000, 5), (coded, size - 5), (mask, count))


class ScalableSource:
    """Pictures of three sizes at most, with temporal layers, in one stream.

    Args:
        codec: "vp9" (each size needs the one below in key pictures alone: L3T3_KEY) or "av1" (L3T3_KEY, with the dependency descriptor).
        shares: how many packets of a picture each spatial layer has, from the smallest.
    """

    def __init__(self, codec: str, shares: list[int], payload_bytes: int, temporal: int = 3) -> None:
        self._codec = codec
        self._shares = shares
        self._payload_bytes = payload_bytes
        self._temporal = temporal
        self._dependencies = Dependencies(len(shares), temporal)
        self._picture_id = self._number = self._phase = 0

    def parts(self, key: bool, at_ns: int) -> list[Part]:
        """The packets of the next picture, all its sizes, in order."""
        self._phase = 0 if key else self._phase + 1
        pattern = PATTERN[self._temporal]
        temporal = pattern[self._phase % len(pattern)]
        made = [
            self._part(spatial, temporal, key, index == 0, index == count - 1, at_ns)
            for spatial, count in enumerate(self._shares)
            for index in range(count)
        ]
        self._picture_id = self._picture_id + 1 & 0x7FFF
        self._number += 1
        return made

    def _part(self, spatial: int, temporal: int, key: bool, begin: bool, end: bool, at_ns: int) -> Part:
        dependency = b""
        if self._codec == "vp9":
            head = vp9(self._picture_id, spatial, temporal, key=key, begin=begin, end=end, layers=len(self._shares), body=b"")
        else:
            head = av1(key, begin, end, b"")
            frame = len(self._shares) * self._number + spatial
            dependency = self._dependencies.descriptor(frame, spatial, temporal, key=key, begin=begin, end=end)
        return Part(rtp_source.filled(head, self._payload_bytes, at_ns, spatial), dependency)
