"""What an MP4 says of a picture's codec before its first frame, read from a key frame: sample entry and CODECS string.

H.264: ISO/IEC 14496-15; VP9: "VP Codec ISO Media File Format Binding"; AV1: "AV1 Codec ISO Media File Format Binding".
VP8 has a binding too, but no player of HLS takes it.
"""

import struct

from livecore.media.cmaf import TrackEntry, box, full_box, visual_entry
from livecore.media.depacketise import Frame, Malformed
from livecore.media.depacketise.av1 import SequenceFacts, sequence_facts
from livecore.media.depacketise.bits import BitReader, read_leb128

# What HLS can carry.
SEGMENTED_CODECS = frozenset(("h264", "vp9", "av1"))

_H264_SPS = 7
_H264_PPS = 8
# Profiles whose avcC tells the chroma format (14496-15, 5.3.3.1.2).
_H264_HIGH = frozenset((100, 110, 122, 144))
# 4:2:0 with 8 bits, which is all that WebRTC sends.
_H264_HIGH_TAIL = b"\xfd\xf8\xf8\0"
_OBU_SEQUENCE_HEADER = 1
# Largest picture in luma samples of each VP9 level.
_VP9_LEVELS = ((36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31), (2_228_224, 40), (8_912_896, 50))
_VP9_LARGEST = 60


def units_of(data: bytes) -> list[bytes]:
    """The NAL units of a frame: each with its length in four bytes before it."""
    units = []
    position = 0
    while position + 4 <= len(data):
        end = position + 4 + int.from_bytes(data[position : position + 4], "big")
        units.append(data[position + 4 : end])
        position = end
    return units


def sample_data(codec: str, frame: Frame) -> bytes:
    """A frame as a sample of a segment: the parameter sets of H.264 are left to the sample entry."""
    if codec != "h264" or not frame.is_key:
        return frame.data
    units = (unit for unit in units_of(frame.data) if unit[0] & 31 not in (_H264_SPS, _H264_PPS))
    return b"".join(part for unit in units for part in (struct.pack(">I", len(unit)), unit))


def video_entry(codec: str, frame: Frame) -> TrackEntry:
    """The entry for a codec of SEGMENTED_CODECS as its key frame describes it. Raises Malformed."""
    if codec == "h264":
        return _h264(frame)
    if codec == "vp9":
        return _vp9(frame)
    return _av1(frame)


def _h264(frame: Frame) -> TrackEntry:
    units = units_of(frame.data)
    sps = [unit for unit in units if unit[0] & 31 == _H264_SPS][:1]
    pps = list(dict.fromkeys(unit for unit in units if unit[0] & 31 == _H264_PPS))
    if not sps or not pps or len(sps[0]) < 4:
        raise Malformed("no_parameter_sets")
    profile, constraints, level = sps[0][1:4]
    configuration = bytes([1, profile, constraints, level, 0xFF, 0xE1]) + struct.pack(">H", len(sps[0])) + sps[0]
    configuration += bytes([len(pps)]) + b"".join(struct.pack(">H", len(unit)) + unit for unit in pps)
    if profile in _H264_HIGH:
        configuration += _H264_HIGH_TAIL
    entry = visual_entry(b"avc1", frame.width, frame.height, box(b"avcC", configuration))
    return TrackEntry(f"avc1.{profile:02x}{constraints:02x}{level:02x}", entry, frame.width, frame.height)


def _vp9(frame: Frame) -> TrackEntry:
    reader = BitReader(frame.data[:8])
    reader.bits(2)
    profile = reader.bits(1) | reader.bits(1) << 1
    if profile == 3:
        reader.bits(1)
    # show_existing_frame, frame_type, show_frame, error_resilient_mode, the sync code; then the depth where it can differ.
    reader.bits(4 + 24)
    depth = (10 + 2 * reader.bits(1)) if profile >= 2 else 8
    pixels = frame.width * frame.height
    level = next((level for most, level in _VP9_LEVELS if pixels <= most), _VP9_LARGEST)
    # 4:2:0 co-located with the left, BT.709, limited range: what browsers send.
    configuration = struct.pack(">BBBBBBH", profile, level, depth << 4 | 1 << 1, 1, 1, 1, 0)
    entry = visual_entry(b"vp09", frame.width, frame.height, full_box(b"vpcC", 1, 0, configuration))
    return TrackEntry(f"vp09.{profile:02d}.{level:02d}.{depth:02d}", entry, frame.width, frame.height)


def _av1(frame: Frame) -> TrackEntry:
    unit, body = _sequence_header(frame.data)
    facts: SequenceFacts = sequence_facts(body)
    flags = facts.tier << 7 | facts.high_depth << 6 | facts.twelve_bit << 5 | facts.monochrome << 4
    flags |= facts.subsampling_x << 3 | facts.subsampling_y << 2 | facts.sample_position
    configuration = bytes([0x81, facts.profile << 5 | facts.level, flags, 0]) + unit
    entry = visual_entry(b"av01", frame.width, frame.height, box(b"av1C", configuration))
    depth = 12 if facts.twelve_bit else 10 if facts.high_depth else 8
    name = f"av01.{facts.profile}.{facts.level:02d}{'H' if facts.tier else 'M'}.{depth:02d}"
    return TrackEntry(name, entry, frame.width, frame.height)


def _sequence_header(data: bytes) -> tuple[bytes, bytes]:
    """The sequence header of a key frame: the whole unit, and its body."""
    position = 0
    while position < len(data):
        head = 2 if data[position] & 4 else 1
        length, start = read_leb128(data, position + head)
        if data[position] >> 3 & 15 == _OBU_SEQUENCE_HEADER:
            return data[position : start + length], data[start : start + length]
        position = start + length
    raise Malformed("no_sequence_header")
