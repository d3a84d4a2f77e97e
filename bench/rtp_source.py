"""Made-up pictures and sound as RTP payloads: shaped as an encoder's, with the time of sending in the last bytes of each.

VP8 as RFC 7741, H.264 as RFC 6184 (STAP-A with parameter sets, then FU-A). Nothing decodes them.
"""

import struct
from dataclasses import dataclass
from typing import Protocol

# At the end of each payload: a mark, which layer it is of (0: the smallest, or the only one), and when it was sent (Unix nanoseconds,
# the kernel's receive stamps' clock).
_TRAILER = struct.Struct("!7sBQ")
MARK = b"lcbench"
TRAILER_BYTES = _TRAILER.size
VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000
AUDIO_FRAME_S = 0.02
# Opus at 32 kb/s.
AUDIO_PAYLOAD_BYTES = 80
_PPS = bytes.fromhex("68ce3c80")


def sealed_time(sent_ns: int, layer: int = 0) -> bytes:
    return _TRAILER.pack(MARK, layer, sent_ns)


def sent_ns(packet: bytes) -> int | None:
    """When a decrypted packet of ours was sent; None for any other (probes, padding)."""
    found = _trailer(packet)
    return None if found is None else found[1]


def layer_of(packet: bytes) -> int | None:
    """Of which layer a decrypted packet of ours is; None for any other."""
    found = _trailer(packet)
    return None if found is None else found[0]


def _trailer(packet: bytes) -> tuple[int, int] | None:
    if len(packet) < TRAILER_BYTES:
        return None
    mark, layer, at_ns = _TRAILER.unpack_from(packet, len(packet) - TRAILER_BYTES)
    return (layer, at_ns) if mark == MARK else None


def filled(head: bytes, payload_bytes: int, at_ns: int, layer: int = 0) -> bytes:
    """A payload of so many bytes that begins with `head` and ends with the trailer."""
    return head + bytes(max(0, payload_bytes - len(head) - TRAILER_BYTES)) + sealed_time(at_ns, layer)


@dataclass(frozen=True)
class Part:
    """One packet of a picture: its payload, and its dependency descriptor ("" without one)."""

    payload: bytes
    dependency: bytes = b""


class Source(Protocol):
    """Makes pictures."""

    def parts(self, key: bool, at_ns: int) -> list[Part]:
        """The packets of the next picture, in order."""
        ...


class VideoSource:
    """Pictures of `packets` payloads of `payload_bytes` each.

    Args:
        codec: "vp8" or "h264".
        height: of the picture, 16:9; told in key pictures.
        layer: which of several streams this is.
    """

    def __init__(self, codec: str, packets: int, payload_bytes: int, height: int = 720, layer: int = 0) -> None:
        self._codec = codec
        self._packets = packets
        self._payload_bytes = payload_bytes
        self._height = height
        self._layer = layer
        self._picture_id = 0

    def picture(self, key: bool, at_ns: int) -> list[bytes]:
        """The payloads of the next picture, in order; a key picture of H.264 has one more, with its parameter sets."""
        made = self._vp8(key, at_ns) if self._codec == "vp8" else self._h264(key, at_ns)
        self._picture_id = self._picture_id + 1 & 0x7FFF
        return made

    def parts(self, key: bool, at_ns: int) -> list[Part]:
        return [Part(payload) for payload in self.picture(key, at_ns)]

    def _filled(self, head: bytes, at_ns: int) -> bytes:
        return filled(head, self._payload_bytes, at_ns, self._layer)

    def _vp8(self, key: bool, at_ns: int) -> list[bytes]:
        picture = struct.pack("!H", 0x8000 | self._picture_id)
        # Frame tag (RFC 6386 section 9.1), for a key picture with start code and size.
        size = struct.pack("<HH", width_of(self._height), self._height)
        tag = b"\x10\x00\x00\x9d\x01\x2a" + size if key else b"\x11\x00\x00"
        first = self._filled(b"\x90\x80" + picture + tag, at_ns)
        rest = self._filled(b"\x80\x80" + picture, at_ns)
        return [first] + [rest] * (self._packets - 1)

    def _h264(self, key: bool, at_ns: int) -> list[bytes]:
        made = []
        if key:
            units = b"".join(len(unit).to_bytes(2, "big") + unit for unit in (h264_parameters(self._height), _PPS))
            made.append(b"\x78" + units + (TRAILER_BYTES + 1).to_bytes(2, "big") + b"\x06" + sealed_time(at_ns, self._layer))
        indicator, kind = (0x7C, 5) if key else (0x5C, 1)
        for index in range(self._packets):
            start, end = index == 0, index == self._packets - 1
            made.append(self._filled(bytes([indicator, (start << 7) | (end << 6) | kind]), at_ns))
        return made


def width_of(height: int) -> int:
    return height * 16 // 9


def h264_parameters(height: int) -> bytes:
    """A sequence parameter set (Constrained Baseline, level 3.1) for a 16:9 picture of this height."""
    across, down = -(-width_of(height) // 16), -(-height // 16)
    crop = (down * 16 - height) // 2
    # No scaling lists, frame numbers of four bits, order of output is that of decoding, one reference, frames only.
    fields = "".join(_golomb(n) for n in (0, 0, 2, 1)) + "0" + _golomb(across - 1) + _golomb(down - 1) + "11"
    fields += "1" + "".join(_golomb(n) for n in (0, 0, 0, crop)) if crop else "0"
    bits = fields + "0" + "1"  # no usability information; the stop bit
    bits += "0" * (-len(bits) % 8)
    return b"\x67\x42\xe0\x1f" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def _golomb(number: int) -> str:
    """Exponential Golomb code (H.264 section 9.1)."""
    code = f"{number + 1:b}"
    return "0" * (len(code) - 1) + code


def sound(at_ns: int) -> bytes:
    """20 ms of Opus (any first byte is a configuration: here one fullband frame)."""
    return b"\xfc" + bytes(AUDIO_PAYLOAD_BYTES - 1 - TRAILER_BYTES) + sealed_time(at_ns)
