"""The service of videos: who may see one, and how it comes, changes and goes.

Whether somebody may see a video is decided at each request from what is stored now: a block, a takedown or a change
of audience holds in the very next one, whatever signed links are about.
"""

import asyncio
import errno
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import structlog
from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.library.copies import Copies
from livecore.library.held import HeldContent
from livecore.library.tables import VIDEO_PREFIX, video, video_share
from livecore.library.upload_rules import choices
from livecore.ports import (
    Audience,
    Clock,
    Database,
    Directory,
    Discussion,
    Jobs,
    Principal,
    Relations,
    Storage,
    TakedownTarget,
    Talk,
    ViewRows,
)
from livecore.wording import tags_of

log = structlog.get_logger("library")

PROCESS_JOB = "video.process"
POSTER_JOB = "video.poster"
REMOVE_JOB = "video.remove"
TITLE_LIMIT = 200
_READ_BYTES = 1 << 20
# Of one live: nine hosts who each come back some twenty times.
REPLAYS_LIMIT = 200

Row = dict[str, Any]


class Videos:
    """Keeps the `TakedownPort` of kind "video", `ports.Discussed` and an `Eraser`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        storage: Storage,
        jobs: Jobs,
        relations: Relations,
        directory: Directory,
        copies: Copies,
        talk: Talk,
        views: ViewRows,
        held: HeldContent,
    ) -> None:
        self._db = db
        self._clock = clock
        self._storage = storage
        self._jobs = jobs
        self._relations = relations
        self._directory = directory
        self._copies = copies
        self._talk = talk
        self._views = views
        self._held = held
        jobs.handle(REMOVE_JOB, self._remove_objects)

    # -- coming

    async def create_from_recording(
        self, owner_id: str, live_id: str, path: Path, facts: Mapping[str, Any], visibility: Audience, title: str
    ) -> str:
        """Keep a finished file of the recorder; its own copy may go when this returns. The same recording again changes nothing.

        Args:
            facts: the recorder's announcement (`recording`, `part`, `duration_s`, `video`, `audio`, `started_at_ms`).

        Raises:
            OSError: the file cannot be read.
            errors.Unavailable: the store does not take it.
        """
        source = f"{facts['recording']}.{facts.get('part', 0)}"
        if await self._by_source(source) is None and not await asyncio.to_thread(path.is_file):
            # It was taken before, and its video has been deleted since.
            raise FileNotFoundError(errno.ENOENT, "the recording is gone", path.name)
        row = await self._begin(owner_id, live_id, source, path, facts, visibility, title)
        if row["stored_ms"] is None:
            digest, size_bytes = await asyncio.to_thread(_digest, path)
            await self._storage.put(row["object_key"], path)
            if not await self._stored(row["id"], digest, size_bytes):
                # Deleted while it came: nobody else knows of the object.
                await self._storage.delete_prefix(f"{VIDEO_PREFIX.format(account=owner_id)}{row['id']}/")
        return str(row["id"])

    async def _begin(
        self, owner_id: str, live_id: str, source: str, path: Path, facts: Mapping[str, Any], visibility: Audience, title: str
    ) -> Row:
        """The row comes before the object, so that a kill between them leaves nothing that nobody knows of."""
        video_id, picture, sound = new_id(), facts.get("video"), facts.get("audio")
        container = "mp4" if path.suffix == ".mp4" else "webm"
        fresh = {
            "id": video_id,
            "owner_id": owner_id,
            "live_id": live_id,
            "source": source,
            "title": title[:TITLE_LIMIT],
            "tags": " ".join(tags_of(title[:TITLE_LIMIT])),
            "visibility": visibility,
            "allow_download": True,
            "status": "processing",
            "progress": 0.0,
            "media_type": f"{'video' if picture else 'audio'}/{container}",
            "object_key": f"{VIDEO_PREFIX.format(account=owner_id)}{video_id}/original.{container}",
            "duration_ms": round(1000 * float(facts["duration_s"])),
            "width": int(picture["width"]) if picture else 0,
            "height": int(picture["height"]) if picture else 0,
            "video_codec": picture["codec"] if picture else None,
            "audio_codec": sound["codec"] if sound else None,
            "recorded_ms": facts.get("started_at_ms"),
            "recording_end": str(facts["reason"])[:20] if facts.get("reason") else None,
            "created_ms": self._clock.at_ms(),
        }
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(video).values(**fresh))
        except IntegrityError:
            log.info("recording told again", live=live_id)
        row = await self._by_source(source)
        if row is None:
            raise errors.Unavailable("The video was deleted while it came.")
        return row

    async def _by_source(self, source: str) -> Row | None:
        async with self._db.read() as conn:
            row = (await conn.execute(select(video).where(video.c.source == source))).mappings().one_or_none()
        return None if row is None else dict(row)

    async def _stored(self, video_id: str, digest: str, size_bytes: int) -> bool:
        """Whether the video is still there."""
        async with self._db.write() as conn:
            await conn.execute(
                update(video)
                .where(video.c.id == video_id, video.c.stored_ms.is_(None))
                .values(sha256=digest, size_bytes=size_bytes, stored_ms=self._clock.at_ms(), progress=0.5)
            )
            is_there = (await conn.execute(select(video.c.id).where(video.c.id == video_id))).first() is not None
            if is_there:
                await self._jobs.enqueue(conn, PROCESS_JOB, {"video": video_id}, key=f"{PROCESS_JOB}:{video_id}")
        return is_there

    async def begin_upload(self, conn: AsyncConnection, video_id: str, upload: Mapping[str, Any], suffix: str, media_type: str) -> None:
        """Part of the transaction that says that an upload is whole: its bytes are taken over and looked at by a job."""
        owner_id = upload["account_id"]
        await conn.execute(
            insert(video).values(
                id=video_id,
                owner_id=owner_id,
                title=upload["title"],
                tags=" ".join(tags_of(upload["title"])),
                visibility=upload["visibility"],
                **choices(upload["metadata"]),
                status="processing",
                progress=0.0,
                media_type=media_type,
                object_key=f"{VIDEO_PREFIX.format(account=owner_id)}{video_id}/original.{suffix}",
                size_bytes=upload["length_bytes"],
                created_ms=self._clock.at_ms(),
            )
        )
        await self._jobs.enqueue(conn, PROCESS_JOB, {"video": video_id}, key=f"{PROCESS_JOB}:{video_id}")

    # -- seeing

    async def row(self, video_id: str) -> Row:
        """The stored row, whoever asks. Raises NotFound."""
        async with self._db.read() as conn:
            found = (await conn.execute(select(video).where(video.c.id == video_id))).mappings().one_or_none()
        if found is None:
            raise errors.NotFound("There is no such video.")
        return dict(found)

    async def get(self, viewer_id: str, video_id: str) -> Row:
        """A video as `viewer_id` may see it; its owner sees it in every state.

        Raises:
            errors.NotFound: there is none for this viewer (blocks and audiences are not told apart).
            errors.LegallyUnavailable: it was taken down.
        """
        row = await self.row(video_id)
        if row["owner_id"] == viewer_id:
            return row
        if row["status"] != "ready" or not await self._directory.is_active(row["owner_id"]):
            raise errors.NotFound("There is no such video.")
        if not await self._relations.allows(row["owner_id"], viewer_id, row["visibility"]):
            raise errors.NotFound("There is no such video.")
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This video was removed.", type="removed")
        return row

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Keeps `ports.ShareGate`; one's own video that was taken down is not handed on either."""
        if (await self.get(me.account_id, content_id))["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This video was removed.", type="removed")

    async def file(self, viewer_id: str, video_id: str, *, download: bool = False) -> Row:
        """As `get`, for its bytes: somebody's own video that was taken down gives none either.

        Raises also:
            errors.Forbidden: its owner does not offer it for download.
            errors.Conflict: it is not ready yet.
        """
        row = await self.get(viewer_id, video_id)
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This video was removed.", type="removed")
        if download and not row["allow_download"] and row["owner_id"] != viewer_id:
            raise errors.Forbidden("The owner does not offer this video for download.", type="download_off")
        if row["sha256"] is None:
            raise errors.Conflict("This video is still being stored.", type="not_ready")
        return row

    async def of(self, viewer_id: str, owner_id: str, limit: int, before: tuple[int, str] | None) -> list[Row]:
        """An account's videos, newest first, as far as the viewer may see them; `before` is the last one's (created_ms, id)."""
        query = select(video).where(video.c.owner_id == owner_id)
        if viewer_id != owner_id:
            if not await self._directory.is_active(owner_id):
                return []
            audiences = [a for a in ("everyone", "contacts", "friends") if await self._relations.allows(owner_id, viewer_id, a)]
            query = query.where(video.c.visibility.in_(audiences), video.c.status == "ready", video.c.disabled_reason.is_(None))
        if before is not None:
            query = query.where(_before(video.c.created_ms, before))
        query = query.order_by(video.c.created_ms.desc(), video.c.id.desc()).limit(limit)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def replays(self, viewer_id: str, live_id: str) -> list[Row]:
        """What was recorded of a live, as far as the viewer may see it: by when it began, so that the parts of each host follow one another."""
        query = select(video).where(video.c.live_id == live_id).order_by(video.c.recorded_ms, video.c.source).limit(REPLAYS_LIMIT)
        async with self._db.read() as conn:
            rows = [dict(row) for row in (await conn.execute(query)).mappings()]
        shown = []
        for row in rows:
            is_shown = row["status"] == "ready" and row["disabled_reason"] is None and await self._directory.is_active(row["owner_id"])
            if row["owner_id"] == viewer_id or (is_shown and await self._relations.allows(row["owner_id"], viewer_id, row["visibility"])):
                shown.append(row)
        return shown

    async def by_ids(self, video_ids: Sequence[str]) -> dict[str, Row]:
        if not video_ids:
            return {}
        async with self._db.read() as conn:
            rows = (await conn.execute(select(video).where(video.c.id.in_(video_ids)))).mappings()
            return {row["id"]: dict(row) for row in rows}

    # -- changing and going

    async def change(self, me: Principal, video_id: str, version: int | None, changes: Mapping[str, Any]) -> Row:
        """Title, visibility, allow_download, and `poster_at_s`, a moment to take the poster from.

        Raises NotFound, Forbidden (not the owner), StaleTag, Invalid (a moment past the end), Conflict (nothing to take it from).
        """
        row = await self._owned(me, video_id)
        changes = dict(changes)
        moment = changes.pop("poster_at_s", None)
        if moment is not None:
            if row["poster_key"] is None:
                raise errors.Conflict("There is no picture to choose from.", type="not_ready")
            if moment * 1000 > row["duration_ms"]:
                raise errors.Invalid([errors.FieldError("poster_at_s", "is past the end")])
        async with self._db.write() as conn:
            known = (await conn.execute(select(video.c.version).where(video.c.id == video_id))).scalar_one_or_none()
            if known is None:
                raise errors.NotFound("There is no such video.")
            if version is not None and known != version:
                raise errors.StaleTag()
            if changes:
                tags = {"tags": " ".join(tags_of(changes["title"]))} if "title" in changes else {}
                await conn.execute(update(video).where(video.c.id == video_id).values(**changes, **tags, version=video.c.version + 1))
            if moment is not None:
                await self._jobs.enqueue(conn, POSTER_JOB, {"video": video_id, "at_s": moment})
        return await self.row(video_id)

    async def delete(self, me: Principal, video_id: str, version: int | None) -> None:
        """Row and rows about it go in one transaction; its objects by a job that outlives this process, or when no legal hold is on its owner."""
        await self._owned(me, video_id)
        is_held = await self._held.holds.held(me.account_id)
        async with self._db.write() as conn:
            row = (await conn.execute(select(video).where(video.c.id == video_id))).mappings().one_or_none()
            if row is None:
                raise errors.NotFound("There is no such video.")
            if version is not None and row["version"] != version:
                raise errors.StaleTag()
            await self._drop(conn, [video_id])
            if is_held:
                await self._held.keep(conn, "video", dict(row))
            else:
                await self._jobs.enqueue(conn, REMOVE_JOB, {"owner": me.account_id, "video": video_id})

    async def expire(self, video_id: str, owner_id: str) -> None:
        """Delete one that is over its time. One that is gone changes nothing."""
        async with self._db.write() as conn:
            await self._drop(conn, [video_id])
            await self._jobs.enqueue(conn, REMOVE_JOB, {"owner": owner_id, "video": video_id})

    async def _owned(self, me: Principal, video_id: str) -> Row:
        row = await self.get(me.account_id, video_id)
        if row["owner_id"] != me.account_id:
            raise errors.Forbidden("Only the owner may do that.", type="not_the_owner")
        return row

    async def _drop(self, conn: AsyncConnection, video_ids: Sequence[str]) -> None:
        await self._talk.drop(conn, video_ids)
        await self._views.drop(conn, video_ids)
        await conn.execute(delete(video_share).where(video_share.c.video_id.in_(video_ids)))
        await conn.execute(delete(video).where(video.c.id.in_(video_ids)))

    async def _remove_objects(self, job: Any) -> None:
        await self._storage.delete_prefix(f"{VIDEO_PREFIX.format(account=job.payload['owner'])}{job.payload['video']}/")

    async def erase(self, account_id: str) -> None:
        """See `ports.Eraser`: what others wrote about the account's videos goes with them."""
        async with self._db.write() as conn:
            owned = [row.id for row in await conn.execute(select(video.c.id).where(video.c.owner_id == account_id))]
            if owned:
                await self._drop(conn, owned)

    # -- what is said about them (ports.Discussed)

    async def discussed(self, viewer_id: str, content_id: str) -> Discussion:
        row = await self.get(viewer_id, content_id)
        return Discussion(row["owner_id"], row["visibility"], row["who_can_comment"])

    async def count(self, conn: AsyncConnection, content_id: str, counter: Literal["likes", "comments"], by: int) -> bool:
        column = video.c[counter]
        counted = await conn.execute(update(video).where(video.c.id == content_id).values({column: column + by}))
        return bool(counted.rowcount)

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            return (await conn.execute(select(video.c.owner_id).where(video.c.id == target.id))).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await conn.execute(update(video).where(video.c.id == target.id).values(disabled_reason=reason[:200], version=video.c.version + 1))
        await self._copies.block(conn, "video", target.id)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await conn.execute(update(video).where(video.c.id == target.id).values(disabled_reason=None, version=video.c.version + 1))
        await self._copies.unblock(conn, "video", target.id)

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the row."""


def _before(column: Any, before: tuple[int, str]) -> Any:
    at_ms, video_id = before
    return or_(column < at_ms, and_(column == at_ms, video.c.id < video_id))


def _digest(path: Path) -> tuple[str, int]:
    """SHA-256 in hexadecimal and size in bytes of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
