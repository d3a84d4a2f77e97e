"""Notices: what the service tells a person. Kept until read and for a time after, told at once to connected clients."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.among import among, members
from livecore.ids import new_id
from livecore.ports import Clock, Database
from livecore.trust.tables import notice

EVENT = "notice"
# Told again at each connect until they are read: the promise is that a change of the policies reaches everybody.
INSISTENT = ("policy_updated",)
MISSED_LIMIT = 20

Tell = Callable[[str, str, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Notice:
    """`data` holds ids and words; `read_ms` is None until it was read."""

    id: str
    kind: str
    data: dict[str, Any]
    created_ms: int
    read_ms: int | None


class Notices:
    """Keeps the promise of `ports.Notifier`. `tell(account, event, data)` reaches connected clients and may reach none."""

    def __init__(self, db: Database, clock: Clock, tell: Tell) -> None:
        self._db = db
        self._clock = clock
        self._tell = tell
        mine = among(db.dialect, notice.c.account_id, "accounts")
        insistent = select(notice).where(mine, notice.c.read_ms.is_(None), notice.c.kind.in_(INSISTENT))
        self._missed = insistent.order_by(notice.c.id.desc()).limit(bindparam("most", type_=Integer))

    async def notify(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any], *, key: str | None = None) -> None:
        made = Notice(new_id(), kind, dict(data), self._clock.at_ms(), None)
        insert = sqlite.insert(notice) if self._db.dialect == "sqlite" else postgresql.insert(notice)
        told = await conn.execute(
            insert.values(
                id=made.id, account_id=account_id, kind=kind, data=made.data, dedup_key=key or made.id, created_ms=made.created_ms
            ).on_conflict_do_nothing(index_elements=["account_id", "dedup_key"])
        )
        if told.rowcount:
            self._db.after_commit(conn, lambda: self._tell(account_id, EVENT, event_of(made)))

    async def page(self, account_id: str, *, before: str | None, limit: int, unread: bool = False) -> Sequence[Notice]:
        """Newest first, below the id `before`."""
        query = select(notice).where(notice.c.account_id == account_id)
        if before is not None:
            query = query.where(notice.c.id < before)
        if unread:
            query = query.where(notice.c.read_ms.is_(None))
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(notice.c.id.desc()).limit(limit))).all()
        return [Notice(row.id, row.kind, row.data, row.created_ms, row.read_ms) for row in rows]

    async def missed(self, account_ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Keeps `ports.MissedNotices`."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        async with self._db.read() as conn:
            asked = {"accounts": members(self._db.dialect, account_ids), "most": MISSED_LIMIT * len(account_ids)}
            for row in await conn.execute(self._missed, asked):
                told = found.setdefault(row.account_id, [])
                if len(told) < MISSED_LIMIT:
                    told.append(event_of(Notice(row.id, row.kind, row.data, row.created_ms, None)))
        return {account_id: told[::-1] for account_id, told in found.items()}

    async def unread_count(self, account_id: str) -> int:
        async with self._db.read() as conn:
            query = select(func.count()).select_from(notice).where(notice.c.account_id == account_id, notice.c.read_ms.is_(None))
            return int((await conn.execute(query)).scalar_one())

    async def mark_read(self, account_id: str, ids: Sequence[str] | None) -> int:
        """Mark these, or all with None; what is not this account's is passed over. Answers how many became read."""
        change = update(notice).where(notice.c.account_id == account_id, notice.c.read_ms.is_(None)).values(read_ms=self._clock.at_ms())
        if ids is not None:
            change = change.where(notice.c.id.in_(ids))
        async with self._db.write() as conn:
            return int((await conn.execute(change)).rowcount)


def event_of(made: Notice) -> dict[str, Any]:
    return {"id": made.id, "kind": made.kind, "data": made.data, "created_at": made.created_ms}
