"""Views and watch time: written from heartbeats, read as habits for the feed and as insights for the creator. Keeps `ports.WatchHistory`."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.among import among, members
from livecore.library.tables import video, video_part, video_source, video_view
from livecore.library.videos import Videos
from livecore.library.watching import PARTS, Known, count, parts_of
from livecore.ports import Clock, Database, Directory, Principal

Source = Literal["feed", "profile", "search", "chat", "link", "other"]
Row = dict[str, Any]

# Habits are those of the last weeks, from the videos watched last.
HABIT_VIDEOS = 200
# A creator's numbers are shown of groups of people: below this many viewers a curve or a source would tell of somebody.
CURVE_VIEWERS = 5
SOURCE_VIEWS = 3
# How a creator does changes slowly.
QUALITY_S = 600.0
CACHE_CREATORS = 20_000


@dataclass(frozen=True)
class Insights:
    """`retention`: for each of PARTS equal parts, how much of it a viewer watched on average, 0 to 1; None below CURVE_VIEWERS.

    `sources`: views by page; those below SOURCE_VIEWS are together under `other`. `watched_ms` None below CURVE_VIEWERS.
    """

    views: int
    likes: int
    comments: int
    shares: int
    length_ms: int
    viewers: int | None
    watched_ms: int | None
    retention: tuple[float, ...] | None
    sources: Mapping[str, int]


class Views:
    def __init__(self, db: Database, clock: Clock, videos: Videos, directory: Directory) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos
        self._directory = directory
        self._quality: OrderedDict[str, tuple[float | None, float]] = OrderedDict()
        columns = video_view.c
        self._habits = (
            select(video.c.owner_id, video.c.tags, video.c.duration_ms, columns.video_id, columns.watched_ms)
            .join(video, video.c.id == columns.video_id)
            .where(columns.account_id == bindparam("me"))
            .order_by(columns.last_ms.desc())
            .limit(HABIT_VIDEOS)
        )
        length = func.sum(video.c.duration_ms * video.c.views)
        self._sums = (
            select(video.c.owner_id, func.sum(video.c.watched_ms), length)
            .where(among(db.dialect, video.c.owner_id, "owners"), video.c.views > 0)
            .group_by(video.c.owner_id)
        )

    async def report(self, me: Principal, video_id: str, seconds: float, position_s: float | None, source: Source) -> Row:
        """Note that `seconds` were watched up to `position_s`. One's own video is not counted, nor anything of who limits the use of
        their data: nothing is then written."""
        row = await self._videos.get(me.account_id, video_id)
        if row["owner_id"] == me.account_id or await self._directory.setting(me.account_id, "restrict"):
            return row
        now_ms = self._clock.at_ms()
        columns = video_view.c
        mine = (columns.video_id == video_id, columns.account_id == me.account_id)
        async with self._db.write() as conn:
            found = (
                await conn.execute(select(columns.views, columns.watched_ms, columns.last_ms, columns.counted_ms).where(*mine))
            ).first()
            known = None if found is None else Known(*found)
            last_any = select(func.max(columns.last_ms)).where(columns.account_id == me.account_id)
            last_any_ms = (await conn.execute(last_any)).scalar_one()
            counted = count(round(1000 * seconds), row["duration_ms"], known, last_any_ms, now_ms)
            if known is None:
                first = {"views": 1, "watched_ms": counted.watched_ms, "first_ms": now_ms, "last_ms": now_ms, "counted_ms": now_ms}
                await conn.execute(insert(video_view).values(video_id=video_id, account_id=me.account_id, **first))
            else:
                changes: dict[Any, Any] = {"watched_ms": columns.watched_ms + counted.watched_ms, "last_ms": max(now_ms, known.last_ms)}
                if counted.view:
                    changes |= {"views": columns.views + 1, "counted_ms": now_ms}
                await conn.execute(update(video_view).where(*mine).values(changes))
            if counted.view:
                await self._add(conn, video_source, {"video_id": video_id, "source": source}, "views", 1)
            position_ms = round(1000 * position_s) if position_s is not None else (known.watched_ms if known else 0) + counted.watched_ms
            for part, watched_ms in parts_of(position_ms, counted.watched_ms, row["duration_ms"]).items():
                await self._add(conn, video_part, {"video_id": video_id, "part": part}, "watched_ms", watched_ms)
            if counted.view or counted.watched_ms:
                sums = {video.c.views: video.c.views + counted.view, video.c.watched_ms: video.c.watched_ms + counted.watched_ms}
                await conn.execute(update(video).where(video.c.id == video_id).values(sums))
        return await self._videos.row(video_id)

    async def _add(self, conn: AsyncConnection, table: Any, key: Mapping[str, Any], column: str, by: int) -> None:
        made = (sqlite if self._db.dialect == "sqlite" else postgresql).insert(table).values({**key, column: by})
        await conn.execute(made.on_conflict_do_update(index_elements=list(key), set_={column: table.c[column] + by}))

    # -- for the feed

    async def habits(self, account_id: str) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
        async with self._db.read() as conn:
            rows = (await conn.execute(self._habits, {"me": account_id})).all()
        total = sum(row.watched_ms for row in rows) or 1
        creators: dict[str, float] = {}
        tags: dict[str, float] = {}
        for row in rows:
            share = row.watched_ms / total
            creators[row.owner_id] = creators.get(row.owner_id, 0.0) + share
            for tag in row.tags.split():
                tags[tag] = tags.get(tag, 0.0) + share
        return creators, tags, {row.video_id: row.watched_ms / row.duration_ms for row in rows if row.duration_ms}

    async def quality(self, owner_ids: Sequence[str]) -> Mapping[str, float]:
        now = self._clock.now()
        missing = [owner for owner in owner_ids if self._quality.get(owner, (None, 0.0))[1] <= now]
        if missing:
            async with self._db.read() as conn:
                rows = (await conn.execute(self._sums, {"owners": members(self._db.dialect, missing)})).all()
            found = {owner: min(1.0, watched / length) for owner, watched, length in rows if length}
            self._quality |= {owner: (found.get(owner), now + QUALITY_S) for owner in missing}
            while len(self._quality) > CACHE_CREATORS:
                self._quality.popitem(last=False)
        known = {owner: self._quality[owner][0] for owner in owner_ids if owner in self._quality}
        return {owner: value for owner, value in known.items() if value is not None}

    # -- for the creator

    async def insights(self, me: Principal, video_id: str) -> Insights:
        """Raises NotFound, Forbidden (not the owner)."""
        row = await self._videos.get(me.account_id, video_id)
        if row["owner_id"] != me.account_id:
            raise errors.Forbidden("Only the owner may see this.", type="not_the_owner")
        async with self._db.read() as conn:
            viewers = (
                await conn.execute(select(func.count()).select_from(video_view).where(video_view.c.video_id == video_id))
            ).scalar_one()
            parts = (await conn.execute(select(video_part.c.part, video_part.c.watched_ms).where(video_part.c.video_id == video_id))).all()
            sources = (
                await conn.execute(select(video_source.c.source, video_source.c.views).where(video_source.c.video_id == video_id))
            ).all()
        is_shown = viewers >= CURVE_VIEWERS
        part_ms = row["duration_ms"] / PARTS
        by_part = {row.part: row.watched_ms for row in parts}
        retention = None
        if is_shown and part_ms:
            retention = tuple(round(min(1.0, by_part.get(part, 0) / (part_ms * viewers)), 3) for part in range(PARTS))
        shown: dict[str, int] = {}
        for source, views in sources:
            name = source if is_shown and views >= SOURCE_VIEWS else "other"
            shown[name] = shown.get(name, 0) + views
        return Insights(
            views=row["views"],
            likes=row["likes"],
            comments=row["comments"],
            shares=row["shares"],
            length_ms=row["duration_ms"],
            viewers=viewers if is_shown else None,
            watched_ms=row["watched_ms"] if is_shown else None,
            retention=retention,
            sources=shown,
        )
