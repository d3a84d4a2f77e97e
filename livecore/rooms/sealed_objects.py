"""Bytes in the object store that nobody reads without their key: sealed in pieces, so that any part can be opened by itself.

object = sealed(piece 0) ‖ sealed(piece 1) ‖ …      each 256 KiB of plaintext, the last one shorter
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from livecore.ports import KeyDestroyed, Keys, Storage, StoredObject

# A player's range costs at most one piece more than it asks for; 29 bytes of sealing are nothing beside it.
PIECE_BYTES = 256 * 1024
# Version, nonce and tag of AES-256-GCM as `ports.Keys` seals.
OVERHEAD_BYTES = 29


def pieces_of(start: int, end: int) -> range:
    """Numbers of the pieces that hold the plaintext bytes [start, end)."""
    return range(start // PIECE_BYTES, -(-end // PIECE_BYTES))


def place_of(piece: int) -> tuple[int, int]:
    """Where a whole sealed piece lies in the object, [start, end)."""
    size = PIECE_BYTES + OVERHEAD_BYTES
    return piece * size, (piece + 1) * size


class SealedObjects:
    """`context` binds a piece to its object and place; the caller knows the size, so a cut object is noticed."""

    def __init__(self, storage: Storage, keys: Keys) -> None:
        self._storage = storage
        self._keys = keys

    async def put(self, key: str, scope: str, source: Path) -> None:
        """The file's bytes, a piece at a time: memory does not grow with it."""

        async def sealed() -> AsyncIterator[bytes]:
            with source.open("rb") as file:
                piece = 0
                while data := await asyncio.to_thread(file.read, PIECE_BYTES):
                    yield await self._keys.seal(scope, data, _context(key, piece))
                    piece += 1

        await self._storage.put(key, sealed())

    async def delete(self, key: str, scope: str) -> None:
        """The key first: from then on no copy of the object tells anything."""
        await self._keys.destroy([scope])
        await self._storage.delete(key)

    def reader(self, scope: str, size_bytes: int) -> "SealedReader":
        return SealedReader(self._storage, self._keys, scope, size_bytes)


class SealedReader:
    """What sending an object over HTTP needs of a store, in plaintext."""

    def __init__(self, storage: Storage, keys: Keys, scope: str, size_bytes: int) -> None:
        self._storage = storage
        self._keys = keys
        self._scope = scope
        self._size_bytes = size_bytes

    async def head(self, key: str) -> StoredObject:
        return await self._storage.head(key)

    async def stream(self, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None) -> AsyncGenerator[bytes, None]:
        """Plaintext bytes [start, end). Raises KeyError when the object or its key is gone. There is no second version of one: its
        key opens that one alone."""
        stop = self._size_bytes if end is None else min(end, self._size_bytes)
        for piece in pieces_of(start, stop):
            sealed = await self._storage.get(key, *place_of(piece))
            try:
                opened = await self._keys.open(self._scope, sealed, _context(key, piece))
            except (KeyDestroyed, ValueError) as gone:
                raise KeyError(key) from gone
            first = piece * PIECE_BYTES
            yield opened[max(0, start - first) : stop - first]


def _context(key: str, piece: int) -> str:
    return f"{key}:{piece}"
