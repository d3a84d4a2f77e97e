"""Retention of replays: where the operator sets it, recordings of lives are deleted after so many days, and their owners are told before.

The time is set together with the notice, never earlier than the notice allows: a setting that is turned on today deletes nothing
today. A person who wants to keep one has until then to download it.
"""

from typing import Any

import structlog
from sqlalchemy import select, update

from livecore.library.tables import video
from livecore.library.videos import Videos
from livecore.ports import Clock, Database, Holds, Notifier

log = structlog.get_logger("library")

_DAY_MS = 86_400_000
# Time to download it: somebody who looks in once a week sees the notice.
NOTICE_DAYS = 7
# In one transaction, so that other writers have their turn.
BATCH = 200


class Replays:
    """`days` 0: replays are kept. `holds`: whose replays stay although their time is over, until the hold ends."""

    def __init__(self, db: Database, clock: Clock, videos: Videos, notifier: Notifier, days: int, holds: Holds) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos
        self._notifier = notifier
        self._days = days
        self._holds = holds

    async def expire(self) -> None:
        """Tell of what will go, delete what was told of and is over its time. Run again and again; a kill between costs nothing."""
        if not self._days:
            async with self._db.write() as conn:
                await conn.execute(update(video).where(video.c.expires_ms.is_not(None)).values(expires_ms=None))
            return
        await self._tell()
        await self._delete()

    async def _tell(self) -> None:
        now_ms = self._clock.at_ms()
        notice_ms = NOTICE_DAYS * _DAY_MS
        is_due = video.c.recorded_ms < now_ms - self._days * _DAY_MS + notice_ms
        query = select(video).where(video.c.live_id.is_not(None), video.c.expires_ms.is_(None), is_due).limit(BATCH)
        while True:
            async with self._db.write() as conn:
                rows: list[dict[str, Any]] = [dict(row) for row in (await conn.execute(query)).mappings()]
                for row in rows:
                    expires_ms = max(row["recorded_ms"] + self._days * _DAY_MS, now_ms + notice_ms)
                    await conn.execute(
                        update(video).where(video.c.id == row["id"]).values(expires_ms=expires_ms, version=video.c.version + 1)
                    )
                    data = {"video": row["id"], "title": row["title"], "expires_at": expires_ms}
                    await self._notifier.notify(
                        conn, row["owner_id"], "replay_expires", data, key=f"replay_expires:{row['id']}:{expires_ms}"
                    )
            if len(rows) < BATCH:
                return

    async def _delete(self) -> None:
        query = select(video.c.id, video.c.owner_id).where(video.c.expires_ms <= self._clock.at_ms()).order_by(video.c.id).limit(BATCH)
        last = ""
        while True:
            async with self._db.read() as conn:
                rows = [(row.id, row.owner_id) for row in await conn.execute(query.where(video.c.id > last))]
            for video_id, owner_id in rows:
                last = video_id
                if await self._holds.held(owner_id):
                    continue
                await self._videos.expire(video_id, owner_id)
                log.info("replay over its time", video=video_id)
            if len(rows) < BATCH:
                return
