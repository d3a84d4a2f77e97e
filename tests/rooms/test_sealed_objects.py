"""Objects that are sealed in pieces: any range reads as the plaintext does, and nothing but the key opens them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.platform.keys import SqlKeys
from livecore.platform.storage import make_storage
from livecore.rooms.sealed_objects import PIECE_BYTES, SealedObjects, pieces_of

SIZE = 2 * PIECE_BYTES + 1000


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_the_pieces_of_a_range_are_those_that_hold_it(start: int, end: int) -> None:
    wanted = {offset // PIECE_BYTES for offset in (start, end - 1)} if start < end else set()
    pieces = pieces_of(start, end)
    assert wanted <= set(pieces)
    assert all(piece * PIECE_BYTES < end and (piece + 1) * PIECE_BYTES > start for piece in pieces) or start >= end


async def test_any_range_is_read_and_nothing_after_the_key(tmp_path: Path) -> None:
    keys = SqlKeys(f"sqlite+aiosqlite:///{tmp_path / 'keys.sqlite'}")
    await keys.start()
    storage = make_storage("", tmp_path)
    sealed = SealedObjects(storage, keys)
    data = bytes(range(256)) * (SIZE // 256) + b"the end"
    # Beside the directory that is searched below.
    source = tmp_path.with_name(f"{tmp_path.name}-source")
    source.write_bytes(data)
    await sealed.put("attachments/one", "attachment:one", source)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert data[:64] not in stored
    reader = sealed.reader("attachment:one", len(data))

    async def read(start: int, end: int | None = None) -> bytes:
        chunks: AsyncIterator[bytes] = reader.stream("attachments/one", start, end)
        return b"".join([chunk async for chunk in chunks])

    assert await read(0) == data
    for start, end in (
        (0, 1),
        (5, 10),
        (PIECE_BYTES - 3, PIECE_BYTES + 3),
        (PIECE_BYTES, 2 * PIECE_BYTES),
        (len(data) - 7, len(data) + 50),
    ):
        assert await read(start, end) == data[start:end]
    blob = await storage.get("attachments/one")
    swapped = blob[PIECE_BYTES + 29 : 2 * (PIECE_BYTES + 29)] + blob[: PIECE_BYTES + 29] + blob[2 * (PIECE_BYTES + 29) :]
    await storage.put("attachments/one", swapped)
    with pytest.raises(KeyError):
        await read(0, 10)
    await storage.put("attachments/one", blob)
    await keys.destroy(["attachment:one"])
    with pytest.raises(KeyError):
        await read(0, 10)
    await sealed.delete("attachments/one", "attachment:one")
    await asyncio.gather(sealed.delete("attachments/one", "attachment:one"))
    await keys.close()
