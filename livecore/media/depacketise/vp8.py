"""VP8 (RFC 7741)."""

import struct

from livecore.media.depacketise.assemble import PictureAssembler
from livecore.media.depacketise.frame import Frame, Malformed

# RFC 6386, 9.1: a key frame carries this after its three-byte tag, then width and height.
_START_CODE = b"\x9d\x01\x2a"
_KEY_HEADER_BYTES = 10


def descriptor_length(payload: bytes) -> int:
    """Bytes of the payload descriptor (RFC 7741, 4.2). Raises IndexError on a cut one."""
    length = 1
    if payload[0] & 0x80:
        extension = payload[1]
        length = 2
        if extension & 0x80:
            length += 2 if payload[length] & 0x80 else 1
        if extension & 0x40:
            length += 1
        if extension & 0x30:
            length += 1
    return length


class Vp8Depacketiser(PictureAssembler):
    """The size comes from each key frame's header, so it follows changes in mid-stream."""

    def _add(self, payload: bytes) -> None:
        is_start = bool(payload[0] & 0x10) and not payload[0] & 0x07
        if not self._parts and not is_start:
            raise Malformed("no_start")
        length = descriptor_length(payload)
        if length >= len(payload):
            raise Malformed("truncated")
        self._parts.append(payload[length:])

    def _complete(self, timestamp: int, parts: list[bytes]) -> Frame:
        data = b"".join(parts)
        if len(data) < 3:
            raise Malformed("truncated")
        is_key = not data[0] & 1
        if is_key:
            if len(data) < _KEY_HEADER_BYTES or data[3:6] != _START_CODE:
                raise Malformed("bad_key_frame")
            width, height = struct.unpack_from("<HH", data, 6)
            # The two high bits of each are an upscaling hint.
            if not width & 0x3FFF or not height & 0x3FFF:
                raise Malformed("bad_size")
            self.width, self.height = width & 0x3FFF, height & 0x3FFF
        return Frame(timestamp, data, is_key, self.width, self.height)
