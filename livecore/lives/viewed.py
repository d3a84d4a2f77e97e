"""Lives as people watch them while they run. Keeps `ports.Viewed`."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.lives.service import Lives
from livecore.lives.tables import live
from livecore.ports import Clock, Database, Taste, Watchable

# A player tells of its last seconds when it hears that the live is over.
LAST_REPORT_MS = 30_000


class ViewedLives:
    def __init__(self, db: Database, clock: Clock, lives: Lives) -> None:
        self._db = db
        self._clock = clock
        self._lives = lives

    async def watchable(self, viewer_id: str, content_id: str) -> Watchable:
        row = await self._lives.to_watch(viewer_id, content_id)
        now_ms = self._clock.at_ms()
        if row["owner_id"] != viewer_id:
            if row["state"] == "waiting":
                raise errors.Conflict("This live has not begun.", type="not_begun")
            if row["state"] == "ended" and now_ms - row["ended_ms"] > LAST_REPORT_MS:
                raise errors.Gone("This live is over.", type="ended", video=row["video_id"])
        began_ms = row["started_ms"]
        length_ms = 0 if began_ms is None else max(0, (now_ms if row["ended_ms"] is None else row["ended_ms"]) - began_ms)
        return Watchable(row["owner_id"], length_ms, row["views"], row["watched_ms"], now_at_ms=length_ms)

    async def viewed(self, conn: AsyncConnection, content_id: str, views: int, watched_ms: int) -> bool:
        sums = {live.c.views: live.c.views + views, live.c.watched_ms: live.c.watched_ms + watched_ms}
        return bool((await conn.execute(update(live).where(live.c.id == content_id).values(sums))).rowcount)

    async def tastes(self, content_ids: Sequence[str]) -> Mapping[str, Taste]:
        async with self._db.read() as conn:
            rows = await conn.execute(select(live.c.id, live.c.owner_id).where(live.c.id.in_(content_ids)))
            return {row.id: Taste(row.owner_id, (), 0) for row in rows}
