"""One received RTP packet: header facts read once, the payload shared by every viewer.

RFC 3550 section 5.1 (header), RFC 8285 (extensions, one- and two-byte forms), RFC 4588 (RTX).
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from livecore.media.drops import Drop
from livecore.media.extensions import PASSED_ON, Extension

HEADER = struct.Struct("!BBHLL")
_ONE_BYTE_PROFILE = 0xBEDE
# Temporal layers of one stream: WebRTC encoders make at most three.
TEMPORAL_LIMIT = 4


class Header:
    """What an RTP header says, as it was on the wire, and where its payload lies.

    `mid`, `rid`, `repaired_rid`: None when the packet does not carry them.
    `transport_sequence`: None without the transport-wide congestion control extension.
    `passed_on`: extensions that go to viewers unchanged, as (extension, value).
    `dependency`: the AV1 dependency descriptor; None without one.
    """

    __slots__ = (
        "dependency",
        "end",
        "marker",
        "mid",
        "passed_on",
        "payload_type",
        "repaired_rid",
        "rid",
        "sequence",
        "ssrc",
        "start",
        "timestamp",
        "transport_sequence",
    )

    def __init__(self, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int) -> None:
        self.marker = marker
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.start = 12
        self.end = 12
        self.mid: str | None = None
        self.rid: str | None = None
        self.repaired_rid: str | None = None
        self.transport_sequence: int | None = None
        self.dependency: bytes | None = None
        self.passed_on: tuple[tuple[Extension, bytes], ...] = ()


class Place(NamedTuple):
    """Where a packet's frame stands in a scalable stream.

    `begins`: the first packet of a picture. `ends`: the last of its frame (one spatial layer of the picture).
    `up`: a bit for each temporal layer that may be followed from this picture on. `sync`: depends on the lowest temporal
    layer alone. `over`: a bit for each decode target (spatial * TEMPORAL_LIMIT + temporal) that whoever decodes this picture may go over to.
    """

    spatial: int
    temporal: int
    begins: bool
    ends: bool
    up: int = 0
    sync: bool = False
    over: int = 0


class Packet:
    """A media packet of one layer, with widened numbers, as the cache keeps it.

    `sequence`, `timestamp`: widened. `at`: kernel arrival in monotonic seconds. `key`: starts a key frame.
    `place`: None where the stream is not scalable.
    VP8 and VP9: `picture_id_at` is the offset of a picture id in the payload (0: none; negative: the 7-bit form),
    `tl0_at` the offset of TL0PICIDX (0: none).
    AV1: `dependency` is the descriptor, `picture_id` the number of the frame in it; None without one (and for other codecs).
    """

    __slots__ = (
        "at",
        "dependency",
        "key",
        "marker",
        "passed_on",
        "payload",
        "picture_id",
        "picture_id_at",
        "place",
        "sequence",
        "timestamp",
        "tl0",
        "tl0_at",
    )

    def __init__(
        self,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload: bytes,
        at: float,
        passed_on: tuple[tuple[Extension, bytes], ...] = (),
    ) -> None:
        self.sequence = sequence
        self.timestamp = timestamp
        self.marker = marker
        self.payload = payload
        self.at = at
        self.passed_on = passed_on
        self.key = False
        self.picture_id_at = 0
        self.picture_id = 0
        self.tl0_at = 0
        self.tl0 = 0
        self.place: Place | None = None
        self.dependency: bytes | None = None


def parse_header(data: bytes, ids: Mapping[int, Extension]) -> Header | Drop:
    """Read the header of a decrypted packet; a reason instead when it is malformed. Never raises.

    Args:
        data: the whole packet.
        ids: extension id → extension, as negotiated. Others are skipped.
    """
    size = len(data)
    if size < 12:
        return Drop.RTP_SHORT
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first >> 6 != 2:
        return Drop.RTP_VERSION
    header = Header(second >= 128, second & 127, sequence, timestamp, ssrc)
    start = 12 + 4 * (first & 15)
    if first & 0x10:
        if start + 4 > size:
            return Drop.RTP_EXTENSION
        stop = start + 4 + 4 * (data[start + 2] << 8 | data[start + 3])
        if stop > size:
            return Drop.RTP_EXTENSION
        profile = data[start] << 8 | data[start + 1]
        if profile == _ONE_BYTE_PROFILE or profile & 0xFFF0 == 0x1000:
            _read_extensions(header, data, start + 4, stop, profile == _ONE_BYTE_PROFILE, ids)
        start = stop
    if start > size:
        return Drop.RTP_SHORT
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0 or padding > size - start:
            return Drop.RTP_PADDING
        end -= padding
    header.start, header.end = start, end
    return header


def _read_extensions(header: Header, data: bytes, position: int, stop: int, one_byte: bool, ids: Mapping[int, Extension]) -> None:
    passed_on: list[tuple[Extension, bytes]] = []
    while position < stop:
        lead = data[position]
        if lead == 0:
            position += 1
            continue
        if one_byte:
            identifier, length = lead >> 4, (lead & 15) + 1
            if identifier == 15:  # RFC 8285 section 4.2: reserved, stop here
                break
            position += 1
        else:
            if position + 1 >= stop:
                break
            identifier, length = lead, data[position + 1]
            position += 2
        after = position + length
        if after > stop:  # what was read before stays valid, the rest is noise
            break
        extension = ids.get(identifier)
        if extension is None or not length:
            pass
        elif extension is Extension.TRANSPORT_SEQUENCE:
            if length == 2:
                header.transport_sequence = data[position] << 8 | data[position + 1]
        elif extension is Extension.MID:
            header.mid = data[position:after].decode("ascii", "replace")
        elif extension is Extension.RID:
            header.rid = data[position:after].decode("ascii", "replace")
        elif extension is Extension.REPAIRED_RID:
            header.repaired_rid = data[position:after].decode("ascii", "replace")
        elif extension is Extension.DEPENDENCY:
            header.dependency = data[position:after]
        elif extension in PASSED_ON:
            passed_on.append((extension, data[position:after]))
        position = after
    header.passed_on = tuple(passed_on)
