"""H.264 (RFC 6184): single units, STAP-A and FU-A, which is what packetisation modes 0 and 1 use."""

import base64
import binascii
from collections.abc import Sequence

from livecore.media.depacketise.assemble import PictureAssembler
from livecore.media.depacketise.bits import BitReader
from livecore.media.depacketise.frame import Frame, Malformed

_PICTURE_TYPES = frozenset(range(1, 6))
_TYPE_IDR = 5
_TYPE_SPS = 7
_TYPE_PPS = 8
_TYPE_STAP_A = 24
_TYPE_FU_A = 28
# Profiles whose parameter set carries chroma and scaling fields (ITU-T H.264, 7.3.2.1.1).
_HIGH_PROFILES = frozenset((44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244))
# Level 6.2 ends at 8,192 by 4,320; twice that leaves room for odd shapes and keeps numbers sane.
_SIDE_LIMIT = 16384


def sequence_size(unit: bytes) -> tuple[int, int]:
    """Width and height in pixels of a sequence parameter set, its header byte included. Raises Malformed."""
    reader = BitReader(unit[1:].replace(b"\0\0\3", b"\0\0"))
    profile = reader.bits(8)
    reader.bits(16)
    reader.unsigned_golomb()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = reader.unsigned_golomb()
        if chroma == 3:
            reader.bits(1)
        reader.unsigned_golomb()
        reader.unsigned_golomb()
        reader.bits(1)
        if reader.bits(1):
            _skip_scaling_lists(reader, 8 if chroma != 3 else 12)
    reader.unsigned_golomb()
    order_type = reader.unsigned_golomb()
    if order_type == 0:
        reader.unsigned_golomb()
    elif order_type == 1:
        reader.bits(1)
        reader.signed_golomb()
        reader.signed_golomb()
        cycle = reader.unsigned_golomb()
        if cycle > 255:
            raise Malformed("bad_sps")
        for _ in range(cycle):
            reader.signed_golomb()
    reader.unsigned_golomb()
    reader.bits(1)
    width_blocks = reader.unsigned_golomb() + 1
    height_units = reader.unsigned_golomb() + 1
    frames_only = reader.bits(1)
    if not frames_only:
        reader.bits(1)
    reader.bits(1)
    left = right = top = bottom = 0
    if reader.bits(1):
        left, right, top, bottom = (reader.unsigned_golomb() for _ in range(4))
    crop_x = 2 if chroma in (1, 2) else 1
    crop_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    width = width_blocks * 16 - crop_x * (left + right)
    height = (2 - frames_only) * height_units * 16 - crop_y * (top + bottom)
    if not 0 < width <= _SIDE_LIMIT or not 0 < height <= _SIDE_LIMIT:
        raise Malformed("bad_size")
    return width, height


def _skip_scaling_lists(reader: BitReader, lists: int) -> None:
    for index in range(lists):
        if not reader.bits(1):
            continue
        last = following = 8
        for _ in range(16 if index < 6 else 64):
            if following:
                following = (last + reader.signed_golomb()) % 256
            last = following or last


class H264Depacketiser(PictureAssembler):
    """Each key frame leaves with its parameter sets in front, so a file may start or be cut at any of them.

    Args:
        format_parameters: the `fmtp` of the track; its `sprop-parameter-sets` (RFC 6184, 8.1) are used until
            the stream brings its own.
    """

    def __init__(self, format_parameters: str = "") -> None:
        super().__init__()
        self._sps: bytes | None = None
        self._pps: dict[int, bytes] = {}
        self._fragment: list[bytes] | None = None  # parts of a FU-A unit in progress
        for unit in _sprop_parameter_sets(format_parameters):
            try:
                self._take_parameter_set(unit)
            except Malformed as refused:
                self.drops[refused.reason] += 1

    def _begin(self, timestamp: int) -> None:
        super()._begin(timestamp)
        self._fragment = None

    def _add_all(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            if self._fragment is not None and len(payload) > 2 and payload[0] & 31 == _TYPE_FU_A and not payload[1] & 0xC0:
                # The middle of a large unit, which most packets are.
                self._fragment.append(payload[2:])
            elif payload:
                self._add(payload)

    def _add(self, payload: bytes) -> None:
        kind = payload[0] & 31
        if 1 <= kind <= 23:
            self._unit(payload)
        elif kind == _TYPE_STAP_A:
            self._aggregate(payload)
        elif kind == _TYPE_FU_A:
            self._fragment_of(payload)
        else:
            raise Malformed("unit_type")

    def _aggregate(self, payload: bytes) -> None:
        position = 1
        while position + 2 <= len(payload):
            length = int.from_bytes(payload[position : position + 2], "big")
            position += 2
            if not length or position + length > len(payload):
                raise Malformed("truncated")
            self._unit(payload[position : position + length])
            position += length

    def _fragment_of(self, payload: bytes) -> None:
        header = payload[1]
        if len(payload) < 3:
            raise Malformed("truncated")
        if header & 0x80:
            self._fragment = [bytes([payload[0] & 0xE0 | header & 31])]
        if self._fragment is None:
            raise Malformed("no_start")
        self._fragment.append(payload[2:])
        if header & 0x40:
            unit, self._fragment = b"".join(self._fragment), None
            self._unit(unit)

    def _unit(self, unit: bytes) -> None:
        if unit[0] & 31 in (_TYPE_SPS, _TYPE_PPS):
            self._take_parameter_set(unit)
        self._parts.append(unit)

    def _take_parameter_set(self, unit: bytes) -> None:
        if unit[0] & 31 == _TYPE_SPS:
            if unit != self._sps:
                if len(unit) < 5:
                    raise Malformed("bad_sps")
                self.width, self.height = sequence_size(unit)
                self._sps = unit
        elif unit[0] & 31 == _TYPE_PPS:
            number = BitReader(unit[1:6]).unsigned_golomb()
            if number > 255:
                raise Malformed("bad_pps")
            self._pps[number] = unit

    def _complete(self, timestamp: int, parts: list[bytes]) -> Frame | None:
        if self._fragment is not None:
            raise Malformed("incomplete_unit")
        kinds = {part[0] & 31 for part in parts}
        if kinds.isdisjoint(_PICTURE_TYPES):
            return None
        is_key = _TYPE_IDR in kinds
        if is_key:
            if self._sps is None or not self._pps:
                raise Malformed("no_parameter_sets")
            if _TYPE_SPS not in kinds:
                parts = [self._sps, *self._pps.values(), *(p for p in parts if p[0] & 31 != _TYPE_PPS)]
        data = b"".join([piece for part in parts for piece in (len(part).to_bytes(4, "big"), part)])
        return Frame(timestamp, data, is_key, self.width, self.height)


def _sprop_parameter_sets(format_parameters: str) -> list[bytes]:
    for parameter in format_parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "sprop-parameter-sets":
            try:
                units = [base64.b64decode(unit, validate=True) for unit in value.split(",") if unit]
            except (binascii.Error, ValueError):
                return []
            return [unit for unit in units if unit]
    return []
