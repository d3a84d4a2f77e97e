"""A source of the feed that is one table: keeps `ports.FeedSource` for whoever owns it.

It is on the path of each feed page, so its statements are made once. Shared code without a service's rules: any service may
import it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, String, bindparam, tuple_

from livecore.among import among, members
from livecore.ports import Database, FeedEntry


class TableFeed:
    """Args:
    shown: what of the table the feed may show, of one `FeedEntry` a row.
    id, owner, at_ms, visibility: its columns.
    """

    def __init__(
        self,
        db: Database,
        shown: Select[Any],
        entry: Callable[[Mapping[str, Any]], FeedEntry],
        *,
        id: ColumnElement[str],
        owner: ColumnElement[str],
        at_ms: ColumnElement[int],
        visibility: ColumnElement[str],
    ) -> None:
        self._db = db
        self._entry = entry
        below = tuple_(at_ms, id) < tuple_(bindparam("at_ms"), bindparam("below_id", type_=String))
        by_time = shown.where(below, at_ms >= bindparam("after_ms")).limit(bindparam("limit", type_=Integer))
        by_time = by_time.order_by(at_ms.desc(), id.desc())
        self._for_all = db.prepare(by_time.where(visibility == "everyone"))
        self._of_owners = db.prepare(by_time.where(among(db.dialect, owner, "owners")))
        self._by_ids = db.prepare(shown.where(among(db.dialect, id, "ids")))

    async def newest(self, owners: frozenset[str] | None, before: tuple[int, str], limit: int, *, after_ms: int = 0) -> Sequence[FeedEntry]:
        given: dict[str, Any] = {"at_ms": before[0], "below_id": before[1], "after_ms": after_ms, "limit": limit}
        if owners is not None:
            given["owners"] = members(self._db.dialect, owners)
        return [self._entry(row) for row in await (self._for_all if owners is None else self._of_owners)(given)]

    async def entries(self, ids: Sequence[str]) -> Sequence[FeedEntry]:
        return [self._entry(row) for row in await self._by_ids({"ids": members(self._db.dialect, ids)})]
