"""Judge a film and take stills of it: `{"source", "target", "nice", "poster_at_s"?}`.

Writes `poster.jpg`, `sprites.jpg`, `preview.webp` and answers what is inside. One pass over spread frames gives the sheet for
scrubbing, the preview and the look by which near copies are found.
"""

import struct
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageStat, JpegImagePlugin, WebPImagePlugin

from livecore.library import fingerprints
from livecore.library.work.opening import container_of, duration_of, film_of, opened, turned
from livecore.library.work.sandbox import Unreadable, run, told

# Named, so that they are there before the child is confined.
_WRITERS = (JpegImagePlugin, WebPImagePlugin)
CPU_LIMIT_S = 300
OUTPUT_LIMIT_BYTES = 16 << 20
# The poster is shown on phones and in lists.
POSTER_SIDE = 1280
JPEG_QUALITY = 82
# Streams begin with black or grey while a camera wakes up: look this far for something to see.
POSTER_FRAMES = 60
# Standard deviation of brightness below which a picture is one flat colour.
FLAT_DEVIATION = 8.0
# A sheet of ten by ten is one file that every phone decodes; a tile every second or a hundredth of the film.
TILES_LIMIT = 100
TILE_COLUMNS = 10
TILE_EVERY_S = 1.0
TILE_SIDE = 160
PREVIEW_FRAMES = 12
PREVIEW_SIDE = 320
PREVIEW_FRAME_MS = 350
# From the last key frame to the moment that is meant: further than this, what was reached stands for it.
FORWARD_FRAMES = 60


def picture_of(frame: Any) -> Image.Image:
    picture: Image.Image = frame.to_image()
    quarter = turned(frame)
    return picture.rotate(90 * quarter, expand=True) if quarter else picture


def deviation(picture: Image.Image) -> float:
    return float(ImageStat.Stat(picture.convert("L").resize((64, 64))).stddev[0])


def first_good(container: Any, stream: Any) -> Image.Image:
    """The first picture with something to see, or the liveliest of the first ones. Raises Unreadable."""
    best, most = None, -1.0
    for number, frame in enumerate(container.decode(stream)):
        picture = picture_of(frame)
        lively = deviation(picture)
        if lively > most:
            best, most = picture, lively
        if lively > FLAT_DEVIATION or number >= POSTER_FRAMES:
            break
    if best is None:
        raise Unreadable("no picture")
    return best


def at_moment(container: Any, stream: Any, second: float) -> Image.Image | None:
    """The picture at that time; None past the end, or where the file is torn."""
    try:
        start = (stream.start_time or 0) + round(second / stream.time_base)
        container.seek(start, stream=stream, backward=True)
        picture = None
        for number, frame in enumerate(container.decode(stream)):
            picture = frame
            if number >= FORWARD_FRAMES or (frame.pts is not None and frame.pts >= start):
                break
        return picture_of(picture) if picture is not None else None
    except (av.error.FFmpegError, OSError):
        return None


def shrunk(picture: Image.Image, side: int) -> Image.Image:
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def stills(container: Any, stream: Any, duration_s: float, target: Path) -> dict[str, Any]:
    """Write sheet and preview; answers their facts and the look. Empty for a film of which no moment can be found."""
    every_s = max(TILE_EVERY_S, duration_s / TILES_LIMIT)
    count = max(1, min(TILES_LIMIT, int(duration_s / every_s) or 1))
    # A short film is looked at more often than it has tiles, so that it has a look.
    looks = max(count, min(PREVIEW_FRAMES, int(duration_s * 8) or 1))
    tiles, frames, hashes = [], [], {}
    for number in range(looks):
        picture = at_moment(container, stream, (number + 0.5) * duration_s / looks)
        if picture is None:
            continue
        look = fingerprints.picture_hash(picture)
        if look is not None and look not in hashes:
            hashes[look] = fingerprints.picture_hash(picture, mirrored=True) or 0
        if number * count // looks != (number - 1) * count // looks or number == 0:
            tiles.append(shrunk(picture, TILE_SIDE))
        if number * PREVIEW_FRAMES // looks != (number - 1) * PREVIEW_FRAMES // looks or looks <= PREVIEW_FRAMES:
            frames.append(shrunk(picture, PREVIEW_SIDE))
        told((number + 1) / looks)
    if not tiles:
        return {}
    width, height = tiles[0].size
    sheet = Image.new("RGB", (width * min(len(tiles), TILE_COLUMNS), height * -(-len(tiles) // TILE_COLUMNS)))
    for number, tile in enumerate(tiles):
        sheet.paste(tile.resize((width, height)), (number % TILE_COLUMNS * width, number // TILE_COLUMNS * height))
    sheet.save(target / "sprites.jpg", "JPEG", quality=70, optimize=True)
    first, *rest = [frame.resize(frames[0].size) for frame in frames]
    first.save(target / "preview.webp", "WEBP", save_all=True, append_images=rest, duration=PREVIEW_FRAME_MS, loop=0, quality=60)
    spread = list(hashes)[:: max(1, len(hashes) // fingerprints.FRAMES_LIMIT)]
    sprites = {"tiles": len(tiles), "columns": TILE_COLUMNS, "width": width, "height": height, "every_s": duration_s / len(tiles)}
    mirror = [hashes[look] for look in spread]
    return {"sprites": sprites, "fingerprint": fingerprints.written(spread), "mirror": fingerprints.written(mirror)}


def is_fast_start(path: Path) -> bool:
    """Whether an ISO file's index comes before its media, so that it plays before it has come whole."""
    with path.open("rb") as file:
        for _ in range(64):
            head = file.read(8)
            if len(head) < 8:
                return False
            size, kind = struct.unpack(">I4s", head)
            if kind in (b"moov", b"mdat"):
                return bool(kind == b"moov")
            if size == 1:
                size = struct.unpack(">Q", file.read(8))[0] - 8
            if size < 8:
                return False
            file.seek(size - 8, 1)
    return False


def facts(path: Path, container: Any, stream: Any) -> dict[str, Any]:
    """What is inside, in words that `library.plan` decides by."""
    sound = container.streams.audio[0] if container.streams.audio else None
    kind = container_of(path)
    return {
        "container": "webm" if kind == "matroska" and path.open("rb").read(64).find(b"webm") >= 0 else kind,
        "fast_start": kind == "mov" and is_fast_start(path),
        # Where a phone was: it is not sent to viewers.
        "tells_place": any("location" in name.lower() or "xyz" in name.lower() for name in container.metadata),
        "duration_s": duration_of(container),
        "video": stream
        and {
            "codec": stream.codec_context.codec.canonical_name,
            "pixels": stream.codec_context.format.name if stream.codec_context.format else "",
            "rate": float(stream.average_rate or 0),
        },
        "audio": sound
        and {
            "codec": sound.codec_context.codec.canonical_name,
            "channels": sound.codec_context.channels,
            "rate": sound.codec_context.sample_rate,
        },
    }


def look(order: dict[str, Any]) -> dict[str, Any]:
    source, target = Path(order["source"]), Path(order["target"])
    with opened(source) as container:
        stream = film_of(container)
        found = facts(source, container, stream)
        if stream is None:
            return found
        chosen = order.get("poster_at_s")
        poster = at_moment(container, stream, chosen) if chosen is not None else None
        if poster is None:
            container.seek(0, backward=True)
            poster = first_good(container, stream)
        width, height = poster.size
        shrunk(poster, POSTER_SIDE).save(target / "poster.jpg", "JPEG", quality=JPEG_QUALITY, optimize=True)
        found |= {"width": width, "height": height}
        if not order.get("poster_only") and found["duration_s"] > 0:
            found |= stills(container, stream, found["duration_s"], target)
    return found


if __name__ == "__main__":
    run(look, output_bytes=OUTPUT_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
