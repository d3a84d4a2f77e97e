"""Opening a film within bounds: one demuxer by its first bytes, one protocol, and no header that promises a bomb."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from livecore.library.magic import HEAD_BYTES, video_container
from livecore.library.work.sandbox import Unreadable

# 8K is the largest picture that a phone records; a header that promises more is a bomb.
PIXELS_LIMIT = 7680 * 4320
# The demuxer is named, never guessed: a playlist within a film's clothes finds nobody who reads it.
_OPTIONS = {"protocol_whitelist": "file", "probesize": "5000000", "analyzeduration": "5000000", "max_streams": "16"}
_WHITELIST = {"mov": "mov", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts"}


def container_of(path: Path) -> str:
    """Raises Unreadable."""
    with path.open("rb") as file:
        kind = video_container(file.read(HEAD_BYTES))
    if kind is None:
        raise Unreadable("no film")
    return kind


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Raises Unreadable: the file cannot be opened, holds nothing to see or hear, or its picture is too large."""
    kind = container_of(path)
    try:
        with av.open(str(path), "r", format=kind, options=_OPTIONS | {"format_whitelist": _WHITELIST[kind]}) as container:
            if not container.streams.video and not container.streams.audio:
                raise Unreadable("no stream")
            for stream in container.streams.video:
                if stream.codec_context.width * stream.codec_context.height > PIXELS_LIMIT:
                    raise Unreadable("too large")
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {"max_pixels": str(PIXELS_LIMIT)}
            yield container
    except (av.error.FFmpegError, ValueError, IndexError, LookupError) as torn:
        raise Unreadable(type(torn).__name__) from torn


def film_of(container: Any) -> Any | None:
    """The first stream of moving pictures, not a cover; None for sound alone."""
    return next((stream for stream in container.streams.video if "attached_pic" not in str(stream.disposition)), None)


def duration_of(container: Any) -> float:
    """Seconds as the container says, 0 when it does not."""
    if container.duration:
        return max(0.0, float(container.duration) / av.time_base)
    stream = film_of(container) or container.streams.audio[0]
    return max(0.0, float(stream.duration * stream.time_base)) if stream.duration else 0.0


def turned(frame: Any) -> int:
    """Quarter turns counter-clockwise by which the frame is to be shown (0 to 3): phones turn the picture by a note beside it."""
    return round(getattr(frame, "rotation", 0) / 90) % 4
