"""Make `tests/library/corpus` anew: what `hostile` and `disguises` make by rule, kept, so that each run meets the same bytes whatever ffmpeg makes today."""

import re
from pathlib import Path

from livecore.library.magic import video_container
from tests.library import disguises, hostile
from tests.library.test_corpus import CORPUS, SIZE_LIMIT_BYTES

# What every machine has, and nobody may be shown.
ANOTHER = Path("/etc/passwd")
# Of the rest, some.
KEPT = ("hls behind EBML", "hls in an avi", "mov with a reference")


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for old in CORPUS.iterdir():
        old.unlink()
    naming = [
        (name, data)
        for name, data in hostile.naming_another(ANOTHER)
        if video_container(data[:1024]) is not None and (" behind an ftyp" in name or name in KEPT)
    ]
    made = [*naming, *hostile.bombs(), *hostile.mutations(7, 1), *disguises.disguises(ANOTHER), *disguises.truncations()]
    for name, data in made:
        (CORPUS / re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")).write_bytes(data[:SIZE_LIMIT_BYTES])


if __name__ == "__main__":
    main()
