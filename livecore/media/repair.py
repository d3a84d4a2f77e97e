"""Finishing a recorded file: duration, index, fast start; also of one whose writer was killed.

`python -m livecore.media.repair SOURCE TARGET CONTAINER` copies the packets of SOURCE into TARGET without a codec and prints
what it found as one JSON line: MP4 by `mp4_index`, WebM (and MP4 of an earlier version) by the container library. It runs as a process of its own, at low priority and under limits, because a torn file
meets a demuxer written in C.
"""

import json
import os
import resource
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from livecore.media.mp4_index import Indexed, index
from livecore.niceness import give_way

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

# A demuxer that was led astray by a torn file must not take the machine with it.
MEMORY_LIMIT_BYTES = 1 << 30
CPU_LIMIT_S = 900
# Below everything that somebody waits for.
NICENESS = 10

EXIT_NOTHING = 3
EXIT_DISK_FULL = 4

# Only what the recorder writes, from a file: nothing in it can make the library open something else.
_READ_OPTIONS = {"protocol_whitelist": "file"}
_DEMUXERS = {"mp4": "mov", "webm": "matroska"}
_WRITE_OPTIONS = {"mp4": {"movflags": "+faststart"}, "webm": {"cues_to_front": "1"}}


class NothingInside(Exception):
    """The file holds no packet that could be kept."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a finished file holds. `width` and `height` in pixels, of the first picture; codecs None when absent."""

    duration_s: float
    size_bytes: int
    video_codec: str | None
    width: int
    height: int
    audio_codec: str | None


def finish(source: Path, target: Path, container: str) -> Contents:
    """Copy `source`, whole or torn, into a finished `target`, on disk when this returns.

    Raises:
        NothingInside: no packet is readable.
        ValueError: the file was not torn but altered.
        OSError: the disk refuses (ENOSPC).
    """
    indexed = index(source, target) if container == "mp4" else None
    if indexed is not None:
        return _indexed(source, target, indexed)
    counts = _copy(source, target, container, keep=None)
    kept = {index for index, count in counts.items() if count}
    if not kept:
        target.unlink(missing_ok=True)
        raise NothingInside(source.name)
    if len(kept) < len(counts):
        # A track that was announced and never sent: players wait for it, so the file does without.
        _copy(source, target, container, keep=kept)
    _sync(target)
    return inspect(target, container)


def _indexed(source: Path, target: Path, tracks: list[Indexed]) -> Contents:
    if not tracks:
        raise NothingInside(source.name)
    _sync(target)
    video = next((track for track in tracks if track.width), None)
    return Contents(
        duration_s=max(track.end_s for track in tracks),
        size_bytes=target.stat().st_size,
        video_codec=video.codec if video else None,
        width=video.width if video else 0,
        height=video.height if video else 0,
        audio_codec=next((track.codec for track in tracks if not track.width), None),
    )


def _sync(target: Path) -> None:
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(source: Path, target: Path, container: str, keep: set[int] | None) -> dict[int, int]:
    """Packets copied by stream index. Stops at the first damage: what follows it cannot be trusted."""
    counts: dict[int, int] = {}
    with _reader(source, container) as reader, av.open(str(target), "w", format=container, options=_WRITE_OPTIONS[container]) as writer:
        streams: dict[int, Stream] = {}
        for stream in reader.streams:
            if stream.type in ("video", "audio") and (keep is None or stream.index in keep):
                streams[stream.index] = writer.add_stream_from_template(stream, opaque=True)
                counts[stream.index] = 0
        for packet in _readable_packets(reader):
            index = packet.stream.index
            if index in streams:
                packet.stream = streams[index]
                writer.mux_one(packet)
                counts[index] += 1
        if not any(counts.values()) and streams:
            # Without a header the library has nothing to end.
            writer.start_encoding()
    return counts


def _reader(path: Path, container: str) -> "InputContainer":
    path.stat()
    try:
        return av.open(str(path), "r", format=_DEMUXERS[container], options=_READ_OPTIONS)
    except av.error.FFmpegError as torn:
        raise NothingInside(path.name) from torn


def _readable_packets(reader: "InputContainer") -> Any:
    packets = reader.demux()
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        if packet.dts is None or not packet.size:
            continue
        if packet.is_corrupt:
            return
        yield packet


def inspect(path: Path, container: str) -> Contents:
    """What a finished file says of itself. Raises NothingInside when it cannot be read."""
    with _reader(path, container) as reader:
        video = next(iter(reader.streams.video), None)
        audio = next(iter(reader.streams.audio), None)
        return Contents(
            duration_s=(reader.duration or 0) / av.time_base,
            size_bytes=path.stat().st_size,
            video_codec=video.codec_context.codec.canonical_name if video else None,
            width=video.codec_context.width if video else 0,
            height=video.codec_context.height if video else 0,
            audio_codec=audio.codec_context.codec.canonical_name if audio else None,
        )


def main(arguments: list[str]) -> int:
    source, target, container = Path(arguments[0]), Path(arguments[1]), arguments[2]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    give_way(NICENESS)
    av.logging.set_level(av.logging.PANIC)
    try:
        contents = finish(source, target, container)
    except NothingInside:
        return EXIT_NOTHING
    except OSError as refused:
        target.unlink(missing_ok=True)
        sys.stderr.write(f"{refused}\n")
        return EXIT_DISK_FULL
    sys.stdout.write(json.dumps(asdict(contents)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
