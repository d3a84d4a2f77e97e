"""Finishing an MP4 that `fragments` wrote: its media under one index in front, copied without a library.

Reads only what the recorder writes, and stops at the first box that is torn or says something else: what is before it counts.
"""

import itertools
import os
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from livecore.media.cmaf import FILE_TYPE, MOVIE_CLOCK, box, full_box

_NOT_SYNC = 0x00010000
_HEAD = struct.Struct(">I4s")
# Larger boxes of facts are none of ours: a fragment of half a second has some hundred rows.
_FACTS_LIMIT_BYTES = 1 << 20
_CODECS = {b"avc1": "h264", b"vp09": "vp9", b"av01": "av1", b"Opus": "opus"}
# A pause is at most as long as a part may be; beyond it a number is not to be believed.
LEAP_LIMIT_S = 12 * 3600
_U32 = (1 << 32) - 1
# Where a duration stands in boxes of version 0, and the values of a row in `trun`.
_MVHD_DURATION_AT, _TKHD_DURATION_AT, _MDHD_DURATION_AT = 24, 28, 24
_ROWS = {0x000701: 3, 0x000301: 2}


@dataclass(slots=True)
class Indexed:
    """One track. `boxes`: those of its header by path; sizes and durations by sample, `chunks` as (place in the source, samples)."""

    number: int
    clock: int
    boxes: dict[bytes, bytes]
    width: int
    height: int
    start: int = 0  # of the first sample, in ticks, as `length`
    length: int = 0
    durations: "array[int]" = field(default_factory=lambda: array("I"))
    sizes: "array[int]" = field(default_factory=lambda: array("I"))
    keys: list[int] = field(default_factory=list)  # numbers of samples, from 1 on
    chunks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def codec(self) -> str:
        return _CODECS[self.boxes[b"stsd"][20:24]]

    @property
    def end_s(self) -> float:
        return (self.start + self.length) / self.clock


def index(source: Path, target: Path) -> list[Indexed] | None:
    """Write `target`; answers the tracks that hold something, none of them when nothing does. None: `source` is not of this writer.

    Raises:
        OSError: the disk refuses.
        ValueError: the tracks' description is whole and says what no writer of ours says.
    """
    with source.open("rb") as file:
        if file.read(len(FILE_TYPE)) != FILE_TYPE:
            return None
        movie = _facts(file, b"moov")
        if movie is None:
            return []
        try:
            tracks = {track.number: track for track in map(_track, _children(movie, b"trak"))}
            movie_head = next(_children(movie, b"mvhd"))
        except (KeyError, struct.error, StopIteration) as damaged:
            raise ValueError("the description of the tracks is damaged") from damaged
        media = _read_fragments(file, tracks)
        kept = [track for track in tracks.values() if track.sizes]
        if kept:
            with target.open("wb", buffering=1 << 20) as out:
                _write(out, file, movie_head, kept, media)
    return kept


# -- reading


def _facts(file: BinaryIO, name: bytes) -> bytes | None:
    """The body of the next box; None when it is torn, another one or too large."""
    head = file.read(8)
    if len(head) < 8:
        return None
    size, kind = _HEAD.unpack(head)
    if kind != name or not 8 <= size <= _FACTS_LIMIT_BYTES:
        return None
    body = file.read(size - 8)
    return body if len(body) == size - 8 else None


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each box in `body`; ends at one that is torn."""
    at = 0
    while at + 8 <= len(body):
        size, name = _HEAD.unpack_from(body, at)
        if not 8 <= size <= len(body) - at:
            return
        yield name, body[at + 8 : at + size]
        at += size


def _children(body: bytes, name: bytes) -> Iterator[bytes]:
    return (inner for kind, inner in _boxes(body) if kind == name)


def _track(body: bytes) -> Indexed:
    boxes: dict[bytes, bytes] = {}

    def collect(inside: bytes) -> None:
        for name, inner in _boxes(inside):
            if name in (b"mdia", b"minf", b"stbl"):
                collect(inner)
            else:
                boxes[name] = box(name, inner)

    collect(body)
    head = boxes[b"tkhd"]
    needed = {b"mdhd", b"hdlr", b"dinf", b"stsd"}
    if not needed <= boxes.keys() or not boxes.keys() & {b"vmhd", b"smhd"} or boxes[b"stsd"][20:24] not in _CODECS:
        raise KeyError("stbl")
    (number,) = struct.unpack_from(">I", head, 20)
    width, height = struct.unpack_from(">II", head, len(head) - 8)
    (clock,) = struct.unpack_from(">I", boxes[b"mdhd"], 20)
    if not clock:
        raise KeyError("mdhd")
    return Indexed(number, clock, boxes, width >> 16, height >> 16)


def _read_fragments(file: BinaryIO, tracks: dict[int, Indexed]) -> list[tuple[int, int]]:
    """Notes all samples; answers where media lies in the source, as (place, bytes)."""
    end = os.fstat(file.fileno()).st_size
    media: list[tuple[int, int]] = []
    while (fragment := _facts(file, b"moof")) is not None:
        head = file.read(8)
        if len(head) < 8:
            break
        size, kind = _HEAD.unpack(head)
        at = file.tell()
        if kind != b"mdat" or size < 8 or at + size - 8 > end or not _note(fragment, tracks, at, size - 8):
            break
        media.append((at, size - 8))
        file.seek(at + size - 8)
    return media


def _note(fragment: bytes, tracks: dict[int, Indexed], at: int, size: int) -> bool:
    """Take the samples of a fragment whose media lies at `at`; False, and nothing taken, when it is not of ours."""
    found: list[tuple[Indexed, int, array[int], int]] = []
    for body in _children(fragment, b"traf"):
        parts = dict(_boxes(body))
        try:
            (number,) = struct.unpack_from(">I", parts[b"tfhd"], 4)
            (start,) = struct.unpack_from(">Q", parts[b"tfdt"], 4)
            flags, count = struct.unpack_from(">II", parts[b"trun"])
            width = _ROWS[flags & 0xFFFFFF]
            rows = array("I", parts[b"trun"][12:])
            rows.byteswap()
            track = tracks[number]
        except (KeyError, ValueError, struct.error):
            return False
        if len(rows) != count * width or not -LEAP_LIMIT_S < (start - track.start - track.length) / track.clock < LEAP_LIMIT_S:
            return False
        found.append((track, start, rows, width))
    if sum(sum(rows[1::width]) for _, _, rows, width in found) != size:
        return False
    for track, start, rows, width in found:
        _append(track, start, rows, width, at)
        at += sum(rows[1::width])
    return True


def _append(track: Indexed, start: int, rows: "array[int]", width: int, at: int) -> None:
    if not track.sizes:
        track.start = start
    elif track.durations:
        # A pause is a longer sample before it.
        last = track.durations[-1]
        longer = min(max(1, last + start - track.start - track.length), _U32)
        track.durations[-1] = longer
        track.length += longer - last
    first = len(track.sizes) + 1
    durations, sizes = rows[0::width], rows[1::width]
    track.durations.extend(durations)
    track.sizes.extend(sizes)
    track.length += sum(durations)
    track.chunks.append((at, len(sizes)))
    if width == 3:
        track.keys += [first + number for number, flags in enumerate(rows[2::width]) if not flags & _NOT_SYNC]


# -- writing


def _write(out: BinaryIO, source: BinaryIO, movie_head: bytes, tracks: Sequence[Indexed], media: Sequence[tuple[int, int]]) -> None:
    size = sum(length for _, length in media)
    kind = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
    media_head = struct.pack(">I4sQ", 1, b"mdat", size + 16)
    places = _places(media, 0)
    # Its length does not hang on the places in it.
    begin = len(kind) + len(_movie(movie_head, tracks, places)) + len(media_head)
    out.write(kind + _movie(movie_head, tracks, _places(media, begin)) + media_head)
    for at, length in media:
        source.seek(at)
        while length:
            data = source.read(min(length, 1 << 20))
            if not data:
                raise OSError(f"{source.name} became shorter")
            out.write(data)
            length -= len(data)


def _places(media: Sequence[tuple[int, int]], begin: int) -> list[tuple[int, int, int]]:
    """Where each piece of media lies in the source, its bytes, and where it will lie."""
    lengths = itertools.accumulate((length for _, length in media), initial=begin)
    return [(at, length, place) for (at, length), place in zip(media, lengths, strict=False)]


def _movie(head: bytes, tracks: Sequence[Indexed], places: Sequence[tuple[int, int, int]]) -> bytes:
    longest = max(track.end_s for track in tracks)
    return box(
        b"moov", _with_duration(box(b"mvhd", head), _MVHD_DURATION_AT, longest * MOVIE_CLOCK), *(_trak(one, places) for one in tracks)
    )


def _with_duration(whole: bytes, at: int, ticks: float) -> bytes:
    return whole[:at] + struct.pack(">I", min(round(ticks), _U32)) + whole[at + 4 :]


def _trak(track: Indexed, places: Sequence[tuple[int, int, int]]) -> bytes:
    boxes = track.boxes
    edits = b""
    if track.start:
        rows = [(round(MOVIE_CLOCK * track.start / track.clock), -1), (round(MOVIE_CLOCK * track.length / track.clock), 0)]
        edits = box(b"edts", full_box(b"elst", 0, 0, struct.pack(">I", 2), *(struct.pack(">IiI", *row, 0x10000) for row in rows)))
    media_header = boxes.get(b"vmhd") or boxes[b"smhd"]
    media = box(
        b"mdia",
        _with_duration(boxes[b"mdhd"], _MDHD_DURATION_AT, track.length),
        boxes[b"hdlr"],
        box(b"minf", media_header, boxes[b"dinf"], _table(track, places)),
    )
    return box(b"trak", _with_duration(boxes[b"tkhd"], _TKHD_DURATION_AT, MOVIE_CLOCK * track.end_s), edits, media)


def _table(track: Indexed, places: Sequence[tuple[int, int, int]]) -> bytes:
    times = [number for duration, same in itertools.groupby(track.durations) for number in (sum(1 for _ in same), duration)]
    groups: list[int] = []
    chunk = 1
    for samples, same in itertools.groupby(count for _, count in track.chunks):
        groups += (chunk, samples, 1)
        chunk += sum(1 for _ in same)
    keys = full_box(b"stss", 0, 0, struct.pack(">I", len(track.keys)), _numbers(track.keys)) if track.width else b""
    return box(
        b"stbl",
        track.boxes[b"stsd"],
        full_box(b"stts", 0, 0, struct.pack(">I", len(times) // 2), _numbers(times)),
        keys,
        full_box(b"stsc", 0, 0, struct.pack(">I", len(groups) // 3), _numbers(groups)),
        full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(track.sizes)), _numbers(track.sizes)),
        full_box(b"co64", 0, 0, struct.pack(">I", len(track.chunks)), _offsets(track, places)),
    )


def _numbers(values: Sequence[int]) -> bytes:
    swapped = array("I", values)
    swapped.byteswap()
    return swapped.tobytes()


def _offsets(track: Indexed, places: Sequence[tuple[int, int, int]]) -> bytes:
    """Where each chunk will lie: both lists go the same way through the source."""
    found = array("Q")
    piece = 0
    for at, _ in track.chunks:
        while at >= places[piece][0] + places[piece][1]:
            piece += 1
        found.append(places[piece][2] + at - places[piece][0])
    found.byteswap()
    return found.tobytes()
