"""The poster of a video, made by a child process: `python -m livecore.library.poster SOURCE TARGET.jpg`.

A file from outside meets demuxers and decoders written in C, so the child has little memory, little time, no right to open
anything but the file, and its death is an answer like any other. It prints one JSON line: `{"width", "height", "picture"}`.
"""

import json
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from PIL import Image, ImageStat

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

MEMORY_LIMIT_BYTES = 1 << 30
CPU_LIMIT_S = 20
OUTPUT_LIMIT_BYTES = 4 << 20
OPEN_FILES_LIMIT = 32
# 8K is the largest picture that a phone records; a header that promises more is a bomb.
PIXELS_LIMIT = 7680 * 4320
# The poster is shown on phones and in lists.
SIDE_LIMIT = 1280
JPEG_QUALITY = 82
# Streams begin with black or grey while a camera wakes up: look this far for something to see.
FRAMES_LIMIT = 60
# Standard deviation of brightness below which a picture is one flat colour.
FLAT_DEVIATION = 8.0

_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2",
    "probesize": "5000000",
    "analyzeduration": "5000000",
    "max_streams": "8",
}

EXIT_UNREADABLE = 3


class Unreadable(Exception):
    """The file is no video that can be shown."""


def first_good_frame(source: Path) -> "VideoFrame | None":
    """The first decoded picture with something to see, or the liveliest of the first ones; None for sound alone.

    Raises:
        Unreadable: the file cannot be opened, holds no stream, or no picture can be decoded.
    """
    try:
        with av.open(str(source), "r", options=_OPTIONS) as container:
            if not container.streams.video:
                if not container.streams.audio:
                    raise Unreadable("no stream")
                return None
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > PIXELS_LIMIT:
                raise Unreadable("too large")
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"max_pixels": str(PIXELS_LIMIT)}
            best, most = None, -1.0
            for number, frame in enumerate(container.decode(stream)):
                deviation = brightness_deviation(frame)
                if deviation > most:
                    best, most = frame, deviation
                if deviation > FLAT_DEVIATION or number >= FRAMES_LIMIT:
                    break
    except (av.error.FFmpegError, ValueError) as torn:
        raise Unreadable(type(torn).__name__) from torn
    if best is None:
        raise Unreadable("no picture")
    return best


def brightness_deviation(frame: "VideoFrame") -> float:
    small = image_of(frame.reformat(width=64, height=64, format="gray"))
    return float(ImageStat.Stat(small.convert("L")).stddev[0])


def image_of(frame: Any) -> Image.Image:
    """The library leaves this conversion untyped."""
    image: Image.Image = frame.to_image()
    return image


def write_poster(frame: "VideoFrame", target: Path) -> None:
    """A JPEG without metadata, no side longer than SIDE_LIMIT."""
    picture = image_of(frame).convert("RGB")
    picture.thumbnail((SIDE_LIMIT, SIDE_LIMIT), Image.Resampling.LANCZOS)
    picture.save(target, "JPEG", quality=JPEG_QUALITY, optimize=True)


def main(arguments: list[str]) -> int:
    source, target = Path(arguments[0]), Path(arguments[1])
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CPU, CPU_LIMIT_S),
        (resource.RLIMIT_FSIZE, OUTPUT_LIMIT_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES_LIMIT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    av.logging.set_level(av.logging.PANIC)
    try:
        frame = first_good_frame(source)
        if frame is not None:
            write_poster(frame, target)
    except (Unreadable, MemoryError, OSError) as refused:
        sys.stderr.write(f"{refused}\n")
        return EXIT_UNREADABLE
    found = {"width": frame.width if frame else 0, "height": frame.height if frame else 0, "picture": frame is not None}
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
