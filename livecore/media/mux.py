"""Writing coded frames into a WebM file that is readable at every moment, with no codec at work: VP8, and sound alone.

Clusters of half a second are flushed as they are written, so that a kill costs less than a second. There is no index and no
duration yet: `repair.finish` gives it both. H.264, VP9 and AV1 go into MP4 (`fragments`).
"""

import errno
import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from livecore.media.depacketise import Frame
from livecore.media.webm_end import cut_torn_end

VIDEO_CLOCK = 90_000
AUDIO_CLOCK = 48_000
_VIDEO_TICK = Fraction(1, VIDEO_CLOCK)
_AUDIO_TICK = Fraction(1, AUDIO_CLOCK)
# What may be lost to a kill: at most one unfinished cluster, and what interleaving holds back.
UNIT_MS = 500
INTERLEAVE_US = 400_000

_WEBM_OPTIONS = {
    "live": "1",
    "cluster_time_limit": str(UNIT_MS),
    "flush_packets": "1",
    "max_interleave_delta": str(INTERLEAVE_US),
}


class WriteFailed(Exception):
    """The file cannot be written any further. `reason` is `disk_full`, `too_large` or `write_error`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds.

    Attributes:
        video: codec of the picture, None for sound alone.
        width, height: pixels of the first picture.
        has_audio: whether there is an Opus track.
        channels: 1 or 2.
    """

    video: str | None
    width: int = 0
    height: int = 0
    has_audio: bool = True
    channels: int = 2

    @property
    def container(self) -> str:
        return "mp4" if self.video in ("h264", "vp9", "av1") else "webm"


class WebmWriter:
    """One file being written. Positions are seconds from its start. What a refused write left of a cluster is cut off at `close`.

    Raises:
        WriteFailed: from every method, once the disk or the format refuses.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._path = path
        self._layout = layout
        self._is_torn = False  # once a write was refused
        self._template: InputContainer | None = None
        try:
            self._container = av.open(str(path), "w", format="webm", options=_WEBM_OPTIONS)
            self._video = self._add_video() if layout.video else None
            self._audio = self._add_audio() if layout.has_audio else None
        except (OSError, ValueError) as refused:
            raise translated(refused) from refused
        self._last_video = -1
        self._last_audio = -1
        self._audio_end = 0  # where the last sound ended, in samples
        self.duration_s = 0.0
        self.video_frames = 0
        self.audio_frames = 0

    def _add_video(self) -> Stream:
        assert self._layout.video is not None
        stream = self._container.add_mux_stream(self._layout.video, width=self._layout.width, height=self._layout.height)
        stream.time_base = Fraction(1, VIDEO_CLOCK)
        return stream

    def _add_audio(self) -> Stream:
        self._template = av.open(io.BytesIO(opus_header_file(self._layout.channels)), "r", format="ogg")
        stream = self._container.add_stream_from_template(self._template.streams.audio[0], opaque=True)
        stream.time_base = Fraction(1, AUDIO_CLOCK)
        return stream

    def video(self, frame: Frame, position_s: float) -> None:
        """Write a picture. A position that is not after the last one is moved one tick behind it."""
        assert self._video is not None
        ticks = max(round(position_s * VIDEO_CLOCK), self._last_video + 1)
        self._last_video = ticks
        packet = Packet(frame.data)
        packet.pts = packet.dts = ticks
        packet.time_base = _VIDEO_TICK
        packet.is_keyframe = frame.is_key
        packet.stream = self._video
        self._write(packet)
        self.video_frames += 1
        self.duration_s = max(self.duration_s, ticks / VIDEO_CLOCK)

    def audio(self, frame: Frame, position_s: float) -> bool:
        """Write a sound packet; False when more than half of it lies before what is there already."""
        assert self._audio is not None
        ticks = round(position_s * AUDIO_CLOCK)
        if ticks < self._audio_end - frame.samples // 2:
            return False
        ticks = max(ticks, self._last_audio + 1)
        self._last_audio = ticks
        packet = Packet(frame.data)
        packet.pts = packet.dts = ticks
        packet.time_base = _AUDIO_TICK
        packet.duration = frame.samples
        packet.is_keyframe = True
        packet.stream = self._audio
        self._write(packet)
        self._audio_end = ticks + frame.samples
        self.audio_frames += 1
        self.duration_s = max(self.duration_s, self._audio_end / AUDIO_CLOCK)
        return True

    def _write(self, packet: "Packet[Stream]") -> None:
        try:
            self._container.mux_one(packet)
        except (OSError, ValueError) as refused:
            self._is_torn = True
            raise translated(refused) from refused

    def close(self) -> None:
        """Write what is buffered and end the file."""
        try:
            self._container.close()
        except (OSError, ValueError) as refused:
            self._is_torn = True
            raise translated(refused) from refused
        finally:
            if self._is_torn:
                cut_torn_end(self._path)
            if self._template is not None:
                self._template.close()


def translated(refused: Exception) -> WriteFailed:
    """Why a write was refused, in a word of ours."""
    number = getattr(refused, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return WriteFailed("disk_full")
    if number == errno.EFBIG:
        return WriteFailed("too_large")
    return WriteFailed("write_error")


def opus_header_file(channels: int) -> bytes:
    """An Ogg file of one silent packet, whose header describes an Opus stream (RFC 7845) to the container library."""
    # The decoder's start-up of 6.5 ms is not trimmed: a live stream was joined in its middle anyway.
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, AUDIO_CLOCK, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 0)
    return _ogg_page(0, 2, head) + _ogg_page(1, 0, tags) + _ogg_page(2, 4, b"\xf8\xff\xfe")


def _ogg_page(sequence: int, flags: int, body: bytes) -> bytes:
    lacing = b"\xff" * (len(body) // 255) + bytes([len(body) % 255])
    header = b"OggS" + struct.pack("<BBqIIIB", 0, flags, 0, 1, sequence, 0, len(lacing)) + lacing
    checksum = 0
    for byte in header + body:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ 0x04C11DB7 if checksum & 0x80000000 else checksum << 1) & 0xFFFFFFFF
    return header[:22] + struct.pack("<I", checksum) + header[26:] + body
