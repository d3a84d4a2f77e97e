"""Objects through obstore, in files or on S3; keeps the promise of `ports.Storage`.

Where: `""` is `objects/` in the data directory; `file:///path`; `s3://bucket/prefix?endpoint=…&region=…` with the
credentials from the usual `AWS_…` variables.
"""

import asyncio
import builtins
import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from livecore import errors
from livecore.ports import StoredObject

_WORD = re.compile(r"[A-Za-z0-9._-]+")
OBJECTS_NAME = "objects"
# One read from disk or from the network per turn of the loop: large enough to be cheap, small enough for a slow client.
CHUNK_BYTES = 256 * 1024
# S3 takes parts from 5 MiB; this many are in flight for one upload.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 4
# S3 deletes up to a thousand objects in one request.
DELETE_BATCH = 1000
# A file that is being put is written to more often than this; an older one belongs to nobody.
STAGED_S = 86_400.0
# Callers wait: a store that is away is said to be away, and jobs try again.
S3_RETRY: Any = {
    "max_retries": 3,
    "retry_timeout": timedelta(seconds=15),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
}


def check_key(key: str) -> str:
    """Raises ValueError for a key that is not made of plain words: nothing may climb out of the store."""
    words = key.split("/")
    if not all(_WORD.fullmatch(word) and word not in (".", "..") for word in words) or len(key) > 512:
        raise ValueError("keys are slash-separated words of [A-Za-z0-9._-]")
    return key


def _check_prefix(prefix: str) -> str:
    return check_key(prefix.rstrip("/")) if prefix.strip("/") else ""


class ObjectStorage:
    """Any store that obstore knows; a put is one request or a multipart upload, which becomes visible when it is complete."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def put(self, key: str, data: bytes | Path | AsyncIterator[bytes]) -> StoredObject:
        check_key(key)
        try:
            await obstore.put_async(self._store, key, data, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)
        except BaseError as exc:
            raise _unavailable(exc) from exc
        return await self.head(key)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        parts = [part async for part in self.stream(key, start, end)]
        return b"".join(parts)

    async def stream(self, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None) -> AsyncGenerator[bytes, None]:
        check_key(key)
        if start < 0 or (end is not None and end < start):
            raise ValueError("a range is 0 <= start <= end")
        if etag is None and (start or end is not None):
            # Stores differ in what they answer to an empty range or one past the end: clip it here.
            size = (await self.head(key)).size_bytes
            end = size if end is None else min(end, size)
        if end is not None and start >= end:
            return
        try:
            result = await obstore.get_async(self._store, key, options={"range": (start, end)} if end is not None else None)
            if etag is not None and _stored(result.meta).etag != etag:
                raise KeyError(key)
            async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except FileNotFoundError:
            raise KeyError(key) from None
        except BaseError as exc:
            # A range that lay inside the version asked for may lie outside of the one that took its place.
            if etag is not None and (await self.head(key)).etag != etag:
                raise KeyError(key) from None
            raise _unavailable(exc) from exc

    async def head(self, key: str) -> StoredObject:
        check_key(key)
        try:
            return _stored(await obstore.head_async(self._store, key))
        except FileNotFoundError:
            raise KeyError(key) from None
        except BaseError as exc:
            raise _unavailable(exc) from exc

    async def delete(self, key: str) -> None:
        check_key(key)
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except BaseError as exc:
            raise _unavailable(exc) from exc

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        wanted = _check_prefix(prefix)
        try:
            async for batch in obstore.list(self._store, wanted or None):
                for meta in batch:
                    yield _stored(meta)
        except BaseError as exc:
            raise _unavailable(exc) from exc

    async def delete_prefix(self, prefix: str) -> int:
        if not _check_prefix(prefix):
            raise ValueError("an empty prefix would delete everything")
        keys = [stored.key async for stored in self.list(prefix)]
        for start in range(0, len(keys), DELETE_BATCH):
            await self._delete_many(keys[start : start + DELETE_BATCH])
        return len(keys)

    async def _delete_many(self, keys: builtins.list[str]) -> None:
        try:
            await obstore.delete_async(self._store, keys)
        except FileNotFoundError:
            return  # somebody else was faster
        except BaseError as exc:
            raise _unavailable(exc) from exc

    def local_path(self, key: str) -> Path | None:
        check_key(key)
        return None

    async def signed_url(self, key: str, lifetime_s: int) -> str | None:
        check_key(key)
        if not isinstance(self._store, S3Store):
            return None
        return str(await obstore.sign_async(self._store, "GET", key, timedelta(seconds=lifetime_s)))

    async def check(self) -> None:
        """Whether the store answers, for `/readyz`. Raises Unavailable."""
        try:
            await obstore.head_async(self._store, "readiness")
        except FileNotFoundError:
            return
        except BaseError as exc:
            raise _unavailable(exc) from exc


class LocalStorage(ObjectStorage):
    """Files. A put goes to a file of its own beside the store, is flushed to the disk and then renamed into place, and the
    renaming is flushed too: after a power cut there is the old object or the new one. (obstore's own put renames, but flushes
    nothing.)"""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._staging = self._root.with_name(self._root.name + ".staging")
        self._root.mkdir(parents=True, exist_ok=True)
        self._staging.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear_staging()
        super().__init__(LocalStore(prefix=self._root))

    def _clear_staging(self) -> None:
        """What killed processes left; what another process writes now was touched lately."""
        before = time.time() - STAGED_S
        for path in self._staging.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    async def put(self, key: str, data: bytes | Path | AsyncIterator[bytes]) -> StoredObject:
        check_key(key)
        staged = self._staging / uuid.uuid4().hex
        try:
            if isinstance(data, bytes):
                await asyncio.to_thread(_write, staged, data)
            elif isinstance(data, Path):
                await asyncio.to_thread(_copy, data, staged)
            else:
                await _write_stream(staged, data)
            await asyncio.to_thread(self.move_in, staged, key)
        finally:
            staged.unlink(missing_ok=True)
        return await self.head(key)

    @property
    def root(self) -> Path:
        return self._root

    def place(self, key: str) -> Path:
        """Where an object's file lies, or would."""
        return self._root / check_key(key)

    def staged(self, name: str) -> Path:
        """A file beside the store, on the same disk, for what `move_in` takes."""
        return self._staging / name

    def move_in(self, staged: Path, key: str) -> None:
        """Rename a file of this disk that was flushed into place, durably. Blocks."""
        target = self._root / check_key(key)
        with on_disk():
            try:
                made = self._rename(staged, target)
            except (NotADirectoryError, FileExistsError, IsADirectoryError) as exc:
                raise ValueError("a key in files is not both an object and the beginning of other keys") from exc
            for directory in {target.parent, *made}:
                sync_directory(directory)

    def _rename(self, staged: Path, target: Path) -> set[Path]:
        made: set[Path] = set()
        while True:
            made |= make_directories(target.parent, self._root)
            try:
                staged.rename(target)
            except FileNotFoundError:
                # A delete removed the directory while it was empty: make it again.
                if not staged.exists():
                    raise
            else:
                return made

    async def delete(self, key: str) -> None:
        check_key(key)
        await asyncio.to_thread(self._remove, self._root / key)

    async def _delete_many(self, keys: builtins.list[str]) -> None:
        for key in keys:
            await self.delete(key)

    def _remove(self, target: Path) -> None:
        try:
            target.unlink()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return
        sync_directory(target.parent)
        self.prune(target)

    def prune(self, path: Path) -> None:
        """Remove the directories above `path` that are empty now."""
        for directory in path.parents:
            if directory == self._root:
                return
            try:
                directory.rmdir()
            except OSError:
                return  # not empty, or somebody else removed it

    def local_path(self, key: str) -> Path | None:
        path = self._root / check_key(key)
        return path if path.is_file() else None


@contextlib.contextmanager
def on_disk() -> Iterator[None]:
    """A disk that is full or broken is the operator's affair. Only around our own files: what a caller reads from fails as it does."""
    try:
        yield
    except OSError as exc:
        raise errors.Unavailable("The object store does not take data.") from exc


def _write(path: Path, data: bytes) -> None:
    with on_disk(), path.open("xb") as file:
        file.write(data)
        _sync(file)


def _copy(source: Path, path: Path) -> None:
    with source.open("rb") as reading, on_disk(), path.open("xb") as file:
        shutil.copyfileobj(reading, file, 1 << 20)
        _sync(file)


async def _write_stream(path: Path, parts: AsyncIterator[bytes]) -> None:
    with on_disk():
        file = await asyncio.to_thread(path.open, "xb")
    try:
        async for part in parts:
            with on_disk():
                await asyncio.to_thread(file.write, part)
        with on_disk():
            await asyncio.to_thread(_sync, file)
    finally:
        with on_disk():
            await asyncio.to_thread(file.close)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return  # removed since: whoever removed it flushes its parent
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(directory: Path, root: Path) -> set[Path]:
    """Make what is missing below the root; answers the directories that got a new entry."""
    changed: set[Path] = set()
    missing = []
    while directory != root and not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for path in reversed(missing):
        with contextlib.suppress(FileNotFoundError):  # a delete removed its parent: the caller comes again
            path.mkdir(exist_ok=True)
        changed.add(path.parent)
    return changed


def _stored(meta: Any) -> StoredObject:
    modified: datetime = meta["last_modified"]
    etag = str(meta["e_tag"] or f"{int(modified.timestamp() * 1_000_000):x}-{meta['size']:x}").strip('"')
    return StoredObject(str(meta["path"]), int(meta["size"]), etag, int(modified.timestamp() * 1000))


def _unavailable(exc: BaseException) -> errors.Unavailable:
    return errors.Unavailable(f"The object store does not answer ({type(exc).__name__}).")


def make_storage(storage_url: str, data_dir: Path) -> ObjectStorage:
    """The store that `storage_url` names. Raises ConfigError for an address of no known kind."""
    if not storage_url:
        return LocalStorage(data_dir / OBJECTS_NAME)
    parts = urlsplit(storage_url)
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        unknown = set(query) - {"endpoint", "region"}
        if unknown:
            raise errors.ConfigError(f"storage_url: {', '.join(sorted(unknown))} is not known; endpoint and region are")
        options: dict[str, Any] = {"region": query.get("region", os.environ.get("AWS_REGION", "us-east-1")), "retry_config": S3_RETRY}
        if "endpoint" in query:
            # Path style: an endpoint of one's own seldom has a name per bucket.
            options |= {"endpoint": query["endpoint"], "virtual_hosted_style_request": False}
            if query["endpoint"].startswith("http://"):
                options["client_options"] = {"allow_http": True}
        return ObjectStorage(S3Store(parts.netloc, prefix=parts.path.strip("/") or None, **options))
    raise errors.ConfigError("storage_url: empty, file:///directory or s3://bucket/prefix?endpoint=…&region=… is meant")
