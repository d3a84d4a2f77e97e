"""The AV1 dependency descriptor (RTP payload format for AV1, appendix A): which layer a frame is of, without looking into it.

It stands in front of the payload, unencrypted end to end, so that key frames and layers are known of frames nobody here can read.
A decoder that is sent only some of the layers finds in it what a frame is built on; so it is passed on to viewers, with the
frame numbers of one stream (`rewrite`) and a mask of the decode targets that are sent (`activated`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from livecore.media.depacketise.bits import BitReader
from livecore.media.depacketise.frame import Malformed
from livecore.media.packet import TEMPORAL_LIMIT, Packet, Place

_SWITCH = 2  # of the decode target indications: whoever decodes this frame may go on with the target
# A.8.3: template ids have six bits, decode targets and layers are bounded by them.
_TEMPLATES_LIMIT = 64
# A frame refers to at most eight others (AV1's reference slots); the descriptor itself names no bound.
_DIFFERENCES_LIMIT = 32
# start and end of the frame, its template, its number (A.8.2, mandatory_descriptor_fields)
MANDATORY_BYTES = 3
_MASK_PRESENT = 0b01000  # of the five flags after those


@dataclass(frozen=True, slots=True)
class Template:
    """`indications`: one a decode target. `up`: a bit for each temporal layer whose decode target this frame is a switch point of;
    `over`: the same for each target, as `Place.over` has it."""

    spatial: int
    temporal: int
    indications: tuple[int, ...]
    up: int
    over: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What a key frame says of the frames after it.

    `first`: the id of the first template. `heights`: in pixels, one a spatial layer; empty where it is not told.
    `targets`: of each decode target the highest spatial and temporal layer. `chains`: how many there are.
    `coded`: the structure itself, as a number and its length in bits. `active`: the targets that are sent, as the publisher last said.
    """

    first: int
    templates: tuple[Template, ...]
    heights: tuple[int, ...]
    targets: tuple[tuple[int, int], ...]
    chains: int
    coded: tuple[int, int]
    active: int

    def find(self, template_id: int) -> Template | None:
        index = (template_id - self.first) % _TEMPLATES_LIMIT
        return self.templates[index] if index < len(self.templates) else None

    @property
    def top(self) -> tuple[int, int]:
        """The highest spatial and the highest temporal layer of all."""
        return max(one.spatial for one in self.templates), max(one.temporal for one in self.templates)

    def mask(self, spatial: int, temporal: int) -> int:
        """The active decode targets up to these layers, as a bit each; never none of them."""
        within = sum(1 << index for index, (s, t) in enumerate(self.targets) if s <= spatial and t <= temporal)
        return within & self.active or within


@dataclass(frozen=True, slots=True)
class Descriptor:
    """`begins`, `ends`: the first and the last packet of a frame. None where the template (or what was said before) holds.

    `structure`: as it comes with the first packet of a key frame. `active`: a bit for each decode target.
    `indications`, `differences`, `chains`: the frame's own. Differences are 1 to 4096, chains 0 to 255.
    """

    begins: bool
    ends: bool
    template_id: int
    frame: int
    structure: Structure | None = None
    active: int | None = None
    indications: tuple[int, ...] | None = None
    differences: tuple[int, ...] | None = None
    chains: tuple[int, ...] | None = None


def read(data: bytes, known: Structure | None) -> Descriptor:
    """Args:
        known: the structure of the last key frame; None before the first.

    Raises:
        Malformed: too short, or it refers to a structure that there is not.
    """
    if len(data) < MANDATORY_BYTES:
        raise Malformed("truncated")
    begins, ends, template_id, frame = bool(data[0] & 0x80), bool(data[0] & 0x40), data[0] & 0x3F, data[1] << 8 | data[2]
    if len(data) == MANDATORY_BYTES:
        return Descriptor(begins, ends, template_id, frame)
    reader = BitReader(data)
    reader.bits(24)
    flags = reader.bits(5)
    attached = _structure(reader, data) if flags & 0b10000 else None
    structure = attached or known
    if structure is None:
        if flags:
            raise Malformed("no_structure")
        return Descriptor(begins, ends, template_id, frame)
    active = reader.bits(len(structure.targets)) if flags & _MASK_PRESENT else None
    indications = tuple(reader.bits(2) for _ in structure.targets) if flags & 0b00100 else None
    differences = _differences(reader) if flags & 0b00010 else None
    chains = tuple(reader.bits(8) for _ in range(structure.chains)) if flags & 0b00001 else None
    return Descriptor(begins, ends, template_id, frame, attached, active, indications, differences, chains)


def write(descriptor: Descriptor, known: Structure | None) -> bytes:
    """As `read` reads it, in as few bytes as that takes."""
    one, structure = descriptor, descriptor.structure or known
    head = bytes([one.begins << 7 | one.ends << 6 | one.template_id]) + one.frame.to_bytes(2, "big")
    parts = (one.structure, one.active, one.indications, one.differences, one.chains)
    if structure is None or all(part is None for part in parts):
        return head
    value = size = 0

    def put(number: int, width: int) -> None:
        nonlocal value, size
        value, size = value << width | number, size + width

    for part in parts:
        put(part is not None, 1)
    if one.structure is not None:
        put(*one.structure.coded)
    if one.active is not None:
        put(one.active, len(structure.targets))
    for indication in one.indications or ():
        put(indication, 2)
    if one.differences is not None:
        for difference in one.differences:
            quarters = 1 + (difference > 16) + (difference > 256)
            put(quarters, 2)
            put(difference - 1, 4 * quarters)
        put(0, 2)
    for chain in one.chains or ():
        put(chain, 8)
    padding = -size % 8
    return head + (value << padding).to_bytes((size + padding) // 8, "big")


def activated(data: bytes, structure: Structure, mask: int) -> bytes:
    """The descriptor with this mask of active decode targets. `structure`: the one that holds for it. A malformed one stays as it is."""
    if len(data) == MANDATORY_BYTES:
        targets = len(structure.targets)
        return data + ((_MASK_PRESENT << targets | mask) << (-(5 + targets) % 8)).to_bytes((12 + targets) // 8, "big")
    try:
        return write(replace(read(data, structure), active=mask), structure)
    except Malformed:
        return data


def inspect(packet: Packet, data: bytes, structure: Structure | None) -> Structure | None:
    """Fill in `place` and `key`; the structure that holds from this packet on. A malformed descriptor changes nothing.

    With a descriptor the payload need not be looked into, and of an encrypted frame says nothing: `key` is what this says.
    """
    packet.key = False
    try:
        descriptor = read(data, structure)
    except Malformed:
        return structure
    if descriptor.structure is not None:
        structure = descriptor.structure
        packet.key = descriptor.begins
    if structure is None:
        return None
    if descriptor.active is not None and descriptor.active != structure.active:
        structure = replace(structure, active=descriptor.active)
    template = structure.find(descriptor.template_id)
    if template is not None:
        up, over = template.up, template.over
        if descriptor.indications is not None:
            up, over = _switches(descriptor.indications, structure.targets)
        begins = descriptor.begins and template.spatial == 0
        packet.place = Place(template.spatial, template.temporal, begins, descriptor.ends, up, False, over)
    return structure


def _switches(indications: Sequence[int], targets: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """What a frame with these indications says of going over: `up` and `over` of a place."""
    up = over = 0
    for indication, (spatial, temporal) in zip(indications, targets, strict=True):
        if indication == _SWITCH:
            up |= 1 << min(7, temporal)
            over |= 1 << spatial * TEMPORAL_LIMIT + temporal if temporal < TEMPORAL_LIMIT else 0
    return up, over


def _structure(reader: BitReader, data: bytes) -> Structure:
    """Raises Malformed."""
    before = reader.left
    first = reader.bits(6)
    count = reader.bits(5) + 1
    layers = [(0, 0)]
    while (following := reader.bits(2)) != 3:
        spatial, temporal = layers[-1]
        if following == 1:
            temporal += 1
        elif following == 2:
            spatial, temporal = spatial + 1, 0
        layers.append((spatial, temporal))
        if len(layers) > _TEMPLATES_LIMIT:
            raise Malformed("too_many_templates")
    indications = [tuple(reader.bits(2) for _ in range(count)) for _ in layers]
    chains = _skip_references(reader, len(layers), count)
    top = layers[-1][0]
    heights = tuple(reader.bits(32) % (1 << 16) + 1 for _ in range(top + 1)) if reader.bits(1) else ()
    # A decode target reaches as far as the highest layers that are not left out of it.
    with_layers = list(zip(layers, indications, strict=True))
    targets = tuple(
        (max((s for (s, _), of in with_layers if of[one]), default=0), max((t for (_, t), of in with_layers if of[one]), default=0))
        for one in range(count)
    )
    templates = tuple(Template(*layer, of, *_switches(of, targets)) for layer, of in with_layers)
    size = before - reader.left
    coded = int.from_bytes(data, "big") >> reader.left & (1 << size) - 1, size
    return Structure(first, templates, heights, targets, chains, coded, (1 << count) - 1)


def _skip_references(reader: BitReader, templates: int, targets: int) -> int:
    """Frame differences and chains: layers are cut whole, and no layer depends on a higher one. Returns how many chains there are."""
    for _ in range(templates):
        while reader.bits(1):
            reader.bits(4)
    chains = _below(reader, targets + 1)
    if chains:
        for _ in range(targets):
            _below(reader, chains)
        reader.bits(4 * chains * templates)
    return chains


def _differences(reader: BitReader) -> tuple[int, ...]:
    found: list[int] = []
    while quarters := reader.bits(2):
        found.append(reader.bits(4 * quarters) + 1)
        if len(found) > _DIFFERENCES_LIMIT:
            raise Malformed("too_many_differences")
    return tuple(found)


def _below(reader: BitReader, bound: int) -> int:
    """A number below `bound`, in as few bits as that takes: ns(n) of the AV1 specification, 4.10.7."""
    width = bound.bit_length()
    short = (1 << width) - bound
    value = reader.bits(width - 1)
    return value if value < short else (value << 1) - short + reader.bits(1)
