"""Legal holds: what belongs to an account is preserved although the person, or its time, would have it gone (requirements.md, row 60).

    asked (one of staff, with a reason and an end) → in force (another one agrees) → ended (by staff, or by its time)

While one is in force the account is not erased, rows of it that are over their time stay, replays of it stay, and each message that is
said in its conversations from then on is sealed a second time, under the hold's own key, as it is accepted. Nobody else sees any of it.
When the last hold of an account has ended, its copies and its key go, and an erasure that waited goes on.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import Audit, Bus, Clock, Database, Delivery, Erasures, Keys
from livecore.trust.tables import held_message, legal_hold

log = structlog.get_logger("trust")

CHANGED_TOPIC = "holds"
# As long as a claim may come to court (17 USC 507(b)); a longer one is asked for again.
LONGEST_MS = 1096 * 86_400_000
# Open and in force at one time: a service that preserves more than this does something else.
HOLDS_LIMIT = 1000

Row = dict[str, Any]


def _scope(hold_id: str) -> str:
    return f"hold:{hold_id}"


class LegalHolds:
    """Keeps `ports.Holds` and `ports.Preserver`."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, bus: Bus, audit: Audit, erasures: Callable[[], Erasures]) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._bus = bus
        self._audit = audit
        self._erasures = erasures
        # By account, those in force: messages are accepted without asking the store. Read anew when a process changes one.
        self._in_force: dict[str, list[tuple[str, int]]] = {}

    async def start(self) -> Callable[[], Awaitable[None]]:
        end = await self._bus.subscribe(CHANGED_TOPIC, self._on_changed)
        await self._read()
        return end

    async def _on_changed(self, _delivery: Delivery) -> None:
        await self._read()

    async def _read(self) -> None:
        columns = legal_hold.c
        query = select(columns.id, columns.account_id, columns.ends_ms).where(columns.approved_ms.is_not(None), columns.ended_ms.is_(None))
        found: dict[str, list[tuple[str, int]]] = {}
        async with self._db.read() as conn:
            for row in await conn.execute(query):
                found.setdefault(row.account_id, []).append((row.id, row.ends_ms))
        self._in_force = found

    async def _changed(self) -> None:
        await self._read()
        await self._bus.publish(CHANGED_TOPIC, b"")

    # -- what others ask

    async def held(self, account_id: str) -> bool:
        return account_id in await self.accounts()

    async def accounts(self) -> frozenset[str]:
        columns = legal_hold.c
        query = select(columns.account_id).where(
            columns.approved_ms.is_not(None), columns.ended_ms.is_(None), columns.ends_ms > self._clock.at_ms()
        )
        async with self._db.read() as conn:
            return frozenset((await conn.execute(query)).scalars())

    def among(self, account_ids: Iterable[str]) -> list[str]:
        if not self._in_force:
            return []
        now_ms = self._clock.at_ms()
        return [hold for one in account_ids for hold, ends_ms in self._in_force.get(one, ()) if ends_ms > now_ms]

    async def preserve(self, hold_ids: Iterable[str], facts: Mapping[str, Any], content: bytes) -> None:
        dialect = sqlite if self._db.dialect == "sqlite" else postgresql
        rows = []
        for hold_id in hold_ids:
            sealed = await self._keys.seal(_scope(hold_id), content, f"held:{hold_id}:{facts['message_id']}")
            rows.append({"hold_id": hold_id, **facts, "content": sealed})
        async with self._db.write() as conn:
            await conn.execute(dialect.insert(held_message).values(rows).on_conflict_do_nothing())

    # -- what staff do

    async def ask(self, staff_id: str, account_id: str, reason: str, ends_ms: int) -> Row:
        """Raises Invalid (an end that is none) or Conflict (too many)."""
        now_ms = self._clock.at_ms()
        if not now_ms < ends_ms <= now_ms + LONGEST_MS:
            raise Invalid([FieldError("ends_at", f"lies ahead, at most {LONGEST_MS // 86_400_000} days")])
        if len(await self.listed()) >= HOLDS_LIMIT:
            raise errors.Conflict("There are too many holds.", type="too_many_holds")
        hold_id = new_id()
        row = {
            "id": hold_id,
            "account_id": account_id,
            "reason": await self._keys.seal(_scope(hold_id), reason.encode(), f"hold:{hold_id}"),
            "asked_by": staff_id,
            "asked_ms": now_ms,
            "ends_ms": ends_ms,
        }
        async with self._db.write() as conn:
            await conn.execute(insert(legal_hold).values(row))
            details = {"ends_at": ends_ms, "reason": reason}
            await self._audit.record(conn, staff_id, "hold.asked", subject=account_id, case=hold_id, details=details)
        return await self.one(hold_id)

    async def approve(self, staff_id: str, hold_id: str) -> Row:
        """By another one than who asked. Raises Forbidden, Conflict."""
        row = await self.one(hold_id)
        if row["asked_by"] == staff_id:
            raise errors.Forbidden("Another one of the staff agrees to a hold.", type="second_person")
        columns = legal_hold.c
        async with self._db.write() as conn:
            still = (columns.id == hold_id, columns.approved_ms.is_(None), columns.ended_ms.is_(None))
            done = await conn.execute(update(legal_hold).where(*still).values(approved_by=staff_id, approved_ms=self._clock.at_ms()))
            if not done.rowcount:
                raise errors.Conflict("This hold is in force, or ended.", type="not_asked")
            await self._audit.record(conn, staff_id, "hold.approved", subject=row["account_id"], case=hold_id)
        await self._changed()
        return await self.one(hold_id)

    async def end(self, staff_id: str, hold_id: str, reason: str) -> None:
        """What it kept goes. Raises Conflict when it has ended."""
        row = await self.one(hold_id)
        if not await self._end(row, staff_id, "hold.ended", reason):
            raise errors.Conflict("This hold has ended.", type="not_in_force")

    async def expire(self) -> None:
        """End those whose time is over; a kill in between is made good by the next turn."""
        columns = legal_hold.c
        query = select(legal_hold).where(columns.ended_ms.is_(None), columns.ends_ms <= self._clock.at_ms())
        async with self._db.read() as conn:
            over = [dict(row) for row in (await conn.execute(query)).mappings()]
        for row in over:
            await self._end(row, "system", "hold.expired", "")
        # A bell may have been lost.
        await self._read()

    async def _end(self, row: Row, actor: str, act: str, reason: str) -> bool:
        hold_id, account_id = row["id"], row["account_id"]
        columns = legal_hold.c
        # The key first: a kill after it leaves rows that nobody can open, and the next turn removes them.
        await self._keys.destroy([_scope(hold_id)])
        async with self._db.write() as conn:
            ended = await conn.execute(
                update(legal_hold)
                .where(columns.id == hold_id, columns.ended_ms.is_(None))
                .values(ended_by=actor, ended_ms=self._clock.at_ms())
            )
            if not ended.rowcount:
                return False
            await conn.execute(delete(held_message).where(held_message.c.hold_id == hold_id))
            await self._audit.record(conn, actor, act, subject=account_id, case=hold_id, details={"reason": reason})
            await self._resume(conn, account_id)
        await self._changed()
        log.info("legal hold ended", hold=hold_id)
        return True

    async def _resume(self, conn: AsyncConnection, account_id: str) -> None:
        """An erasure that waited looks again at once; it waits on where another hold is in force."""
        await self._erasures().resume(conn, account_id)

    async def one(self, hold_id: str) -> Row:
        """Raises NotFound."""
        async with self._db.read() as conn:
            row = (await conn.execute(select(legal_hold).where(legal_hold.c.id == hold_id))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such hold.")
        return dict(row)

    async def listed(self) -> list[Row]:
        """Those that have not ended, oldest first."""
        async with self._db.read() as conn:
            rows = await conn.execute(select(legal_hold).where(legal_hold.c.ended_ms.is_(None)).order_by(legal_hold.c.id))
            return [dict(row) for row in rows.mappings()]

    async def reason_of(self, row: Row) -> str | None:
        """None once it has ended."""
        if row["ended_ms"] is not None:
            return None
        return (await self._keys.open(_scope(row["id"]), row["reason"], f"hold:{row['id']}")).decode()

    async def kept(self, hold_id: str) -> int:
        """How many messages it keeps."""
        async with self._db.read() as conn:
            found = await conn.execute(select(func.count()).select_from(held_message).where(held_message.c.hold_id == hold_id))
            return int(found.scalar_one())
