"""AV1 (AOMedia "RTP Payload Format For AV1", 1.0): OBUs in and out of packets."""

from livecore.media.depacketise.assemble import PictureAssembler
from livecore.media.depacketise.bits import BitReader, read_leb128, write_leb128
from livecore.media.depacketise.frame import Frame, Malformed

_OBU_SEQUENCE_HEADER = 1
_OBU_TEMPORAL_DELIMITER = 2
_OBU_FRAME_HEADER = 3
_OBU_FRAME = 6
_OBU_TILE_LIST = 8
_OBU_PADDING = 15


def sequence_size(body: bytes) -> tuple[int, int]:
    """Largest width and height that a sequence header allows (AV1 specification, 5.5). Raises Malformed."""
    reader = BitReader(body)
    reader.bits(4)
    if reader.bits(1):
        reader.bits(5)
    else:
        _skip_operating_points(reader)
    width_bits, height_bits = reader.bits(4) + 1, reader.bits(4) + 1
    return reader.bits(width_bits) + 1, reader.bits(height_bits) + 1


def _skip_operating_points(reader: BitReader) -> None:
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
    for _ in range(reader.bits(5) + 1):
        reader.bits(12)
        if reader.bits(5) > 7:
            reader.bits(1)
        if has_decoder_model and reader.bits(1):
            reader.bits(2 * delay_bits + 1)
        if has_initial_delay and reader.bits(1):
            reader.bits(4)


class Av1Depacketiser(PictureAssembler):
    """Parts are whole OBUs with size fields."""

    def __init__(self) -> None:
        super().__init__()
        self._fragment: bytes | None = None  # the start of an OBU that the next packet continues
        self._is_key = False

    def _begin(self, timestamp: int) -> None:
        super()._begin(timestamp)
        self._fragment = None
        self._is_key = False

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
                element, self._fragment = self._fragment + element, None
            elif index == 0 and self._fragment is not None:
                raise Malformed("incomplete_unit")
            if index == len(elements) - 1 and will_continue:
                self._fragment = element
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
        return Frame(timestamp, b"".join(parts), is_key, self.width, self.height)
