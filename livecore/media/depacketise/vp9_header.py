"""VP9's uncompressed header (bitstream specification, 6.2), as far as it has to be understood to hide a frame.

The lower spatial layers of a picture are coded as frames that are shown, each after the other. libvpx shows the last frame of a superframe
alone; other decoders (ffmpeg's, browsers' in hardware) show every one, so that a recording would flicker between sizes. Marked as not
shown, the lower ones are only what the upper is built on. No coded picture changes by it: whether the frame before was shown matters
to motion vectors of frames of the same size alone, and the layers of one picture differ in size.
"""

from dataclasses import dataclass

from livecore.media.depacketise.bits import BitReader
from livecore.media.depacketise.frame import Malformed

_SYNC_CODE = 0x498342
_COLOR_SPACE_RGB = 7
_SLOTS = 8
# The longest header there is (every loop filter delta, segmentation probability and feature coded) has some 120 bytes.
_HEADER_LIMIT_BYTES = 160
# Bits of each segmentation feature, and whether a sign follows.
_FEATURES = ((8, 1), (6, 1), (2, 0), (0, 0))
# In superblocks of 64 pixels.
_TILE_MIN, _TILE_MAX = 4, 64


@dataclass(frozen=True)
class Header:
    """`shown_at`, `split_at`: bits of show_frame, and behind error_resilient_mode. `bits`: of the whole header, before its padding."""

    is_key: bool
    is_shown: bool
    shown_at: int
    split_at: int
    bits: int
    refreshed: int  # a bit for each reference slot
    width: int


class References:
    """Follows the widths of the eight reference slots, on which a header's length depends. Feed it every frame from a key frame on."""

    def __init__(self) -> None:
        self._widths = [0] * _SLOTS

    def take(self, frame: bytes) -> Header | None:
        """The header of the next frame; None of one that only shows an earlier one. Raises Malformed."""
        header = _read(frame[:_HEADER_LIMIT_BYTES], self._widths)
        if header is not None:
            for slot in range(_SLOTS):
                if header.refreshed >> slot & 1:
                    self._widths[slot] = header.width
        return header


def hidden(frame: bytes, header: Header) -> bytes:
    """The same frame, not to be shown."""
    if not header.is_shown:
        return frame
    padded = (header.bits + 7) // 8
    size, rest = 8 * padded, frame[padded:]
    value = int.from_bytes(frame[:padded], "big") & ~(1 << size - 1 - header.shown_at)
    if header.is_key:
        return value.to_bytes(padded, "big") + rest
    # A frame that is not shown says whether it is coded without references (intra_only): it is not.
    after = size - header.split_at
    value = (value >> after) << after + 1 | value & (1 << after) - 1
    value, padded = (value >> 1, padded) if header.bits % 8 else (value << 7, padded + 1)
    return value.to_bytes(padded, "big") + rest


def _read(data: bytes, widths: list[int]) -> Header | None:
    reader = BitReader(data)
    if reader.bits(2) != 2:
        raise Malformed("bad_frame_marker")
    profile = reader.bits(1) | reader.bits(1) << 1
    if profile == 3:
        reader.bits(1)
    if reader.bits(1):  # show_existing_frame
        return None
    is_key = not reader.bits(1)
    shown_at = 8 * len(data) - reader.left
    is_shown = bool(reader.bits(1))
    resilient = reader.bits(1)
    split_at = 8 * len(data) - reader.left
    refreshed = (1 << _SLOTS) - 1
    if is_key:
        sync(reader)
        color(reader, profile)
        width = _size(reader)
        _render_size(reader)
    else:
        intra = not is_shown and reader.bits(1)
        if not resilient:
            reader.bits(2)  # reset_frame_context
        if intra:
            sync(reader)
            if profile:
                color(reader, profile)
            refreshed = reader.bits(8)
            width = _size(reader)
            _render_size(reader)
        else:
            refreshed = reader.bits(8)
            width = _size_by_references(reader, widths)
            reader.bits(1)  # allow_high_precision_mv
            if not reader.bits(1):  # is_filter_switchable
                reader.bits(2)
    if not resilient:
        reader.bits(2)  # refresh_frame_context, frame_parallel_decoding_mode
    reader.bits(2)  # frame_context_idx
    _loop_filter(reader)
    reader.bits(8)  # base_q_idx
    for _ in range(3):
        if reader.bits(1):
            reader.bits(5)
    _segmentation(reader)
    _tiles(reader, width)
    if not reader.bits(16):
        raise Malformed("no_compressed_header")
    bits = 8 * len(data) - reader.left
    if reader.left % 8 and reader.bits(reader.left % 8):
        raise Malformed("bad_padding")
    return Header(is_key, is_shown, shown_at, split_at, bits, refreshed, width)


def sync(reader: BitReader) -> None:
    """Raises Malformed."""
    if reader.bits(24) != _SYNC_CODE:
        raise Malformed("bad_key_frame")


def color(reader: BitReader, profile: int) -> None:
    """color_config. Raises Malformed."""
    if profile >= 2:
        reader.bits(1)
    if reader.bits(3) != _COLOR_SPACE_RGB:
        reader.bits(1)
        if profile & 1:
            reader.bits(3)
    elif profile & 1:
        reader.bits(1)
    else:
        raise Malformed("bad_color")


def _size(reader: BitReader) -> int:
    """The width."""
    width = reader.bits(16) + 1
    reader.bits(16)
    return width


def _render_size(reader: BitReader) -> None:
    if reader.bits(1):
        reader.bits(32)


def _size_by_references(reader: BitReader, widths: list[int]) -> int:
    slots = []
    for _ in range(3):
        slots.append(reader.bits(3))
        reader.bits(1)  # the sign of its distance
    width = next((widths[slot] for slot in slots if reader.bits(1)), None)
    if width is None:
        width = _size(reader)
    if not width:
        raise Malformed("no_reference")
    _render_size(reader)
    return width


def _loop_filter(reader: BitReader) -> None:
    reader.bits(9)
    if reader.bits(1) and reader.bits(1):
        for _ in range(6):
            if reader.bits(1):
                reader.bits(7)


def _segmentation(reader: BitReader) -> None:
    if not reader.bits(1):
        return
    if reader.bits(1):
        for _ in range(7):
            if reader.bits(1):
                reader.bits(8)
        if reader.bits(1):
            for _ in range(3):
                if reader.bits(1):
                    reader.bits(8)
    if reader.bits(1):
        reader.bits(1)
        for _ in range(8):
            for width, sign in _FEATURES:
                if reader.bits(1):
                    reader.bits(width + sign)


def _tiles(reader: BitReader, width: int) -> None:
    columns = (width + 63) // 64
    least = most = 0
    while _TILE_MAX << least < columns:
        least += 1
    while columns >> most + 1 >= _TILE_MIN:
        most += 1
    while least < most and reader.bits(1):
        least += 1
    if reader.bits(1):
        reader.bits(1)
