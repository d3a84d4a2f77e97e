"""Make a picture anew from its pixels: `{"source", "target", "nice", "sizes", "square", "limit_pixels"}`.

Writes `SIZE.webp` for each size: its longest side, or both sides with `square`. Answers width and height of the largest and what it
and its mirror image look like (64 bits in hexadecimal, None when flat); `refused` names what a picture is turned back for.
"""

from pathlib import Path
from typing import Any

from PIL import GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from livecore import errors, pictures
from livecore.library import fingerprints
from livecore.library.work.sandbox import run

# Some hundred times what the largest phone picture takes.
CPU_LIMIT_S = 60
OUTPUT_LIMIT_BYTES = 64 << 20
# What may read a file is there before the file is: afterwards there is no other to be found.
READERS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)


def picture(order: dict[str, Any]) -> dict[str, Any]:
    target, sizes, is_square = Path(order["target"]), sorted(order["sizes"]), order["square"]

    def work(found: Image.Image) -> dict[str, Any]:
        made = found
        for size in sizes:
            if is_square:
                made = ImageOps.fit(found, (size, size), Image.Resampling.LANCZOS)
            else:
                made = found.copy()
                made.thumbnail((size, size), Image.Resampling.LANCZOS)
            (target / f"{size}.webp").write_bytes(pictures.encoded(made))
        look = fingerprints.picture_hash(found)
        mirror = fingerprints.picture_hash(found, mirrored=True)
        written = [None if one is None else f"{one:016x}" for one in (look, mirror)]
        return {"width": made.width, "height": made.height, "look": written[0], "mirror": written[1]}

    try:
        return pictures.opened(Path(order["source"]).read_bytes(), order["limit_pixels"], sizes[-1], work)
    except errors.Problem as refused:
        return {"refused": refused.type}


if __name__ == "__main__":
    run(picture, output_bytes=OUTPUT_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
