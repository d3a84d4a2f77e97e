"""Runs `library.work.picture`; keeps `ports.PictureMaker`. Decoders of pictures have been broken into before: they get a process that
may read the one file and write the one directory."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecore import cores, errors, pictures
from livecore.config import Settings
from livecore.errors import FieldError
from livecore.library.children import Killed, NotShowable, run
from livecore.ports import MadePicture

# Behind those who are live, before everything else that works on files: somebody waits for it.
NICE = 5


class ChildPictures:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()  # a decoded phone picture takes some 150 MB

    async def make(self, data: bytes, sizes: Sequence[int], *, square: bool = False) -> MadePicture:
        pictures.check_kind(data)
        settings = self._settings
        order: dict[str, Any] = {"sizes": list(sizes), "square": square, "limit_pixels": settings.image_limit_pixels}
        order["cores"] = cores.for_files(settings.worker_count())
        async with self._turn:
            with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
                source, target = Path(directory) / "picture", Path(directory) / "made"
                target.mkdir()
                await asyncio.to_thread(source.write_bytes, data)
                try:
                    found = await run("picture", source, target, nice=min(NICE, settings.transcode_nice), **order)
                except NotShowable:
                    found = {"refused": "bad_picture"}
                except Killed as killed:
                    raise errors.Unavailable("The picture could not be made ready; try again.") from killed
                if found.get("refused") == "too_many_pixels":
                    limit = settings.image_limit_pixels
                    raise errors.Invalid([FieldError("body", f"has more than {limit} pixels")], type="too_many_pixels")
                if "width" not in found:
                    raise errors.Invalid([FieldError("body", "cannot be read as a picture")], type="bad_picture")
                files = {size: await asyncio.to_thread((target / f"{size}.webp").read_bytes) for size in sizes}
        look, mirror = (None if one is None else int(one, 16) for one in (found["look"], found["mirror"]))
        return MadePicture(files, found["width"], found["height"], look, mirror)
