"""Coded frames into a WebM file that is readable at every moment, with no codec at work: VP8, and sound alone.

Clusters are written whole, as often as `flush` says, so that a kill costs less than a second. There is no index and no
duration yet: `repair.finish` gives it both. H.264, VP9 and AV1 go into MP4 (`fragments`). Made without a library, as there: one in C
would be called for each of eighty frames a second, and keep the end of what it was given.
"""

import contextlib
import errno
import struct
from dataclasses import dataclass
from pathlib import Path

from livecore.media.depacketise import Frame

AUDIO_CLOCK = 48_000
VIDEO_TRACK = 1
AUDIO_TRACK = 2
# RFC 7845 and the WebM guidelines: so much sound before a seek's target is decoded for a decoder that begins in the middle.
SEEK_PRE_ROLL_NS = 80_000_000
# A block says its time as 16 bits of milliseconds from its cluster's (Matroska, 10.3).
CLUSTER_LIMIT_MS = 30_000

# Element ids (RFC 9559).
_EBML, _SEGMENT, _INFO, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
# A size that is not known: the segment goes on for as long as the file does.
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_KEY = 0x80
# A block's id, its size as a variable-length integer of eight bytes, its track as one of one byte, its time, and flags.
_BLOCK = struct.Struct(">BQBhB")
_EIGHT_BYTES, _ONE_BYTE = 1 << 56, 0x80


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


class Growing:
    """A file that is written from its beginning to its end, in pieces that are there whole or not at all. Raises WriteFailed, once."""

    def __init__(self, path: Path) -> None:
        self._whole_bytes = 0
        self._is_refused = False  # once a write was: what follows would have a hole before it
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as refused:
            raise translated(refused) from refused

    def append(self, data: bytes) -> None:
        if self._is_refused:
            return
        try:
            written = self._file.write(data)
            while written < len(data):
                # A disk that is nearly full takes a part, and refuses the rest with its reason.
                written += self._file.write(memoryview(data)[written:])
        except (OSError, ValueError) as refused:
            self._is_refused = True
            # What came of it goes, so that the file plays to its end; a disk that refuses this too has the torn end, which `repair` leaves out.
            with contextlib.suppress(OSError):
                self._file.truncate(self._whole_bytes)
            raise translated(refused) from refused
        self._whole_bytes += len(data)

    def close(self) -> None:
        self._file.close()


class WebmWriter:
    """One file being written. Positions are seconds from its start.

    Raises:
        WriteFailed: from every method, once the disk refuses.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self._file = Growing(path)
        # Milliseconds, track, whether a decoder can begin there, and data of what is not written yet.
        self._blocks: list[tuple[int, int, bool, bytes]] = []
        self._last_video = -1
        self._audio_end = 0  # where the last sound ended, in samples
        self.duration_s = self._written_s = 0.0
        self.video_frames = 0
        self.audio_frames = 0
        self._head = _head(layout)  # goes with the first cluster: empty from then on

    def video(self, frame: Frame, position_s: float) -> None:
        """Write a picture. A position that is not after the last one is moved one millisecond behind it."""
        at_ms = self._last_video = max(round(position_s * 1000), self._last_video + 1)
        self._blocks.append((at_ms, VIDEO_TRACK, frame.is_key, frame.data))
        self.video_frames += 1
        self._lasts(at_ms / 1000)

    def audio(self, frame: Frame, position_s: float) -> bool:
        """Write a sound packet; False when more than half of it lies before what is there already."""
        at = round(position_s * AUDIO_CLOCK)
        if at < self._audio_end - frame.samples // 2:
            return False
        self._blocks.append((max(0, at * 1000 // AUDIO_CLOCK), AUDIO_TRACK, True, frame.data))
        self._audio_end = at + frame.samples
        self.audio_frames += 1
        self._lasts(self._audio_end / AUDIO_CLOCK)
        return True

    def _lasts(self, end_s: float) -> None:
        if end_s > self.duration_s:
            self.duration_s = end_s

    def flush(self, least_s: float) -> None:
        """Write what is there as a cluster, unless it is less than `least_s`."""
        if self._blocks and self.duration_s - self._written_s >= least_s:
            self._write_clusters()

    def close(self) -> None:
        """Write what is there and end the file."""
        try:
            self._write_clusters()
        finally:
            self._file.close()

    def _write_clusters(self) -> None:
        self._written_s = self.duration_s
        blocks, self._blocks = sorted(self._blocks, key=lambda block: block[0]), []
        while blocks:
            start = blocks[0][0]
            within = [block for block in blocks if block[0] - start < CLUSTER_LIMIT_MS]
            blocks = blocks[len(within) :]
            pieces = [_number(_TIMESTAMP, start)]
            for at_ms, track, is_key, data in within:
                flags = _KEY if is_key else 0
                pieces.append(_BLOCK.pack(_SIMPLE_BLOCK, _EIGHT_BYTES | len(data) + 4, _ONE_BYTE | track, at_ms - start, flags))
                pieces.append(data)
            head, self._head = self._head, b""
            self._file.append(head + _element(_CLUSTER, *pieces))


def _element(id: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return id.to_bytes((id.bit_length() + 7) // 8, "big") + (_EIGHT_BYTES | len(body)).to_bytes(8, "big") + body


def _number(id: int, value: int) -> bytes:
    return _element(id, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _head(layout: Layout) -> bytes:
    """All that stands before the first cluster."""
    file_type = _element(
        _EBML,
        _number(0x4286, 1),
        _number(0x42F7, 1),
        _number(0x42F2, 4),
        _number(0x42F3, 8),
        _element(0x4282, b"webm"),
        _number(0x4287, 4),
        _number(0x4285, 2),
    )
    info = _element(_INFO, _number(0x2AD7B1, 1_000_000), _element(0x4D80, b"livecore"), _element(0x5741, b"livecore"))
    tracks = []
    if layout.video is not None:
        size = _element(0xE0, _number(0xB0, layout.width), _number(0xBA, layout.height))
        tracks.append(_track(VIDEO_TRACK, 1, b"V_VP8", size))
    if layout.has_audio:
        # RFC 7845, 5.1: the decoder's start-up of 6.5 ms is not trimmed, since a live stream was joined in its middle anyway.
        opus = struct.pack("<8sBBHIhB", b"OpusHead", 1, layout.channels, 0, AUDIO_CLOCK, 0, 0)
        sound = _element(0xE1, _element(0xB5, struct.pack(">f", AUDIO_CLOCK)), _number(0x9F, layout.channels))
        more = (_element(0x63A2, opus), _number(0x56AA, 0), _number(0x56BB, SEEK_PRE_ROLL_NS), sound)
        tracks.append(_track(AUDIO_TRACK, 2, b"A_OPUS", *more))
    segment = _SEGMENT.to_bytes(4, "big") + _UNKNOWN_SIZE
    return file_type + segment + info + _element(_TRACKS, *tracks)


def _track(number: int, kind: int, codec: bytes, *more: bytes) -> bytes:
    # No lacing: a block is a frame.
    return _element(
        0xAE, _number(0xD7, number), _number(0x73C5, number), _number(0x9C, 0), _number(0x83, kind), _element(0x86, codec), *more
    )


def translated(refused: Exception) -> WriteFailed:
    """Why a write was refused, in a word of ours."""
    number = getattr(refused, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return WriteFailed("disk_full")
    if number == errno.EFBIG:
        return WriteFailed("too_large")
    return WriteFailed("write_error")
