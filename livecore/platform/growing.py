"""Objects that come in pieces; keeps the promise of `ports.Growing`.

Files: one file, written at its place and flushed to the disk; the end renames it into place, so that ten gigabytes are not
copied. A lock of the kernel on it ends with its holder, however that dies.

Stores that show nothing of an unfinished multipart upload: each piece is an object of its own, and the end streams them into one.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

from livecore import errors
from livecore.platform.storage import LocalStorage, ObjectStorage, make_directories, on_disk, sync_directory
from livecore.ports import GrowingWriter, Grown, Piece, StoredObject

# One write to the disk: large enough to be cheap, small beside what a hundred senders may take.
WRITE_BYTES = 1 << 20
# One object of a piece; a sender's memory on a remote store.
PIECE_BYTES = 8 << 20
# The writer that is asked to end has this long to flush what it holds.
LOCK_WAIT_S = 10.0
LOCK_POLL_S = 0.05
COPY_BYTES = 64 << 20


class _FileWriter:
    def __init__(self, descriptor: int, offset: int) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._held = bytearray()

    async def write(self, data: bytes) -> None:
        self._held += data
        if len(self._held) >= WRITE_BYTES:
            await self._pass_on(False)

    async def flush(self) -> Sequence[Piece]:
        await self._pass_on(True)
        return ()

    async def _pass_on(self, sync: bool) -> None:
        held, self._held = self._held, bytearray()
        await asyncio.to_thread(self._write, held, sync)
        self._offset += len(held)

    def _write(self, data: bytearray, sync: bool) -> None:
        view, offset = memoryview(data), self._offset
        with on_disk():
            while view:
                done = os.pwrite(self._descriptor, view, offset)
                view, offset = view[done:], offset + done
            if sync:
                os.fdatasync(self._descriptor)


class FileGrowing:
    def __init__(self, storage: LocalStorage) -> None:
        self._storage = storage

    def _path(self, prefix: str) -> Path:
        return self._storage.place(f"{prefix.rstrip('/')}/data")

    @contextlib.asynccontextmanager
    async def writing(self, prefix: str, offset: int) -> AsyncIterator[GrowingWriter]:
        descriptor = await asyncio.to_thread(self._open, self._path(prefix))
        try:
            await _lock(descriptor)
            yield _FileWriter(descriptor, offset)
        finally:
            os.close(descriptor)

    def _open(self, path: Path) -> int:
        made: set[Path] = set()
        with on_disk():
            while True:
                made |= make_directories(path.parent, self._storage.root)
                is_new = not path.exists()
                try:
                    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                except FileNotFoundError:
                    if not self._storage.root.is_dir():
                        raise
                    continue  # what ended beside it removed the directory while it was empty: make it again
                break
            if is_new:
                for directory in {path.parent, *made}:
                    sync_directory(directory)
        return descriptor

    async def stream(self, grown: Grown) -> AsyncGenerator[bytes, None]:
        left = grown.size_bytes
        try:
            file = await asyncio.to_thread(self._path(grown.prefix).open, "rb")
        except FileNotFoundError:
            raise KeyError(grown.prefix) from None
        with file:
            while left and (part := await asyncio.to_thread(file.read, min(left, WRITE_BYTES))):
                left -= len(part)
                yield part
        if left:
            raise KeyError(grown.prefix)

    async def seal(self, sources: Sequence[Grown], key: str) -> StoredObject:
        paths = [self._path(source.prefix) for source in sources]
        if not all(path.is_file() for path in paths):
            # Sealed by a run whose end was not noted, or gone.
            return await self._storage.head(key)
        if len(sources) == 1:
            await asyncio.to_thread(self._cut, paths[0], sources[0].size_bytes)
            await asyncio.to_thread(self._storage.move_in, paths[0], key)
            await asyncio.to_thread(self._storage.prune, paths[0])
        else:
            staged = self._storage.staged(uuid.uuid4().hex)
            try:
                await asyncio.to_thread(_join, [(path, source.size_bytes) for path, source in zip(paths, sources, strict=True)], staged)
                await asyncio.to_thread(self._storage.move_in, staged, key)
            finally:
                staged.unlink(missing_ok=True)
        return await self._storage.head(key)

    def _cut(self, path: Path, size_bytes: int) -> None:
        with on_disk(), path.open("r+b") as file:
            file.truncate(size_bytes)
            os.fsync(file.fileno())

    def room_bytes(self) -> int | None:
        return shutil.disk_usage(self._storage.root).free


async def _lock(descriptor: int) -> None:
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if asyncio.get_running_loop().time() > deadline:
                raise errors.Locked("Another request writes to this upload and does not end.") from None
            await asyncio.sleep(LOCK_POLL_S)
        else:
            return


def _join(sources: list[tuple[Path, int]], target: Path) -> None:
    """The kernel copies, or shares the blocks where the file system can."""
    with on_disk(), target.open("xb") as out:
        for path, size in sources:
            with path.open("rb") as file:
                left = size
                while left:
                    done = os.copy_file_range(file.fileno(), out.fileno(), min(left, COPY_BYTES))
                    if not done:
                        raise KeyError(path.name)
                    left -= done
        os.fsync(out.fileno())


class _PieceWriter:
    def __init__(self, storage: ObjectStorage, prefix: str, offset: int) -> None:
        self._storage = storage
        self._prefix = prefix.rstrip("/")
        self._offset = offset
        self._held = bytearray()
        self._new: list[Piece] = []

    async def write(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= PIECE_BYTES:
            piece = bytes(self._held[:PIECE_BYTES])
            del self._held[:PIECE_BYTES]
            await self._put(piece)

    async def _put(self, data: bytes) -> None:
        # A name of its own: two writers of the same place never meet, and the record says whose counts.
        name = f"{self._offset:015d}-{uuid.uuid4().hex}"
        await self._storage.put(f"{self._prefix}/{name}", data)
        self._new.append(Piece(self._offset, len(data), name))
        self._offset += len(data)

    async def flush(self) -> Sequence[Piece]:
        if self._held:
            held, self._held = bytes(self._held), bytearray()
            await self._put(held)
        new, self._new = self._new, []
        return new


class PieceGrowing:
    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    @contextlib.asynccontextmanager
    async def writing(self, prefix: str, offset: int) -> AsyncIterator[GrowingWriter]:
        yield _PieceWriter(self._storage, prefix, offset)

    async def stream(self, grown: Grown) -> AsyncGenerator[bytes, None]:
        at = 0
        for piece in sorted(grown.pieces, key=lambda piece: piece.start):
            if piece.start != at:
                raise KeyError(grown.prefix)
            async for part in self._storage.stream(f"{grown.prefix.rstrip('/')}/{piece.name}"):
                yield part
            at += piece.size_bytes
        if at != grown.size_bytes:
            raise KeyError(grown.prefix)

    async def _all(self, sources: Sequence[Grown]) -> AsyncIterator[bytes]:
        for source in sources:
            async for part in self.stream(source):
                yield part

    async def seal(self, sources: Sequence[Grown], key: str) -> StoredObject:
        try:
            known = await self._storage.head(key)
        except KeyError:
            return await self._storage.put(key, self._all(sources))
        if known.size_bytes != sum(source.size_bytes for source in sources):
            raise KeyError(key)
        return known

    def room_bytes(self) -> int | None:
        return None


def make_growing(storage: ObjectStorage) -> FileGrowing | PieceGrowing:
    return FileGrowing(storage) if isinstance(storage, LocalStorage) else PieceGrowing(storage)
