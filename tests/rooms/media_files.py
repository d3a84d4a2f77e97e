"""Small files as phones and browsers make them, with things in them that nobody meant to send."""

import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

# What must not go out again.
SECRET = "secret-place-52-13"


def photo(color: str = "teal", size: tuple[int, int] = (320, 200)) -> bytes:
    """A JPEG that says where it was taken."""
    picture = Image.new("RGB", size, color)
    exif = Image.Exif()
    exif[0x010E] = SECRET
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=SECRET.encode())
    assert SECRET.encode() in out.getvalue()
    return out.getvalue()


def clip() -> bytes:
    """A second of H.264 in MP4."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "clip.mp4"
        with av.open(str(path), "w") as container:
            container.metadata["comment"] = SECRET
            stream = container.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for shade in range(10):
                frame = av.VideoFrame.from_image(Image.new("RGB", (64, 48), (shade * 20, 80, 120)))
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        data = path.read_bytes()
    assert SECRET.encode() in data
    return data


def voice() -> bytes:
    """A second of Opus in WebM, as a browser records it."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "voice.webm"
        with av.open(str(path), "w") as container:
            container.metadata["title"] = SECRET
            stream = container.add_stream("libopus", rate=48000)
            stream.layout = "mono"
            for number in range(50):
                frame = av.AudioFrame(format="s16", layout="mono", samples=960)
                frame.planes[0].update(bytes(1920))
                frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, Fraction(1, 48000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        data = path.read_bytes()
    assert SECRET.encode() in data
    return data
