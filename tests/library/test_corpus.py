"""The kept corpus: small files that mean harm, each through the real child in every run. `python -m tests.library.make_corpus` makes it."""

import asyncio
from pathlib import Path

from livecore.library.children import NotShowable, run
from livecore.library.magic import video_container

CORPUS = Path(__file__).parent / "corpus"
SIZE_LIMIT_BYTES = 20_000
AT_ONCE = 2


async def test_each_of_the_corpus_is_refused_or_shown_small_and_reads_no_other(tmp_path: Path) -> None:
    files = sorted(CORPUS.iterdir())
    assert len(files) >= 20
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(path: Path) -> None:
        data = path.read_bytes()
        assert len(data) <= SIZE_LIMIT_BYTES, path
        if video_container(data[:1024]) is None:
            return  # refused at the upload's first bytes, see test_tus.py
        target = tmp_path / path.name
        target.mkdir()
        async with slots:
            try:
                found = await run("look", path, target, nice=0)
            except NotShowable:
                return
        assert found.get("width", 0) * found.get("height", 0) <= 7680 * 4320, path
        assert "root:" not in str(found), path
        assert sum(made.stat().st_size for made in target.iterdir()) < 20 << 20, path

    await asyncio.gather(*map(one, files))
