"""The AV1 dependency descriptor (RTP payload format for AV1, appendix A): which layer a frame is of, without looking into it.

It stands in front of the payload, unencrypted end to end, so that key frames and layers are known of frames nobody here can read.
"""

from dataclasses import dataclass

from livecore.media.depacketise.bits import BitReader
from livecore.media.depacketise.frame import Malformed
from livecore.media.packet import Packet, Place

_SWITCH = 2  # of the decode target indications: whoever decodes this frame may go on with the target
# A.8.3: template ids have six bits, decode targets and layers are bounded by them.
_TEMPLATES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Template:
    """`up`: a bit for each temporal layer whose decode target this frame is a switch point of."""

    spatial: int
    temporal: int
    up: int


@dataclass(frozen=True, slots=True)
class Structure:
    """What a key frame says of the frames after it.

    `first`: the id of the first template. `heights`: in pixels, one a spatial layer; empty where it is not told.
    """

    first: int
    templates: tuple[Template, ...]
    heights: tuple[int, ...] = ()

    def find(self, template_id: int) -> Template | None:
        index = (template_id - self.first) % _TEMPLATES_LIMIT
        return self.templates[index] if index < len(self.templates) else None


def inspect(packet: Packet, descriptor: bytes, structure: Structure | None) -> Structure | None:
    """Fill in `place` (and `key`); the structure that holds from this packet on. A malformed descriptor changes nothing."""
    if len(descriptor) < 3:
        return structure
    start, end, template_id = descriptor[0] & 0x80, descriptor[0] & 0x40, descriptor[0] & 0x3F
    if len(descriptor) > 3 and descriptor[3] & 0x80:
        try:
            structure = _structure(descriptor)
        except Malformed:
            return structure
        if start:
            packet.key = True
    template = structure.find(template_id) if structure is not None else None
    if template is not None:
        packet.place = Place(template.spatial, template.temporal, bool(start) and template.spatial == 0, bool(end), template.up)
    return structure


def _structure(descriptor: bytes) -> Structure:
    """Raises Malformed."""
    reader = BitReader(descriptor)
    reader.bits(24)
    reader.bits(5)  # structure present, active targets, custom indications, differences, chains
    first = reader.bits(6)
    targets = reader.bits(5) + 1
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
    indications = [[reader.bits(2) for _ in range(targets)] for _ in layers]
    _skip_references(reader, len(layers), targets)
    top = layers[-1][0]
    heights = tuple(reader.bits(32) % (1 << 16) + 1 for _ in range(top + 1)) if reader.bits(1) else ()
    # A decode target reaches as far as the highest layers that are not left out of it.
    reach = [max((t for (_, t), of in zip(layers, indications, strict=True) if of[target]), default=0) for target in range(targets)]
    templates = []
    for (spatial, temporal), of in zip(layers, indications, strict=True):
        up = 0
        for target, indication in enumerate(of):
            if indication == _SWITCH:
                up |= 1 << min(7, reach[target])
        templates.append(Template(spatial, temporal, up))
    return Structure(first, tuple(templates), heights)


def _skip_references(reader: BitReader, templates: int, targets: int) -> None:
    """Frame differences and chains: layers are cut whole, and no layer depends on a higher one."""
    for _ in range(templates):
        while reader.bits(1):
            reader.bits(4)
    chains = _below(reader, targets + 1)
    if chains:
        for _ in range(targets):
            _below(reader, chains)
        reader.bits(4 * chains * templates)


def _below(reader: BitReader, bound: int) -> int:
    """A number below `bound`, in as few bits as that takes: ns(n) of the AV1 specification, 4.10.7."""
    width = bound.bit_length()
    short = (1 << width) - bound
    value = reader.bits(width - 1)
    return value if value < short else (value << 1) - short + reader.bits(1)
