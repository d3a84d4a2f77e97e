"""Small media made by ffmpeg, kept for the whole run: what people upload, and what they should not."""

import functools
import shutil
import subprocess
import tempfile
from pathlib import Path


@functools.cache
def made(name: str, *arguments: str, seconds: float = 1.0, size: str = "192x108", rate: int = 15, source: str = "testsrc2") -> bytes:
    """A file of this name by ffmpeg: a moving test picture and a tone; `arguments` say codecs and container."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / name
        subprocess.run(
            [
                *(shutil.which("ffmpeg") or "ffmpeg", "-v", "error", "-nostdin", "-threads", "1"),
                *("-f", "lavfi", "-i", f"{source}=size={size}:rate={rate}"),
                *("-f", "lavfi", "-i", "sine=frequency=440"),
                *arguments,
                "-t",
                str(seconds),
                str(path),
            ],
            check=True,
            capture_output=True,
        )
        return path.read_bytes()


H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "15")
AAC = ("-c:a", "aac", "-b:a", "48k")


def mp4(**more: object) -> bytes:
    """As a phone writes it: the index at the end."""
    return made("film.mp4", *H264, *AAC, **more)  # type: ignore[arg-type]


def faststart(**more: object) -> bytes:
    return made("film.mp4", *H264, *AAC, "-movflags", "+faststart", **more)  # type: ignore[arg-type]


def mkv(**more: object) -> bytes:
    return made("film.mkv", *H264, *AAC, **more)  # type: ignore[arg-type]


def webm(**more: object) -> bytes:
    return made("film.webm", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-b:a", "32k", **more)  # type: ignore[arg-type]


def avi(**more: object) -> bytes:
    """What no browser plays."""
    return made("film.avi", "-c:v", "mpeg4", "-c:a", "mp3", **more)  # type: ignore[arg-type]


def ts(**more: object) -> bytes:
    """As a camera or a capture card records it."""
    return made("film.ts", *H264, *AAC, "-f", "mpegts", **more)  # type: ignore[arg-type]
