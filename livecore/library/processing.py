"""What becomes of a stored file before others see it: a poster, then the state `ready`.

One child process at a time: the machine's cores belong to those who are live.
"""

import asyncio
import contextlib
import hashlib
import json
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select, update

from livecore.config import Settings
from livecore.library.copies import Copies
from livecore.library.tables import VIDEO_PREFIX, video
from livecore.library.uploads import Uploads
from livecore.library.videos import PROCESS_JOB
from livecore.ports import Clock, Database, Growing, Job, Jobs, Signals, Storage

log = structlog.get_logger("library")

# The child's own CPU limit is 20 s; on a busy machine that takes longer.
POSTER_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Poster:
    """What the child found. `jpeg` is None for sound alone."""

    jpeg: bytes | None
    width: int
    height: int


class NotShowable(Exception):
    """The file is no video that can be shown; trying again changes nothing."""


class Processing:
    """Handles the jobs `video.process`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        storage: Storage,
        growing: Growing,
        jobs: Jobs,
        signals: Signals,
        settings: Settings,
        uploads: Uploads,
        copies: Copies,
    ) -> None:
        self._growing = growing
        self._signals = signals
        self._settings = settings
        self._uploads = uploads
        self._copies = copies
        self._db = db
        self._clock = clock
        self._storage = storage
        self._one = asyncio.Semaphore(1)
        jobs.handle(PROCESS_JOB, self._process)

    async def _process(self, job: Job) -> None:
        async with self._db.read() as conn:
            found = (await conn.execute(select(video).where(video.c.id == job.payload["video"]))).mappings().one_or_none()
        # Deleted meanwhile, or done by a run whose end was not noted.
        if found is None or found["status"] != "processing":
            return
        row = dict(found) if found["stored_ms"] is not None else await self._store(dict(found))
        try:
            async with self._one, local_copy(self._storage, row["object_key"]) as path:
                poster = await make_poster(path)
        except (KeyError, NotShowable) as refused:
            log.warning("video failed", video=row["id"], why=str(refused))
            await self._settle(row["id"], status="failed", failure="not_showable", progress=1.0)
            return
        made: dict[str, Any] = {}
        if poster.jpeg is not None:
            key = f"{VIDEO_PREFIX.format(account=row['owner_id'])}{row['id']}/poster.jpg"
            await self._storage.put(key, poster.jpeg)
            made = {
                "poster_key": key,
                "poster_sha256": hashlib.sha256(poster.jpeg).hexdigest(),
                "width": poster.width,
                "height": poster.height,
            }
        is_there = await self._settle(
            row["id"], status="ready", progress=1.0, published_ms=func.coalesce(video.c.published_ms, self._clock.at_ms()), **made
        )
        if not is_there:
            # Deleted while its poster was made: nobody else knows of that object.
            await self._storage.delete_prefix(f"{VIDEO_PREFIX.format(account=row['owner_id'])}{row['id']}/")

    async def _store(self, row: dict[str, Any]) -> dict[str, Any]:
        """Take an upload's bytes over; again after a kill."""
        sources = await self._uploads.sources_of(row["id"])
        if sources is not None:
            await self._growing.seal(sources, row["object_key"])
        digest = hashlib.sha256()
        async for part in self._storage.stream(row["object_key"]):
            await asyncio.to_thread(digest.update, part)
        values = {"sha256": digest.hexdigest(), "stored_ms": self._clock.at_ms(), "progress": 0.2}
        if await self._settle(row["id"], **values):
            await self._uploads.taken(row["id"])
        return row | values

    async def _settle(self, video_id: str, **values: Any) -> bool:
        """Whether the video is still there."""
        async with self._db.write() as conn:
            done = await conn.execute(update(video).where(video.c.id == video_id).values(**values, version=video.c.version + 1))
        return bool(done.rowcount)


@contextlib.asynccontextmanager
async def local_copy(storage: Storage, key: str) -> AsyncIterator[Path]:
    """The object as a file: the store's own, or a temporary copy. Raises KeyError."""
    path = storage.local_path(key)
    if path is not None:
        yield path
        return
    await storage.head(key)
    with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
        copy = Path(directory) / Path(key).name
        file = await asyncio.to_thread(copy.open, "wb")
        try:
            async for chunk in storage.stream(key):
                await asyncio.to_thread(file.write, chunk)
        finally:
            await asyncio.to_thread(file.close)
        yield copy


async def make_poster(source: Path) -> Poster:
    """Run the child on a file. Raises NotShowable when it refuses, is killed by a limit, or takes too long."""
    with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
        target = Path(directory) / "poster.jpg"
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "livecore.library.poster",
            str(source.absolute()),
            str(target),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(POSTER_TIMEOUT_S):
                output, complaint = await child.communicate()
        except TimeoutError as late:
            raise NotShowable("timeout") from late
        finally:
            if child.returncode is None:
                child.send_signal(signal.SIGKILL)
                await child.wait()
        if child.returncode != 0:
            lines = complaint.decode(errors="replace").strip().splitlines()
            raise NotShowable(lines[-1][:80] if lines else f"status {child.returncode}")
        found = json.loads(output)
        jpeg = await asyncio.to_thread(target.read_bytes) if found["picture"] else None
        return Poster(jpeg, found["width"], found["height"])
