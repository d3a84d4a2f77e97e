"""How creators' videos do on average. Keeps `ports.CreatorQuality`."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select

from livecore.among import among, members
from livecore.library.tables import video
from livecore.ports import Clock, Database

# How a creator does changes slowly.
KEPT_S = 600.0
CACHE_CREATORS = 20_000


class Quality:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float | None, float]] = (
            OrderedDict()
        )  # None: nothing of theirs was watched; until when it stands
        self._sums = (
            select(video.c.owner_id, func.sum(video.c.watched_ms), func.sum(video.c.duration_ms * video.c.views))
            .where(among(db.dialect, video.c.owner_id, "owners"), video.c.views > 0)
            .group_by(video.c.owner_id)
        )

    async def quality(self, owner_ids: Sequence[str]) -> Mapping[str, float]:
        now = self._clock.now()
        missing = [owner for owner in owner_ids if self._kept.get(owner, (None, 0.0))[1] <= now]
        if missing:
            async with self._db.read() as conn:
                rows = (await conn.execute(self._sums, {"owners": members(self._db.dialect, missing)})).all()
            found = {owner: min(1.0, watched / length) for owner, watched, length in rows if length}
            self._kept |= {owner: (found.get(owner), now + KEPT_S) for owner in missing}
            while len(self._kept) > CACHE_CREATORS:
                self._kept.popitem(last=False)
        known = {owner: self._kept[owner][0] for owner in owner_ids if owner in self._kept}
        return {owner: value for owner, value in known.items() if value is not None}
