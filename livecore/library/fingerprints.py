"""Near copies: a hash of what a picture looks like, and when two of them, or two videos, are the same to the eye.

A difference hash (9×8 brightnesses, 64 bits: is each darker than its right neighbour) bears scaling, re-encoding and small
changes of colour. A video is the hashes of frames spread over it; flat frames say nothing and are left out.
"""

from collections.abc import Collection, Sequence

from PIL import Image, ImageOps

# Bits of 64 in which two hashes of one picture differ after scaling and heavy compression; unrelated ones differ in some 32.
NEAR_BITS = 8
# Of a video's frames, the share that must be found in the other: a cut at the ends or an inserted card leaves more.
NEAR_SHARE = 0.6
# Fewer frames than this say too little about a video.
FRAMES_NEEDED = 3
FRAMES_LIMIT = 64
# A frame whose brightnesses lie closer together than this (of 256) is flat.
FLAT_RANGE = 24


def picture_hash(picture: Image.Image, *, mirrored: bool = False) -> int | None:
    """64 bits, None for a flat picture. `mirrored`: of its mirror image, the copy that costs its maker least."""
    small = picture.convert("L").resize((9, 8), Image.Resampling.BOX)
    levels = list((ImageOps.mirror(small) if mirrored else small).tobytes())
    if max(levels) - min(levels) < FLAT_RANGE:
        return None
    found = 0
    for row in range(8):
        for column in range(8):
            found = found << 1 | (levels[row * 9 + column] < levels[row * 9 + column + 1])
    return found


def written(hashes: Sequence[int]) -> str:
    return ",".join(f"{one:016x}" for one in hashes[:FRAMES_LIMIT])


def read(text: str) -> tuple[int, ...]:
    return tuple(int(one, 16) for one in text.split(",") if one)


def same_picture(one: int, other: int) -> bool:
    return (one ^ other).bit_count() <= NEAR_BITS


def same_video(one: Collection[int], other: Collection[int]) -> bool:
    """Whether most frames of the shorter are found in the other. Those of strangers are told apart before half of them were looked at."""
    few, many = sorted((set(one), set(other)), key=len)
    if len(few) < FRAMES_NEEDED:
        return False
    missed = 0
    for frame in few:
        # `same_picture` with each, in the interpreter's own loops: a quarter of what calls would cost.
        if min(map(int.bit_count, map(frame.__xor__, many))) > NEAR_BITS:
            missed += 1
            if len(few) - missed < NEAR_SHARE * len(few):
                return False
    return True
