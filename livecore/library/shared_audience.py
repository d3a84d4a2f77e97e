"""Who watched the same videos lately; keeps the promise of `ports.SharedAudience`."""

from collections import Counter

from sqlalchemy import select

from livecore.library.tables import video_view
from livecore.ports import Clock, Database

# What one watched last, and others who watched each of it: a video that everybody saw says nothing about two people.
VIDEOS = 20
VIEWERS = 200
RECENT_MS = 30 * 86_400_000
# One video in common is chance.
LEAST = 2


class SharedAudience:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def watched_together(self, account_id: str, limit: int) -> dict[str, int]:
        columns = video_view.c
        since_ms = self._clock.at_ms() - RECENT_MS
        mine = select(columns.video_id).where(columns.account_id == account_id, columns.last_ms > since_ms)
        counted: Counter[str] = Counter()
        async with self._db.read() as conn:
            videos = (await conn.execute(mine.order_by(columns.last_ms.desc()).limit(VIDEOS))).scalars().all()
            for video_id in videos:
                others = select(columns.account_id).where(
                    columns.video_id == video_id, columns.account_id != account_id, columns.last_ms > since_ms
                )
                counted.update((await conn.execute(others.limit(VIEWERS))).scalars())
        return {other: count for other, count in counted.most_common(limit) if count >= LEAST}
