"""Fragmented MP4 as CMAF and HLS want it (ISO/IEC 14496-12, 23000-19): an initialisation segment and fragments, built without a library.

A fragment of some kilobytes is made five times a second for each live: a muxer in C would have to be opened for each, and would not say
where its bytes end.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

VIDEO_CLOCK = 90_000
AUDIO_CLOCK = 48_000
# Of what concerns all tracks.
MOVIE_CLOCK = 1000
VIDEO_TRACK = 1
AUDIO_TRACK = 2
# How long a picture's last frame is shown when nobody says.
LAST_FRAME_TICKS = VIDEO_CLOCK // 30

_IDENTITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE = 0x55C4
# Sample flags (14496-12, 8.8.3.1): depends on no other; depends on others and is no sync sample.
_FLAGS_KEY = 0x02000000
_FLAGS_DELTA = 0x01010000
# tfhd: base is moof; with or without default flags for the track's samples.
_TFHD_BASE_IS_MOOF = 0x020000
_TFHD_DEFAULT_FLAGS = 0x000020
# trun: data offset, then per sample duration, size, flags.
_TRUN_VIDEO = 0x000701
_TRUN_AUDIO = 0x000301
# Fixed beginnings of a fragment's boxes, each packed in one call: moof with mfhd; traf with tfhd, tfdt (version 1) and the head of trun.
_VIDEO_TFHD_BYTES, _AUDIO_TFHD_BYTES = 16, 20
_HEAD = struct.Struct(">I4s")
_MOOF = struct.Struct(">I4s I4sII")
_VIDEO_TRAF = struct.Struct(">I4s I4sII I4sIQ I4sIIi")
_AUDIO_TRAF = struct.Struct(">I4s I4sIII I4sIQ I4sIIi")


@dataclass(frozen=True, slots=True)
class TrackEntry:
    """One track of an initialisation segment: its sample entry box, and its name in CODECS (RFC 6381)."""

    codec: str
    entry: bytes
    width: int = 0
    height: int = 0

    @property
    def is_video(self) -> bool:
        return self.width > 0


@dataclass(slots=True)
class Sample:
    """`ticks` and `duration` at the track's clock."""

    ticks: int
    duration: int
    data: bytes
    is_key: bool = True


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + name + body


def full_box(name: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(name, struct.pack(">I", version << 24 | flags), *parts)


FILE_TYPE = box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6cmfcmp41")


def init_segment(tracks: Sequence[TrackEntry]) -> bytes:
    """`ftyp` and `moov`: picture is track 1, sound is track 2."""
    header = full_box(
        b"mvhd", 0, 0, struct.pack(">IIIIIH10x", 0, 0, MOVIE_CLOCK, 0, 0x10000, 0x100), _IDENTITY_MATRIX, bytes(24), struct.pack(">I", 3)
    )
    extends = [full_box(b"trex", 0, 0, struct.pack(">IIIII", _number(track), 1, 0, 0, 0)) for track in tracks]
    moov = box(b"moov", header, *(_track(track) for track in tracks), box(b"mvex", *extends))
    return FILE_TYPE + moov


def _number(track: TrackEntry) -> int:
    return VIDEO_TRACK if track.is_video else AUDIO_TRACK


def _track(track: TrackEntry) -> bytes:
    is_video = track.is_video
    head = full_box(
        b"tkhd",
        0,
        7,
        struct.pack(">IIIII8xHHHH", 0, 0, _number(track), 0, 0, 0, 0, 0 if is_video else 0x100, 0),
        _IDENTITY_MATRIX,
        struct.pack(">II", track.width << 16, track.height << 16),
    )
    clock = VIDEO_CLOCK if is_video else AUDIO_CLOCK
    media_head = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, clock, 0, _UNDETERMINED_LANGUAGE, 0))
    handler = full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide" if is_video else b"soun"), b"\0")
    kind_head = full_box(b"vmhd", 0, 1, bytes(8)) if is_video else full_box(b"smhd", 0, 0, bytes(4))
    data = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    table = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), track.entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    return box(b"trak", head, box(b"mdia", media_head, handler, box(b"minf", kind_head, data, table)))


def visual_entry(name: bytes, width: int, height: int, configuration: bytes) -> bytes:
    return box(
        name,
        struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1),
        configuration,
    )


def opus_entry(channels: int) -> TrackEntry:
    """Nothing is trimmed at the start (pre-skip 0): the stream was joined in its middle."""
    specific = box(b"dOps", struct.pack(">BBHIhB", 0, channels, 0, AUDIO_CLOCK, 0, 0))
    return TrackEntry("opus", box(b"Opus", struct.pack(">6xH8xHHHHI", 1, channels, 16, 0, 0, AUDIO_CLOCK << 16), specific))


def aac_entry(channels: int, configuration: bytes) -> TrackEntry:
    """AAC-LC; `configuration` is its AudioSpecificConfig (14496-3, 1.6.2)."""
    decoder = _descriptor(4, struct.pack(">BB3xII", 0x40, 0x15, 0, 0) + _descriptor(5, configuration))
    elementary = full_box(b"esds", 0, 0, _descriptor(3, struct.pack(">HB", AUDIO_TRACK, 0) + decoder + _descriptor(6, b"\x02")))
    return TrackEntry("mp4a.40.2", box(b"mp4a", struct.pack(">6xH8xHHHHI", 1, channels, 16, 0, 0, AUDIO_CLOCK << 16), elementary))


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body


def fragment(sequence: int, video: Sequence[Sample], audio: Sequence[Sample]) -> bytes:
    """`moof` and `mdat` of one part; a track without samples is left out."""
    video_data, audio_data = [sample.data for sample in video], [sample.data for sample in audio]
    video_bytes, audio_bytes = sum(map(len, video_data)), sum(map(len, audio_data))
    video_size = _VIDEO_TRAF.size + 12 * len(video) if video else 0
    audio_size = _AUDIO_TRAF.size + 8 * len(audio) if audio else 0
    size = _MOOF.size + video_size + audio_size
    pieces = [_MOOF.pack(size, b"moof", 16, b"mfhd", 0, sequence)]
    # The offsets count from the moof.
    if video:
        rows = [number for s in video for number in (s.duration, len(s.data), _FLAGS_KEY if s.is_key else _FLAGS_DELTA)]
        head = (video_size, b"traf", _VIDEO_TFHD_BYTES, b"tfhd", _TFHD_BASE_IS_MOOF, VIDEO_TRACK, 20, b"tfdt", 1 << 24, video[0].ticks)
        pieces.append(_VIDEO_TRAF.pack(*head, 20 + 12 * len(video), b"trun", _TRUN_VIDEO, len(video), size + 8))
        pieces.append(struct.pack(f">{len(rows)}I", *rows))
    if audio:
        rows = [number for s in audio for number in (s.duration, len(s.data))]
        start = (audio_size, b"traf", _AUDIO_TFHD_BYTES, b"tfhd", _TFHD_BASE_IS_MOOF | _TFHD_DEFAULT_FLAGS, AUDIO_TRACK, _FLAGS_KEY)
        placed = (20, b"tfdt", 1 << 24, audio[0].ticks)
        pieces.append(_AUDIO_TRAF.pack(*start, *placed, 20 + 8 * len(audio), b"trun", _TRUN_AUDIO, len(audio), size + 8 + video_bytes))
        pieces.append(struct.pack(f">{len(rows)}I", *rows))
    pieces.append(_HEAD.pack(8 + video_bytes + audio_bytes, b"mdat"))
    return b"".join([*pieces, *video_data, *audio_data])


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a file says of a fragment; `size` with its `mdat`."""

    size: int
    duration_s: float
    is_independent: bool


def read_fragments(data: bytes) -> list[Fragment]:
    """The whole fragments that `data` begins with, as `fragment` made them: up to the first that is torn."""
    found: list[Fragment] = []
    at = 0
    while True:
        try:
            size, name, *_ = _MOOF.unpack_from(data, at)
            media_size, media_name = _HEAD.unpack_from(data, at + size)
            if (name, media_name) != (b"moof", b"mdat") or at + size + media_size > len(data):
                return found
            if data[at + _MOOF.size + 11] == _VIDEO_TFHD_BYTES:
                *_, count, _ = _VIDEO_TRAF.unpack_from(data, at + _MOOF.size)
                rows = struct.unpack_from(f">{3 * count}I", data, at + _MOOF.size + _VIDEO_TRAF.size)
                duration_s, is_independent = sum(rows[::3]) / VIDEO_CLOCK, _FLAGS_KEY in rows[2::3]
            else:
                *_, count, _ = _AUDIO_TRAF.unpack_from(data, at + _MOOF.size)
                rows = struct.unpack_from(f">{2 * count}I", data, at + _MOOF.size + _AUDIO_TRAF.size)
                duration_s, is_independent = sum(rows[::2]) / AUDIO_CLOCK, True
        except (struct.error, IndexError):
            return found
        found.append(Fragment(size + media_size, duration_s, is_independent))
        at += size + media_size
