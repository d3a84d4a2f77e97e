"""What becomes of a stored file before others see it: judged, stills taken, loudness measured, made playable, then `ready`.

Each step is noted in `video.made` when it is done, so that a job that was killed goes on with the next. Children do the work
(`library.work`), as many at once as a setting says, at the lowest priority: the machine's cores belong to those who are live. How far
it is stands in the video and is told to its owner as `video.progress`.
"""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select, update

from livecore import cores, errors
from livecore.config import Settings
from livecore.library import fingerprints, made
from livecore.library.children import Killed, NotShowable, Told, local_copy, run
from livecore.library.copies import Copies
from livecore.library.plan import Rendition, plan
from livecore.library.tables import VIDEO_PREFIX, video
from livecore.library.uploads import Uploads
from livecore.library.videos import POSTER_JOB, PROCESS_JOB
from livecore.ports import Clock, Database, Growing, Job, Jobs, Signals, Storage

log = structlog.get_logger("library")

# Renditions of a long film at the lowest priority.
PROCESS_TIMEOUT_S = 24 * 3600
# A film whose child is ended by somebody this often takes more than this machine has.
KILLS_LIMIT = 5
# Told at most this often; the record is written as seldom.
TELL_EVERY_S = 0.5
# Where each step ends on the way from 0 to 1.
STORED, LOOKED, HEARD, PLAYABLE = 0.15, 0.35, 0.45, 1.0

Row = dict[str, Any]


class Processing:
    """Handles the jobs `video.process` and `video.poster`."""

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
        self._db = db
        self._clock = clock
        self._storage = storage
        self._growing = growing
        self._signals = signals
        self._settings = settings
        self._uploads = uploads
        self._copies = copies
        self._slots = asyncio.Semaphore(settings.transcodes)
        jobs.handle(PROCESS_JOB, self._process, timeout_s=PROCESS_TIMEOUT_S, at_once=settings.transcodes)
        jobs.handle(POSTER_JOB, self._choose_poster, at_once=1)

    async def _process(self, job: Job) -> None:
        row = await self._row(job.payload["video"])
        if row is None:
            # Deleted meanwhile: what came for it goes too.
            await self._uploads.taken(job.payload["video"])
            return
        # Done by a run whose end was not noted.
        if row["status"] != "processing":
            return
        try:
            if row["stored_ms"] is None:
                await self._store(row)
            async with self._slots, local_copy(self._storage, row["object_key"]) as path:
                done = await self._make(row, path)
        except errors.LegallyUnavailable:
            # Nothing of it is kept: it may not be had here.
            await self._fail(row, "removed_copy", sha256=None, size_bytes=0, poster_key=None, poster_sha256=None, made=None)
            await self._storage.delete_prefix(self._prefix(row))
            return
        except (KeyError, NotShowable) as refused:
            log.warning("video failed", video=row["id"], why=str(refused))
            await self._fail(row, "not_showable")
            return
        except Killed as killed:
            log.warning("a child was killed", video=row["id"], work=str(killed), attempt=job.attempt)
            if job.attempt < KILLS_LIMIT:
                raise
            await self._fail(row, "not_showable")
            return
        published_ms = func.coalesce(video.c.published_ms, self._clock.at_ms())
        if await self._settle(row, status="ready", progress=1.0, published_ms=published_ms, **done):
            await self._tell(row, "ready", 1.0)
        else:
            # Deleted while it was made ready: nobody else knows of those objects.
            await self._storage.delete_prefix(self._prefix(row))

    async def _row(self, video_id: str) -> Row | None:
        async with self._db.read() as conn:
            found = (await conn.execute(select(video).where(video.c.id == video_id))).mappings().one_or_none()
        return None if found is None else dict(found)

    async def _fail(self, row: Row, failure: str, **values: Any) -> None:
        if await self._settle(row, status="failed", failure=failure, progress=1.0, **values):
            await self._tell(row, "failed", 1.0)

    # -- the steps

    async def _store(self, row: Row) -> None:
        """Take an upload's bytes over. Raises LegallyUnavailable for those of something that was taken down."""
        sources = await self._uploads.sources_of(row["id"])
        if sources is not None:
            await self._growing.seal(sources, row["object_key"])
        told, size, digest = self._teller(row, 0.0, STORED), 0, hashlib.sha256()
        async for part in self._storage.stream(row["object_key"]):
            await asyncio.to_thread(digest.update, part)
            size += len(part)
            await told(size / max(1, row["size_bytes"]))
        row |= {"sha256": digest.hexdigest(), "stored_ms": self._clock.at_ms(), "size_bytes": size}
        values = {name: row[name] for name in ("sha256", "stored_ms", "size_bytes")}
        await self._settle(row, progress=STORED, **values)
        await self._uploads.taken(row["id"])
        await self._copies.check_digest(row["sha256"])

    async def _make(self, row: Row, path: Path) -> Row:
        """Everything after the bytes are there; answers the columns that it gives."""
        done = made.read(row)
        with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
            target = Path(directory)
            if "look" not in done:
                done["look"] = await self._run("look", path, target, self._teller(row, STORED, LOOKED))
                await self._look_stored(row, done, target)
            if "sound" not in done and done["look"].get("audio"):
                try:
                    done["sound"] = await self._run("sound", path, None, self._teller(row, LOOKED, HEARD))
                except NotShowable as refused:
                    # It is seen all the same.
                    log.info("loudness not measured", video=row["id"], why=str(refused))
                    done["sound"] = {}
                await self._note(row, done)
            wanted = plan(done["look"], always_ladder=self._settings.video_ladder == "always" and row["source"] is None)
            steps = 1 + len(wanted.renditions)
            share = (PLAYABLE - HEARD) / steps
            if wanted.play == "repack" and "play" not in done:
                done["play"] = await self._repack(row, path, target, self._teller(row, HEARD, HEARD + share))
                await self._note(row, done)
            for number, one in enumerate(wanted.renditions, 1):
                if one.name not in done.setdefault("renditions", {}):
                    told = self._teller(row, HEARD + share * number, HEARD + share * (number + 1))
                    done["renditions"][one.name] = await self._rendition(row, one, path, target, told)
                    await self._note(row, done)
        return {"made": made.written(done)}

    async def _run(self, work: str, path: Path, target: Path | None, told: Told | None, **order: Any) -> dict[str, Any]:
        settings = self._settings
        return await run(
            work, path, target, nice=settings.transcode_nice, cores=cores.for_files(settings.worker_count()), told=told, **order
        )

    async def _look_stored(self, row: Row, done: made.Made, target: Path) -> None:
        """Keep the stills, and what is known now. Raises LegallyUnavailable for a near copy, NotShowable for what is too long."""
        found = done["look"]
        if found["duration_s"] > self._settings.video_limit_s:
            raise NotShowable("too long")
        look, mirror = found.pop("fingerprint", ""), found.pop("mirror", "")
        await self._copies.check_look("video", fingerprints.read(look), fingerprints.read(mirror))
        values: Row = {
            "made": made.written(done),
            "fingerprint": look,
            "duration_ms": row["duration_ms"] or round(1000 * found["duration_s"]),
        }
        if row["source"] is None:
            kind = "video" if found["video"] else "audio"
            types = {"webm": f"{kind}/webm", "mov": f"{kind}/mp4", "matroska": f"{kind}/x-matroska"}
            values |= {"media_type": types.get(found["container"], row["media_type"])}
            values |= {"video_codec": (found["video"] or {}).get("codec"), "audio_codec": (found["audio"] or {}).get("codec")}
        if found["video"]:
            values |= {"width": found["width"], "height": found["height"]} | await self._poster_stored(row, target)
            for name in ("sprites.jpg", "preview.webp"):
                if (target / name).is_file():
                    await self._storage.put(f"{self._prefix(row)}{name}", target / name)
        if await self._settle(row, **values):
            async with self._db.write() as conn:
                await self._copies.looked_at(conn, "video", row["id"], look)

    async def _poster_stored(self, row: Row, target: Path) -> Row:
        jpeg = await asyncio.to_thread((target / "poster.jpg").read_bytes)
        digest = hashlib.sha256(jpeg).hexdigest()
        # A name of its own: whoever reads the one before reads it to its end.
        key = f"{self._prefix(row)}poster-{digest[:16]}.jpg"
        await self._storage.put(key, jpeg)
        return {"poster_key": key, "poster_sha256": digest}

    async def _repack(self, row: Row, path: Path, target: Path, told: Told) -> dict[str, Any]:
        await self._run("repack", path, target, told)
        key, file = f"{self._prefix(row)}play.mp4", target / "play.mp4"
        stored = await self._storage.put(key, file)
        kind = "video" if row["video_codec"] else "audio"
        digest = await asyncio.to_thread(_digest, file)
        file.unlink()
        return {"key": key, "size_bytes": stored.size_bytes, "sha256": digest, "media_type": f"{kind}/mp4"}

    async def _rendition(self, row: Row, one: Rendition, path: Path, target: Path, told: Told) -> dict[str, Any]:
        order = {"name": one.name, "side": one.side, "kbps": one.kbps, "cpu_s": self._settings.transcode_cpu_s}
        found = await self._run("rendition", path, target, told, **order)
        playlist, media = made.rendition_files(one.name)
        size = (await self._storage.put(f"{self._prefix(row)}hls/{media}", target / media)).size_bytes
        await self._storage.put(f"{self._prefix(row)}hls/{playlist}", target / playlist)
        (target / media).unlink()
        return found | {"kbps": one.kbps, "size_bytes": size}

    # -- another poster

    async def _choose_poster(self, job: Job) -> None:
        row = await self._row(job.payload["video"])
        if row is None or row["stored_ms"] is None or row["poster_key"] is None:
            return
        with tempfile.TemporaryDirectory(prefix="livecore-") as directory:
            async with local_copy(self._storage, row["object_key"]) as path:
                await self._run("look", path, Path(directory), None, poster_at_s=job.payload["at_s"], poster_only=True)
            before, values = row["poster_key"], await self._poster_stored(row, Path(directory))
        if await self._settle(row, **values):
            if before != values["poster_key"]:
                await self._storage.delete(before)
            await self._tell(row, row["status"], row["progress"])
        else:
            await self._storage.delete_prefix(self._prefix(row))

    # -- noting and telling

    def _prefix(self, row: Row) -> str:
        return f"{VIDEO_PREFIX.format(account=row['owner_id'])}{row['id']}/"

    async def _note(self, row: Row, done: made.Made) -> None:
        await self._settle(row, made=made.written(done))

    async def _settle(self, row: Row, **values: Any) -> bool:
        """Whether the video is still there. What people may change it by (`If-Match`) goes on only when they see a difference."""
        version = {"version": video.c.version + 1} if values.keys() - {"made", "progress"} else {}
        async with self._db.write() as conn:
            changed = await conn.execute(update(video).where(video.c.id == row["id"]).values(**values, **version))
        row |= {name: value for name, value in values.items() if name != "published_ms"}
        return bool(changed.rowcount)

    def _teller(self, row: Row, start: float, end: float) -> Told:
        """Turns a step's own 0..1 into the whole's, and tells it now and then."""
        last = self._clock.now() - TELL_EVERY_S

        async def told(done: float) -> None:
            nonlocal last
            now = self._clock.now()
            if now - last >= TELL_EVERY_S:
                last = now
                progress = start + (end - start) * min(1.0, done)
                await self._settle(row, progress=progress)
                await self._tell(row, "processing", progress)

        return told

    async def _tell(self, row: Row, status: str, progress: float) -> None:
        data = {"video": row["id"], "status": status, "progress": round(progress, 3)}
        await self._signals.to_account(row["owner_id"], "video.progress", data)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
