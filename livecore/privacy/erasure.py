"""The end of an account: closed at once, erased when the time to think again is over, resumed after a kill at any point.

The order to erase is a row of its own and goes last; every step before it can be done again. Jobs carry the
order's id, never the account's, so that a finished job tells nothing.

    1. owners' own steps (`ports.Eraser`)       4. the account's key, which takes every backup along
    2. objects under declared prefixes           5. the order itself, a tombstone without a name in its place
    3. rows, as the data map declares            6. the write-ahead log is folded in and emptied
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy import MetaData, Table, delete, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from livecore import errors
from livecore.data import DataMap
from livecore.ids import new_id
from livecore.ports import Clock, Database, Eraser, Holds, Job, Jobs, Keys, Storage
from livecore.privacy.schema import Declared, declared_tables
from livecore.privacy.tables import erasure, erasure_tombstone

log = structlog.get_logger("privacy")

ERASE = "privacy.erase"
# Rows deleted per transaction: others write in between.
DELETE_BATCH = 2000
# How long one attempt may take; what it got done stays done.
ERASE_TIMEOUT_S = 3600
# A held account is looked at again after a day: a release is no matter of minutes.
HELD_MS = 86_400_000


class Erasure:
    """Keeps the promise of `ports.Erasures`. `checkpoint` answers whether nothing deleted is left in the journal."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        storage: Storage,
        jobs: Jobs,
        clock: Clock,
        metadata: MetaData,
        data_map: DataMap,
        checkpoint: Callable[[], Awaitable[bool]],
        holds: Holds,
    ) -> None:
        self._db = db
        self._keys = keys
        self._storage = storage
        self._jobs = jobs
        self._clock = clock
        self._metadata = metadata
        self._data_map = data_map
        self._checkpoint = checkpoint
        self._holds = holds
        # Owners' own steps, in the order in which `app` adds them; before `jobs.start`.
        self.erasers: list[Eraser] = []
        # What is derived from rows and outlives them, done when they are gone; added by `app` as well.
        self.afterwards: list[Callable[[], Awaitable[None]]] = []
        jobs.handle(ERASE, self._run, attempts=20, timeout_s=ERASE_TIMEOUT_S)

    # -- asking for it
    async def schedule(self, conn: AsyncConnection, account_id: str, due_ms: int, *, reason: str = "requested") -> None:
        now = self._clock.at_ms()
        order_id = new_id()
        # A job that waits for the order before this one finds it gone and ends; one that has begun goes on as it is.
        await conn.execute(delete(erasure).where(erasure.c.account_id == account_id, erasure.c.started_ms.is_(None)))
        row = {
            "id": order_id,
            "account_id": account_id,
            "reason": reason,
            "requested_ms": now,
            "due_ms": due_ms,
        }
        dialect = sqlite if self._db.dialect == "sqlite" else postgresql
        made = await conn.execute(dialect.insert(erasure).values(row).on_conflict_do_nothing())
        if made.rowcount:
            await self._jobs.enqueue(conn, ERASE, {"erasure": order_id}, key=f"{ERASE}:{order_id}", delay_ms=max(0, due_ms - now))

    async def cancel(self, conn: AsyncConnection, account_id: str) -> bool:
        gone = await conn.execute(delete(erasure).where(erasure.c.account_id == account_id, erasure.c.started_ms.is_(None)))
        return bool(gone.rowcount)

    async def due_ms(self, account_id: str) -> int | None:
        async with self._db.read(slow=True) as conn:
            due: int | None = (await conn.execute(select(erasure.c.due_ms).where(erasure.c.account_id == account_id))).scalar_one_or_none()
        return due

    async def resume(self, conn: AsyncConnection, account_id: str) -> None:
        order = (await conn.execute(select(erasure.c.id, erasure.c.due_ms).where(erasure.c.account_id == account_id))).one_or_none()
        if order is not None:
            # No key: the job that waits for a day still has it. Whichever comes second finds nothing left to do.
            wait_ms = max(0, order.due_ms - self._clock.at_ms())
            await self._jobs.enqueue(conn, ERASE, {"erasure": order.id}, delay_ms=wait_ms)

    # -- doing it
    async def _run(self, job: Job) -> None:
        order_id = str(job.payload["erasure"])
        async with self._db.read(slow=True) as conn:
            order = (await conn.execute(select(erasure).where(erasure.c.id == order_id))).one_or_none()
        if order is None:
            # Called back, or done by an attempt that was killed before its last step.
            await self._fold()
            return
        if await self._holds.held(order.account_id):
            async with self._db.write(slow=True) as conn:
                # No key: the job that runs now still has it.
                await self._jobs.enqueue(conn, ERASE, {"erasure": order_id}, delay_ms=HELD_MS)
            return
        async with self._db.write(slow=True) as conn:
            begun = await conn.execute(update(erasure).where(erasure.c.id == order_id).values(started_ms=self._clock.at_ms()))
        if begun.rowcount:
            await self.erase(order.account_id)
            async with self._db.write(slow=True) as conn:
                await conn.execute(delete(erasure).where(erasure.c.id == order_id))
                await conn.execute(insert(erasure_tombstone).values(id=new_id(), reason=order.reason, at_ms=self._clock.at_ms()))
            log.info("account erased", reason=order.reason)
        await self._fold()

    async def erase(self, account_id: str) -> None:
        """Everything but the order: idempotent, so that it can be done again from its beginning."""
        for eraser in self.erasers:
            await eraser.erase(account_id)
        for objects in self._data_map.objects:
            await self._storage.delete_prefix(objects.prefix.format(account=account_id))
        for declared in reversed(list(declared_tables(self._metadata))):
            await self._erase_rows(declared, account_id)
        for forget in self.afterwards:
            await forget()
        await self._keys.destroy([f"account:{account_id}"])

    async def _erase_rows(self, declared: Declared, account_id: str) -> None:
        personal = declared.personal
        if personal.erase == "delete":
            await delete_in_batches(self._db, declared.table, declared.naming(account_id))
        elif personal.erase == "clear":
            async with self._db.write(slow=True) as conn:
                await conn.execute(
                    update(declared.table).where(declared.of_subject(account_id)).values(dict.fromkeys(personal.clear, None))
                )
                for name in personal.also:
                    if name in personal.clear:
                        # The row is somebody else's: only the place that names this account is cleared.
                        await conn.execute(update(declared.table).where(declared.column(name) == account_id).values({name: None}))

    async def _fold(self) -> None:
        if not await self._checkpoint():
            raise errors.Unavailable("A reader keeps the write-ahead log open; it is emptied at the next attempt.")


async def delete_in_batches(db: Database, table: Table, where: ColumnElement[bool]) -> int:
    """Delete what matches, a bounded number per transaction; answers how many rows went."""
    keys: Sequence[ColumnElement[object]] = list(table.primary_key.columns)
    target = keys[0] if len(keys) == 1 else tuple_(*keys)
    total = 0
    while True:
        async with db.write(slow=True) as conn:
            gone = (await conn.execute(delete(table).where(target.in_(select(*keys).where(where).limit(DELETE_BATCH))))).rowcount
        total += gone
        if gone < DELETE_BATCH:
            return total
