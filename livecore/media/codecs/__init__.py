"""What the forwarding plane reads of each codec's RTP payload: where a key frame starts, which layer it is of, what must be rewritten.

Each function takes a payload as received, never raises on malformed bytes, and answers False (or nothing) where it cannot tell.
"""

import struct
from collections.abc import Callable, Iterator

from livecore.media.codecs import av1, h264, vp8, vp9
from livecore.media.depacketise.av1 import sequence_size as av1_size
from livecore.media.depacketise.bits import read_leb128
from livecore.media.depacketise.frame import Malformed
from livecore.media.depacketise.h264 import sequence_size as h264_size
from livecore.media.depacketise.vp8 import descriptor_length
from livecore.media.packet import Packet

VIDEO = ("h264", "vp8", "vp9", "av1")
AUDIO = ("opus",)
# Codecs whose spatial layers can be left out: what is passed on tells a decoder which layers it has (VP9's payload descriptor, AV1's
# dependency descriptor). AV1's payload tells it too, but browsers do not look: without the descriptor they decode no stream of several sizes.
SPATIAL = ("vp9", "av1")
# Those whose streams may say in each packet which layer it belongs to.
SCALABLE = ("vp8", "vp9", "av1")

_STARTS: dict[str, Callable[[bytes], bool]] = {
    "h264": h264.starts_key_frame,
    "av1": av1.starts_key_frame,
}


def inspect(codec: str, packet: Packet) -> None:
    """Fill in `key`, `place` where the payload tells it and, for VP8 and VP9, where picture id and TL0PICIDX lie."""
    if codec == "vp8":
        vp8.inspect(packet)
        return
    if codec == "vp9":
        vp9.inspect(packet)
        return
    starts = _STARTS.get(codec)
    if starts is not None:
        packet.key = starts(packet.payload)


def heights(codec: str, payload: bytes) -> list[int]:
    """Picture heights in pixels that the first packet of a key frame tells, one a spatial layer; empty where it does not (or is encrypted)."""
    try:
        if codec == "vp8":
            height = struct.unpack_from("<H", payload, descriptor_length(payload) + 8)[0] & 0x3FFF
            return [height] if height else []
        if codec == "vp9":
            return vp9.heights(payload)
        if codec == "h264":
            return [h264_size(unit)[1] for unit in h264.parameter_sets(payload)]
        if codec == "av1":
            return [av1_size(body)[1] for body in _av1_sequence_headers(payload)]
    except (Malformed, struct.error, IndexError):
        return []
    return []


def _av1_sequence_headers(payload: bytes) -> Iterator[bytes]:
    """The first OBU element of a packet, when it is a sequence header without extension (what WebRTC senders begin with)."""
    elements = payload[0] >> 4 & 3
    position, size = 1, len(payload) - 1
    if elements != 1:
        size, position = read_leb128(payload, position)
    unit = payload[position : position + size]
    if unit and unit[0] >> 3 & 15 == 1:
        body = 1 + (unit[0] >> 2 & 1)
        if unit[0] & 0x02:
            _, body = read_leb128(unit, body)
        yield unit[body:]
