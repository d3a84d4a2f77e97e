"""A person's own activity log; keeps the promise of `ports.Activity`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.accounts import tables
from livecore.ids import new_id
from livecore.ports import Clock, Database


class ActivityLog:
    """`data` holds words and counts; the key `other` names another account and goes into a column of its own."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._insert = db.prepare_step(tables.account_activity.insert())

    async def add(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any] | None = None) -> None:
        rest = dict(data or {})
        other = rest.pop("other", None)
        values = {"id": new_id(), "account_id": account_id, "kind": kind, "other": other, "data": rest, "at_ms": self._clock.at_ms()}
        await self._insert(conn, values)

    async def page(self, account_id: str, before: str | None, limit: int) -> list[Mapping[str, Any]]:
        """Newest first, below the id `before`: `id`, `kind`, `other`, `data`, `at_ms`."""
        columns = tables.account_activity.c
        query = select(columns.id, columns.kind, columns.other, columns.data, columns.at_ms).where(columns.account_id == account_id)
        if before is not None:
            query = query.where(columns.id < before)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query.order_by(columns.id.desc()).limit(limit))).mappings()]
