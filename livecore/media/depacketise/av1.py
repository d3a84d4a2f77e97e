"""AV1 (AOMedia "RTP Payload Format For AV1", 1.0): OBUs in and out of packets."""

from collections.abc import Sequence
from dataclasses import dataclass

from livecore.media.depacketise.assemble import PictureAssembler
from livecore.media.depacketise.bits import BitReader, read_leb128, write_leb128
from livecore.media.depacketise.frame import Frame, Malformed

_OBU_SEQUENCE_HEADER = 1
_OBU_TEMPORAL_DELIMITER = 2
_OBU_FRAME_HEADER = 3
_OBU_FRAME = 6
_OBU_TILE_LIST = 8
_OBU_PADDING = 15
# MP4 asks to leave it out. But where a picture of several sizes comes without its largest, dav1d shows it only when it hears that the next begins.
_DELIMITER = bytes([_OBU_TEMPORAL_DELIMITER << 3 | 2, 0])
# Of the aggregation header: goes on, will go on, one element.
_SHAPE = 0b11110000
_MIDDLE = 0b11010000
# BT.709 primaries, sRGB transfer, identity matrix: 4:4:4 without saying so.
_SRGB = (1, 13, 0)


@dataclass(frozen=True, slots=True)
class SequenceFacts:
    """What a sequence header says (AV1 specification, 5.5): the first operating point's level and tier, the largest size, the colours."""

    profile: int
    level: int
    tier: int
    width: int
    height: int
    high_depth: int
    twelve_bit: int
    monochrome: int
    subsampling_x: int
    subsampling_y: int
    sample_position: int


def sequence_size(body: bytes) -> tuple[int, int]:
    """Largest width and height that a sequence header allows. Raises Malformed."""
    *_, width, height = _sequence_start(BitReader(body))
    return width, height


def has_sizes(body: bytes) -> bool:
    """Whether a sequence header promises several spatial layers in its first operating point, which decoders take. Raises Malformed."""
    return _sequence_start(BitReader(body))[3] > 1


def sequence_facts(body: bytes) -> SequenceFacts:
    """Raises Malformed."""
    reader = BitReader(body)
    profile, level, tier, _, width, height = _sequence_start(reader)
    is_reduced = body[0] >> 3 & 1
    if not is_reduced and reader.bits(1):
        reader.bits(4 + 3)
    # 128-pixel superblocks, filtered intra, intra edge filter.
    reader.bits(3)
    if not is_reduced:
        _skip_tools(reader)
    # Superresolution, directional enhancement, restoration.
    reader.bits(3)
    high_depth = reader.bits(1)
    twelve_bit = reader.bits(1) if profile == 2 and high_depth else 0
    monochrome = 0 if profile == 1 else reader.bits(1)
    primaries = transfer = matrix = 2
    if reader.bits(1):
        primaries, transfer, matrix = reader.bits(8), reader.bits(8), reader.bits(8)
    x = y = 1
    position = 0
    if not monochrome:
        if (primaries, transfer, matrix) == _SRGB:
            x = y = 0
        else:
            reader.bits(1)
            if profile == 1:
                x = y = 0
            elif profile == 2 and twelve_bit:
                x = reader.bits(1)
                y = reader.bits(1) if x else 0
            elif profile == 2:
                y = 0
            position = reader.bits(2) if x and y else 0
    return SequenceFacts(profile, level, tier, width, height, high_depth, twelve_bit, monochrome, x, y, position)


def _skip_tools(reader: BitReader) -> None:
    # Inter-intra, masked, warped, dual filter.
    reader.bits(4)
    has_order_hint = reader.bits(1)
    if has_order_hint:
        reader.bits(2)
    screen_content = 2 if reader.bits(1) else reader.bits(1)
    if screen_content and not reader.bits(1):
        reader.bits(1)
    if has_order_hint:
        reader.bits(3)


def _sequence_start(reader: BitReader) -> tuple[int, int, int, int, int, int]:
    """Profile, level, tier, a bit for each spatial layer (0: not told), width, height; the reader stands behind the size."""
    profile = reader.bits(3)
    reader.bits(1)
    level = tier = spatial = 0
    if reader.bits(1):
        level = reader.bits(5)
    else:
        level, tier, spatial = _operating_points(reader)
    width_bits, height_bits = reader.bits(4) + 1, reader.bits(4) + 1
    return profile, level, tier, spatial, reader.bits(width_bits) + 1, reader.bits(height_bits) + 1


def _operating_points(reader: BitReader) -> tuple[int, int, int]:
    """Level, tier and spatial layers of the first operating point."""
    has_decoder_model = 0
    delay_bits = 0
    if reader.bits(1):
        reader.bits(64)
        if reader.bits(1):
            reader.unsigned_golomb()
        has_decoder_model = reader.bits(1)
        if has_decoder_model:
            delay_bits = reader.bits(5) + 1
            reader.bits(42)
    has_initial_delay = reader.bits(1)
    first: tuple[int, int, int] | None = None
    for _ in range(reader.bits(5) + 1):
        layers = reader.bits(12)
        level = reader.bits(5)
        tier = reader.bits(1) if level > 7 else 0
        if first is None:
            first = level, tier, layers >> 8
        if has_decoder_model and reader.bits(1):
            reader.bits(2 * delay_bits + 1)
        if has_initial_delay and reader.bits(1):
            reader.bits(4)
    assert first is not None
    return first


class Av1Depacketiser(PictureAssembler):
    """Parts are whole OBUs with size fields."""

    def __init__(self) -> None:
        super().__init__()
        self._fragment: list[bytes] | None = None  # parts of an OBU that the next packet continues
        self._is_key = False
        self._is_layered = False  # whether the sequence has several spatial layers

    def _begin(self, timestamp: int) -> None:
        super()._begin(timestamp)
        self._fragment = None
        self._is_key = False

    def _add_all(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            if self._fragment is not None and len(payload) > 1 and payload[0] & _SHAPE == _MIDDLE:
                # The middle of a large unit, which most packets are.
                self._fragment.append(payload[1:])
            elif payload:
                self._add(payload)

    def _add(self, payload: bytes) -> None:
        header = payload[0]
        continues, will_continue, count = header >> 7, header >> 6 & 1, header >> 4 & 3
        elements: list[bytes] = []
        position = 1
        while position < len(payload):
            if count and len(elements) + 1 == count:
                length = len(payload) - position
            else:
                length, position = read_leb128(payload, position)
            if position + length > len(payload):
                raise Malformed("truncated")
            elements.append(payload[position : position + length])
            position += length
        if not elements or (count and len(elements) != count):
            raise Malformed("element_count")
        for index, element in enumerate(elements):
            if index == 0 and continues:
                if self._fragment is None:
                    raise Malformed("no_start")
                element, self._fragment = b"".join([*self._fragment, element]), None
            elif index == 0 and self._fragment is not None:
                raise Malformed("incomplete_unit")
            if index == len(elements) - 1 and will_continue:
                self._fragment = [element]
            elif element:
                self._unit(element)

    def _unit(self, unit: bytes) -> None:
        kind = unit[0] >> 3 & 15
        if kind in (_OBU_TEMPORAL_DELIMITER, _OBU_TILE_LIST, _OBU_PADDING):
            return
        head = 2 if unit[0] & 4 else 1
        if head > len(unit):
            raise Malformed("truncated")
        body = unit[head:]
        if unit[0] & 2:
            length, start = read_leb128(unit, head)
            if start + length > len(unit):
                raise Malformed("truncated")
            body = unit[start : start + length]
        if kind == _OBU_SEQUENCE_HEADER:
            self.width, self.height = sequence_size(body)
            self._is_layered = has_sizes(body)
        elif kind in (_OBU_FRAME, _OBU_FRAME_HEADER):
            reader = BitReader(body[:1])
            # show_existing_frame, then frame_type, of which 0 is a key frame (5.9.2).
            if not reader.bits(1) and not reader.bits(2):
                self._is_key = True
        self._parts.append(bytes([unit[0] | 2]) + unit[1:head] + write_leb128(len(body)) + body)

    def _complete(self, timestamp: int, parts: list[bytes]) -> Frame | None:
        if self._fragment is not None:
            raise Malformed("incomplete_unit")
        kinds = [part[0] >> 3 & 15 for part in parts]
        if _OBU_FRAME not in kinds and _OBU_FRAME_HEADER not in kinds:
            return None
        # A key frame without its sequence header cannot be decoded from.
        is_key = self._is_key and _OBU_SEQUENCE_HEADER in kinds
        if self._is_layered:
            parts = [_DELIMITER, *parts]
        return Frame(timestamp, b"".join(parts), is_key, self.width, self.height)
