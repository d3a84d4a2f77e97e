"""Who watched the same videos and lives lately; keeps the promise of `ports.SharedAudience`."""

from collections import Counter

from sqlalchemy import select

from livecore.ports import Clock, Database
from livecore.viewing.tables import content_view

# What one watched last, and others who watched each of it: what everybody saw says nothing about two people.
ITEMS = 20
# A post is passed by, not chosen.
KINDS = ("video", "live")
VIEWERS = 200
RECENT_MS = 30 * 86_400_000
# One thing in common is chance.
LEAST = 2


class SharedAudience:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def watched_together(self, account_id: str, limit: int) -> dict[str, int]:
        columns = content_view.c
        since_ms = self._clock.at_ms() - RECENT_MS
        mine = select(columns.content_id).where(columns.account_id == account_id, columns.kind.in_(KINDS), columns.last_ms > since_ms)
        counted: Counter[str] = Counter()
        async with self._db.read() as conn:
            watched = (await conn.execute(mine.order_by(columns.last_ms.desc()).limit(ITEMS))).scalars().all()
            for content_id in watched:
                others = select(columns.account_id).where(
                    columns.content_id == content_id, columns.account_id != account_id, columns.last_ms > since_ms
                )
                counted.update((await conn.execute(others.limit(VIEWERS))).scalars())
        return {other: count for other, count in counted.most_common(limit) if count >= LEAST}
