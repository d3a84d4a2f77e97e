"""What the forwarding plane reads of each codec's RTP payload: where a key frame starts, and what must be rewritten.

Each function takes a payload as received, never raises on malformed bytes, and answers False where it cannot tell.
"""

from collections.abc import Callable

from livecore.media.codecs import av1, h264, vp8, vp9
from livecore.media.packet import Packet

VIDEO = ("h264", "vp8", "vp9", "av1")
AUDIO = ("opus",)

_STARTS: dict[str, Callable[[bytes], bool]] = {
    "vp9": vp9.starts_key_frame,
    "h264": h264.starts_key_frame,
    "av1": av1.starts_key_frame,
}


def inspect(codec: str, packet: Packet) -> None:
    """Fill in `key` and, for VP8, where picture id and TL0PICIDX lie."""
    if codec == "vp8":
        vp8.inspect(packet)
        return
    starts = _STARTS.get(codec)
    if starts is not None:
        packet.key = starts(packet.payload)
