"""Posts as items of the feed. Keeps `ports.FeedSource`; on the path of each feed page, so its statements are made once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, String, bindparam, select, tuple_

from livecore.among import among, members
from livecore.feed.tables import post
from livecore.ports import Database, FeedEntry


class PostFeed:
    kind = "post"

    def __init__(self, db: Database) -> None:
        self._db = db
        columns = post.c
        open_ones = select(post).where(columns.disabled_reason.is_(None))
        below = tuple_(columns.created_ms, columns.id) < tuple_(bindparam("at_ms"), bindparam("below_id", type_=String))
        by_time = open_ones.where(below, columns.created_ms >= bindparam("after_ms")).limit(bindparam("limit", type_=Integer))
        by_time = by_time.order_by(columns.created_ms.desc(), columns.id.desc())
        self._for_all = db.prepare(by_time.where(columns.visibility == "everyone"))
        self._of_owners = db.prepare(by_time.where(among(db.dialect, columns.author_id, "owners")))
        self._by_ids = db.prepare(open_ones.where(among(db.dialect, columns.id, "ids")))

    async def newest(self, owners: frozenset[str] | None, before: tuple[int, str], limit: int, *, after_ms: int = 0) -> Sequence[FeedEntry]:
        given: dict[str, Any] = {"at_ms": before[0], "below_id": before[1], "after_ms": after_ms, "limit": limit}
        if owners is not None:
            given["owners"] = members(self._db.dialect, owners)
        return [entry(row) for row in await (self._for_all if owners is None else self._of_owners)(given)]

    async def entries(self, ids: Sequence[str]) -> Sequence[FeedEntry]:
        return [entry(row) for row in await self._by_ids({"ids": members(self._db.dialect, ids)})]


def entry(row: dict[str, Any]) -> FeedEntry:
    return FeedEntry(
        "post",
        row["id"],
        row["author_id"],
        row["created_ms"],
        row["visibility"],
        row,
        likes=row["likes"],
        comments=row["comments"],
        shares=row["shares"],
        tags=tuple(row["tags"].split()),
    )
