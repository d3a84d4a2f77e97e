"""Views and watch time: written from heartbeats, read as habits for the feed and as insights for the creator. Keeps `ports.WatchHistory`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ports import Clock, Database, Directory, Principal, Taste, Viewed, ViewedKind, Watchable
from livecore.viewing.tables import content_part, content_source, content_view
from livecore.viewing.watching import MINUTE_MS, PARTS, Known, by_parts, count, minutes_of, parts_of

Source = Literal["feed", "profile", "search", "chat", "link", "other"]

# Habits are those of the last weeks, from what was watched last.
HABIT_ITEMS = 200
# A creator's numbers are shown of groups of people: below this many viewers a curve or a source would tell of somebody.
CURVE_VIEWERS = 5
SOURCE_VIEWS = 3

_LAST = (
    select(content_view.c.kind, content_view.c.content_id, content_view.c.watched_ms)
    .where(content_view.c.account_id == bindparam("me"))
    .order_by(content_view.c.last_ms.desc())
    .limit(HABIT_ITEMS)
)


@dataclass(frozen=True)
class Insights:
    """`retention`: for each of PARTS equal parts, how much of it a viewer watched on average, 0 to 1; `audience`: of a live, how many
    watched on average in each of its minutes. Both None below CURVE_VIEWERS, as is `watched_ms`, and for what has no curve.

    `sources`: views by page; those below SOURCE_VIEWS are together under `other`.
    """

    views: int
    length_ms: int
    viewers: int | None
    watched_ms: int | None
    retention: tuple[float, ...] | None
    audience: tuple[float, ...] | None
    sources: Mapping[str, int]


class Views:
    def __init__(self, db: Database, clock: Clock, kinds: Mapping[str, Viewed], directory: Directory) -> None:
        self._db = db
        self._clock = clock
        self._kinds = kinds
        self._directory = directory
        self._last = db.prepare(_LAST)

    async def report(
        self, me: Principal, kind: ViewedKind, content_id: str, seconds: float, position_s: float | None, source: Source
    ) -> None:
        """Note that `seconds` were watched up to `position_s`. One's own is not counted, nor anything of who limits the use of their
        data: nothing is then written. Raises what `ports.Viewed.watchable` does."""
        watched = await self._kinds[kind].watchable(me.account_id, content_id)
        if watched.owner_id == me.account_id or await self._directory.setting(me.account_id, "restrict"):
            return
        now_ms = self._clock.at_ms()
        columns = content_view.c
        mine = (columns.content_id == content_id, columns.account_id == me.account_id)
        async with self._db.write() as conn:
            await self._alone(conn, me.account_id)
            query = select(columns.views, columns.watched_ms, columns.last_ms, columns.counted_ms).where(*mine)
            found = (await conn.execute(query)).first()
            known = None if found is None else Known(*found)
            last_any = select(func.max(columns.last_ms)).where(columns.account_id == me.account_id)
            last_any_ms = (await conn.execute(last_any)).scalar_one()
            counted = count(round(1000 * seconds), watched.length_ms, known, last_any_ms, now_ms)
            if known is None:
                first = {"views": 1, "watched_ms": counted.watched_ms, "first_ms": now_ms, "last_ms": now_ms, "counted_ms": now_ms}
                await conn.execute(insert(content_view).values(content_id=content_id, account_id=me.account_id, kind=kind, **first))
            else:
                changes: dict[Any, Any] = {"watched_ms": columns.watched_ms + counted.watched_ms, "last_ms": max(now_ms, known.last_ms)}
                if counted.view:
                    changes |= {"views": columns.views + 1, "counted_ms": now_ms}
                await conn.execute(update(content_view).where(*mine).values(changes))
            if counted.view:
                await self._add(conn, content_source, {"content_id": content_id, "source": source}, "views", 1)
            before_ms = known.watched_ms if known else 0
            for part, watched_ms in _parts(watched, counted.watched_ms, before_ms, position_s).items():
                await self._add(conn, content_part, {"content_id": content_id, "part": part}, "watched_ms", watched_ms)
            if (counted.view or counted.watched_ms) and not await self._kinds[kind].viewed(
                conn, content_id, counted.view, counted.watched_ms
            ):
                raise errors.NotFound("It was deleted meanwhile.")

    async def _alone(self, conn: AsyncConnection, account_id: str) -> None:
        """One viewer's reports one after the other, so that many at once count no more than one. SQLite has one writer anyway."""
        if self._db.dialect != "sqlite":
            await conn.execute(text("SELECT pg_advisory_xact_lock(hashtext(:who))"), {"who": f"view:{account_id}"})

    async def _add(self, conn: AsyncConnection, table: Any, key: Mapping[str, Any], column: str, by: int) -> None:
        made = (sqlite if self._db.dialect == "sqlite" else postgresql).insert(table).values({**key, column: by})
        await conn.execute(made.on_conflict_do_update(index_elements=list(key), set_={column: table.c[column] + by}))

    # -- for the feed

    async def habits(self, account_id: str) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
        rows = await self._last({"me": account_id})
        tastes = await self._tastes(rows)
        total = sum(row["watched_ms"] for row in rows) or 1
        creators: dict[str, float] = {}
        tags: dict[str, float] = {}
        seen: dict[str, float] = {}
        for row in rows:
            taste = tastes.get(row["content_id"])
            if taste is None:
                continue
            share = row["watched_ms"] / total
            creators[taste.owner_id] = creators.get(taste.owner_id, 0.0) + share
            for tag in taste.tags:
                tags[tag] = tags.get(tag, 0.0) + share
            if taste.length_ms:
                seen[row["content_id"]] = row["watched_ms"] / taste.length_ms
        return creators, tags, seen

    async def _tastes(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Taste]:
        found: dict[str, Taste] = {}
        for kind, owner in self._kinds.items():
            ids = [row["content_id"] for row in rows if row["kind"] == kind]
            if ids:
                found |= await owner.tastes(ids)
        return found

    # -- for the creator

    async def insights(self, me: Principal, kind: ViewedKind, content_id: str) -> Insights:
        """Raises NotFound, Forbidden (not the owner)."""
        of = await self._kinds[kind].watchable(me.account_id, content_id)
        if of.owner_id != me.account_id:
            raise errors.Forbidden("Only the owner may see this.", type="not_the_owner")
        async with self._db.read() as conn:
            counted = select(func.count()).select_from(content_view).where(content_view.c.content_id == content_id)
            viewers = (await conn.execute(counted)).scalar_one()
            columns = content_part.c
            rows = (await conn.execute(select(columns.part, columns.watched_ms).where(columns.content_id == content_id))).all()
            parts = {row.part: row.watched_ms for row in rows}
            columns = content_source.c
            sources = (await conn.execute(select(columns.source, columns.views).where(columns.content_id == content_id))).all()
        is_shown = viewers >= CURVE_VIEWERS
        retention = audience = None
        if is_shown and of.has_curve and of.length_ms:
            equal = parts if of.now_at_ms is None else by_parts(parts, of.length_ms)
            whole_ms = of.length_ms / PARTS * viewers
            retention = tuple(round(min(1.0, equal.get(part, 0) / whole_ms), 3) for part in range(PARTS))
            if of.now_at_ms is not None:
                minutes = -(-of.length_ms // MINUTE_MS)
                audience = tuple(
                    round(parts.get(minute, 0) / min(MINUTE_MS, of.length_ms - minute * MINUTE_MS), 1) for minute in range(minutes)
                )
        shown: dict[str, int] = {}
        for source, views in sources:
            name = source if is_shown and views >= SOURCE_VIEWS else "other"
            shown[name] = shown.get(name, 0) + views
        return Insights(
            views=of.views,
            length_ms=of.length_ms,
            viewers=viewers if is_shown else None,
            watched_ms=of.watched_ms if is_shown else None,
            retention=retention,
            audience=audience,
            sources=shown,
        )


def _parts(of: Watchable, watched_ms: int, before_ms: int, position_s: float | None) -> Mapping[int, int]:
    if not of.has_curve:
        return {}
    if of.now_at_ms is not None:
        return minutes_of(of.now_at_ms, watched_ms)
    return parts_of(round(1000 * position_s) if position_s is not None else before_ms + watched_ms, watched_ms, of.length_ms)
