"""Made-up pictures and sound as RTP payloads: shaped as an encoder's, with the time of sending in the last bytes of each.

VP8 as RFC 7741, H.264 as RFC 6184 (STAP-A with parameter sets, then FU-A). Nothing decodes them.
"""

import struct

# At the end of each payload: a mark, and when it was sent (Unix nanoseconds, the kernel's receive stamps' clock).
_TRAILER = struct.Struct("!8sQ")
MARK = b"lcbench1"
TRAILER_BYTES = _TRAILER.size
VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000
AUDIO_FRAME_S = 0.02
# Opus at 32 kb/s.
AUDIO_PAYLOAD_BYTES = 80
_SPS = bytes.fromhex("6742e01f8c8d402802dd80b5010101400000fa40003a9822")
_PPS = bytes.fromhex("68ce3c80")


def sealed_time(sent_ns: int) -> bytes:
    return _TRAILER.pack(MARK, sent_ns)


def sent_ns(packet: bytes) -> int | None:
    """When a decrypted packet of ours was sent; None for any other (probes, padding)."""
    if len(packet) < TRAILER_BYTES:
        return None
    mark, at_ns = _TRAILER.unpack_from(packet, len(packet) - TRAILER_BYTES)
    return int(at_ns) if mark == MARK else None


class VideoSource:
    """Pictures of `packets` payloads of `payload_bytes` each.

    Args:
        codec: "vp8" or "h264".
    """

    def __init__(self, codec: str, packets: int, payload_bytes: int) -> None:
        self._codec = codec
        self._packets = packets
        self._payload_bytes = payload_bytes
        self._picture_id = 0

    def picture(self, key: bool, at_ns: int) -> list[bytes]:
        """The payloads of the next picture, in order; a key picture of H.264 has one more, with its parameter sets."""
        made = self._vp8(key, at_ns) if self._codec == "vp8" else self._h264(key, at_ns)
        self._picture_id = self._picture_id + 1 & 0x7FFF
        return made

    def _filled(self, head: bytes, at_ns: int) -> bytes:
        return head + bytes(max(0, self._payload_bytes - len(head) - TRAILER_BYTES)) + sealed_time(at_ns)

    def _vp8(self, key: bool, at_ns: int) -> list[bytes]:
        picture = struct.pack("!H", 0x8000 | self._picture_id)
        # Frame tag (RFC 6386 section 9.1), for a key picture with start code and 1280 × 720.
        tag = b"\x10\x00\x00\x9d\x01\x2a\x00\x05\xd0\x02" if key else b"\x11\x00\x00"
        first = self._filled(b"\x90\x80" + picture + tag, at_ns)
        rest = self._filled(b"\x80\x80" + picture, at_ns)
        return [first] + [rest] * (self._packets - 1)

    def _h264(self, key: bool, at_ns: int) -> list[bytes]:
        made = []
        if key:
            units = b"".join(len(unit).to_bytes(2, "big") + unit for unit in (_SPS, _PPS))
            made.append(b"\x78" + units + (TRAILER_BYTES + 1).to_bytes(2, "big") + b"\x06" + sealed_time(at_ns))
        indicator, kind = (0x7C, 5) if key else (0x5C, 1)
        for index in range(self._packets):
            start, end = index == 0, index == self._packets - 1
            made.append(self._filled(bytes([indicator, (start << 7) | (end << 6) | kind]), at_ns))
        return made


def sound(at_ns: int) -> bytes:
    """20 ms of Opus (any first byte is a configuration: here one fullband frame)."""
    return b"\xfc" + bytes(AUDIO_PAYLOAD_BYTES - 1 - TRAILER_BYTES) + sealed_time(at_ns)
