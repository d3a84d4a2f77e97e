"""Pictures from outside: opened within bounds, made anew without anything of the file that came in. For threads, never the loop."""

import io
import warnings
from collections.abc import Callable
from typing import TypeVar

from PIL import Image, ImageOps, UnidentifiedImageError

from livecore import errors
from livecore.errors import FieldError

T = TypeVar("T")

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
OUT_TYPE = "image/webp"
QUALITY = 82

_MAGIC = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"))
_BROKEN = (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError, IndexError)


def kind_of(data: bytes) -> str | None:
    """Pillow's name of the format that the first bytes say, whatever the request called it."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def check_kind(data: bytes) -> str:
    """Raises WrongMedia for what is none of ours."""
    kind = kind_of(data)
    if kind is None:
        raise errors.WrongMedia("A picture is JPEG, PNG, WebP or GIF.", headers={"Accept": ", ".join(MEDIA_TYPES)})
    return kind


def opened(data: bytes, limit_pixels: int, side: int, work: Callable[[Image.Image], T]) -> T:
    """What `work` makes of the picture, upright, in RGB or RGBA; of a JPEG no more is decoded than `side` needs.

    Raises WrongMedia or Invalid (a bomb, a broken file).
    """
    kind = check_kind(data)
    try:
        with warnings.catch_warnings():
            # Our own bound on pixels stands below, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as source:
                width, height = source.size
                if width * height > limit_pixels:
                    raise errors.Invalid([FieldError("body", f"has more than {limit_pixels} pixels")], type="too_many_pixels")
                source.draft("RGB", (side * 2, side * 2))
                upright = ImageOps.exif_transpose(source)
                picture = upright.convert("RGBA" if "A" in upright.getbands() or "transparency" in upright.info else "RGB")
    except _BROKEN as exc:
        raise errors.Invalid([FieldError("body", "cannot be read as a picture")], type="bad_picture") from exc
    return work(picture)


def encoded(picture: Image.Image) -> bytes:
    """WebP of the pixels alone: none of the info that Pillow carries along."""
    clean = Image.new(picture.mode, picture.size)
    clean.paste(picture)
    out = io.BytesIO()
    clean.save(out, "WEBP", quality=QUALITY, method=4)
    return out.getvalue()
