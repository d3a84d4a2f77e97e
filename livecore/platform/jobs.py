"""Jobs in a table of the database; keeps the promise of `ports.Jobs`.

A row is due at `due_ms`. Claiming it moves `due_ms` to the end of a lease and writes who holds it; the holder renews the lease
while the handler runs. A holder that dies renews nothing, so its row is simply due again. A row that is done is deleted; one
that failed waits with a growing delay; one that has failed too often stays, without its key, until an operator has seen it.
`every` makes a row that is due again after its interval instead of being deleted.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.data import impersonal, metadata
from livecore.ids import new_id
from livecore.platform.database import SqlDatabase
from livecore.platform.metrics import Metrics
from livecore.ports import Clock, Job

log = structlog.get_logger("jobs")

job_table = Table(
    "job",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(64), nullable=False),
    # At most one row of a key; NULL for jobs without one and for those that were given up.
    Column("key", String(200), unique=True),
    Column("payload", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("holder", String(32)),  # of the lease; NULL while nobody runs it
    Column("every_ms", BigInteger),  # NULL for what runs once
    Column("failed_ms", BigInteger),  # when it was given up
    Index("ix_job_due_ms", "due_ms"),
    info=impersonal(
        "Work that waits: a kind, and ids of the rows that it is about, which only the tables they point into turn into somebody. "
        "A row goes when its work is done; one that failed for good after a week, or when an account that it names is erased."
    ),
)

# A process that dies leaves its jobs alone for this long; renewed at a third of it, so that two renewals may fail.
LEASE_MS = 30_000
RENEW_S = LEASE_MS / 3000
# How late a job of another process, or one that was delayed, may start. One small indexed read each time.
POLL_S = 1.0
# Jobs of one process at a time: they share the loop and the database with people who wait.
RUNNING_LIMIT = 8
BACKOFF_FIRST_MS = 1_000
BACKOFF_MOST_MS = 3_600_000
FAILED_KEPT_MS = 7 * 86_400_000
# What a stop waits for handlers before it cancels them; their jobs are then due at once for the next process.
CLOSE_S = 5.0

_CLEAN = "jobs.clean"


@dataclass(frozen=True)
class _Handler:
    run: Callable[[Job], Awaitable[None]]
    attempts: int
    timeout_s: float
    at_once: int


def backoff_ms(attempt: int) -> int:
    """The delay after the given failed attempt (1 = the first), before jitter: 1 s, 2 s, 4 s … one hour."""
    return min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS << min(attempt - 1, 24))


class SqlJobs:
    def __init__(self, db: SqlDatabase, clock: Clock, metrics: Metrics, lease_ms: int = LEASE_MS) -> None:
        self._db = db
        self._lease_ms = lease_ms
        self._clock = clock
        self._handlers: dict[str, _Handler] = {}
        self._running: dict[str, asyncio.Task[None]] = {}  # by job id
        self._claiming = False  # a claim is being committed, and what it took does not run yet
        self._kinds: dict[str, str] = {}  # of those that run
        self._ending: set[str] = set()  # of those, what has run and is being written down: no longer to be renewed
        self._holder = secrets.token_hex(16)
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._done = metrics.counter("jobs_done", "Jobs whose handler ended well.", ("kind",))
        self._failed = metrics.counter("jobs_failed", "Runs of a job that raised or took too long.", ("kind",))
        self._given_up = metrics.counter("jobs_given_up", "Jobs that failed too often and wait for an operator.", ("kind",))
        self._late = metrics.histogram(
            "jobs_late_seconds", "How long after it was due a job began.", buckets=(0.01, 0.1, 0.5, 1, 2, 5, 15, 60, 300, 3600)
        )
        metrics.gauge("jobs_running", "Jobs that this process runs now.").set_function(lambda: len(self._running))
        self.handle(_CLEAN, self._clean)

    def handle(
        self, kind: str, handler: Callable[[Job], Awaitable[None]], *, attempts: int = 8, timeout_s: float = 300, at_once: int | None = None
    ) -> None:
        if kind in self._handlers:
            raise ValueError(f"{kind} has a handler already")
        self._handlers[kind] = _Handler(handler, attempts, timeout_s, at_once or RUNNING_LIMIT)

    async def enqueue(
        self, conn: AsyncConnection, kind: str, payload: Mapping[str, Any], *, key: str | None = None, delay_ms: int = 0
    ) -> str | None:
        job_id = new_id()
        row = {
            "id": job_id,
            "kind": kind,
            "key": key,
            "payload": orjson.dumps(dict(payload)).decode(),
            "due_ms": self._clock.at_ms() + delay_ms,
            "attempt": 0,
        }
        if key is None:
            await conn.execute(insert(job_table).values(row))
        else:
            statement = self._insert().values(row).on_conflict_do_nothing(index_elements=["key"]).returning(job_table.c.id)
            if (await conn.execute(statement)).scalar_one_or_none() is None:
                return None
        if delay_ms <= 0:
            self._db.after_commit(conn, self._committed)
        return job_id

    def _insert(self) -> Any:
        return sqlite.insert(job_table) if self._db.dialect == "sqlite" else postgresql.insert(job_table)

    async def every(self, kind: str, interval_s: float) -> None:
        every_ms = max(1, int(interval_s * 1000))
        now_ms = self._clock.at_ms()
        async with self._db.write() as conn:
            statement = self._insert().values(
                id=new_id(), kind=kind, key=f"every:{kind}", payload="{}", due_ms=now_ms, attempt=0, every_ms=every_ms
            )
            # A shorter interval than the last start's takes effect now, not after the old one has passed.
            sooner = func.min if self._db.dialect == "sqlite" else func.least
            await conn.execute(
                statement.on_conflict_do_update(
                    index_elements=["key"], set_={"every_ms": every_ms, "due_ms": sooner(job_table.c.due_ms, now_ms + every_ms)}
                )
            )
            self._db.after_commit(conn, self._committed)

    def wake(self) -> None:
        """Look for due jobs now (also after a clock was moved)."""
        self._wake.set()

    async def _committed(self) -> None:
        self.wake()

    async def start(self) -> None:
        await self.every(_CLEAN, 3600)
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._poll()), loop.create_task(self._renew())]

    async def close(self) -> None:
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        if self._running:
            await asyncio.wait(self._running.values(), timeout=CLOSE_S)
        left = dict(self._running)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        if left:
            # Not their fault: the next process takes them at once, and the attempt is not counted.
            with contextlib.suppress(errors.Unavailable):
                async with self._db.write() as conn:
                    await conn.execute(
                        update(job_table)
                        .where(job_table.c.id.in_(left), job_table.c.holder == self._holder)
                        .values(holder=None, due_ms=self._clock.at_ms(), attempt=job_table.c.attempt - 1)
                    )

    async def idle(self) -> bool:
        """Nothing runs here and nothing that this process handles is due."""
        if self._running:
            return False
        async with self._db.read() as conn:
            return (
                (await conn.execute(self._due(select(job_table.c.id)).limit(1))).first() is None
                and not self._running
                and not self._claiming
            )

    async def erase(self, account_id: str) -> None:
        """Forget given-up jobs that name the account (see `ports.Eraser`); what still waits ends by itself."""
        async with self._db.write() as conn:
            await conn.execute(
                delete(job_table).where(job_table.c.failed_ms.is_not(None), job_table.c.payload.contains(account_id, autoescape=True))
            )

    # -- claiming

    def _due(self, statement: Any) -> Any:
        return statement.where(
            job_table.c.due_ms <= self._clock.at_ms(),
            job_table.c.failed_ms.is_(None),
            job_table.c.kind.in_([kind for kind in self._handlers if self._places(kind) > 0]),
            job_table.c.id.not_in(list(self._running)),
        )

    def _places(self, kind: str) -> int:
        """How many more of a kind may run here."""
        return self._handlers[kind].at_once - sum(running == kind for running in self._kinds.values())

    async def _poll(self) -> None:
        while True:
            self._wake.clear()
            try:
                while len(self._running) < RUNNING_LIMIT and await self._claim():
                    pass
            except errors.Unavailable:
                log.warning("jobs wait for the database")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()

    async def _claim(self) -> bool:
        """Take what is due and start it; answers whether there was anything."""
        async with self._db.read() as conn:
            # The writers' turn is asked for only when there is something to write.
            if (await conn.execute(self._due(select(job_table.c.id)).limit(1))).first() is None:
                return False
        due = (
            self._due(select(job_table.c.id, job_table.c.due_ms, job_table.c.kind))
            .order_by(job_table.c.due_ms)
            .limit(RUNNING_LIMIT - len(self._running))
            .with_for_update(skip_locked=True)
        )
        self._claiming = True
        try:
            return await self._take(due)
        finally:
            self._claiming = False

    async def _take(self, due: Any) -> bool:
        async with self._db.write() as conn:
            now_ms = self._clock.at_ms()
            due_ms, places = {}, {kind: self._places(kind) for kind in self._handlers}
            for row in await conn.execute(due):
                places[row.kind] -= 1
                if places[row.kind] >= 0:
                    due_ms[row.id] = row.due_ms
            if not due_ms:
                return False
            claimed = (
                await conn.execute(
                    update(job_table)
                    .where(job_table.c.id.in_(due_ms))
                    .values(holder=self._holder, due_ms=now_ms + self._lease_ms, attempt=job_table.c.attempt + 1)
                    .returning(job_table.c.id, job_table.c.kind, job_table.c.payload, job_table.c.attempt, job_table.c.every_ms)
                )
            ).all()
        for row in claimed:
            self._late.observe(max(0, now_ms - due_ms[row.id]) / 1000)
            job = Job(row.id, row.kind, orjson.loads(row.payload), row.attempt)
            task = asyncio.get_running_loop().create_task(self._run(job, row.every_ms))
            self._running[job.id], self._kinds[job.id] = task, job.kind
            task.add_done_callback(partial(self._ended, job.id))
        return True

    def _ended(self, job_id: str, _task: asyncio.Task[None]) -> None:
        self._running.pop(job_id, None)
        self._kinds.pop(job_id, None)
        self._ending.discard(job_id)
        self.wake()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S * self._lease_ms / LEASE_MS)
            with contextlib.suppress(errors.Unavailable):
                await self._renew_once()

    async def _renew_once(self) -> None:
        ids = [job_id for job_id in self._running if job_id not in self._ending]
        if not ids:
            return
        async with self._db.write() as conn:
            kept = await conn.execute(
                update(job_table)
                .where(job_table.c.id.in_(ids), job_table.c.holder == self._holder)
                .values(due_ms=self._clock.at_ms() + self._lease_ms)
                .returning(job_table.c.id)
            )
            lost = set(ids) - {row.id for row in kept} - self._ending
        for job_id in lost:
            # Another process holds it: two at once would be worse than once more from the start.
            task = self._running.get(job_id)
            if task is not None:
                log.warning("a job's lease was lost", job=job_id)
                task.cancel()

    # -- running

    async def _run(self, job: Job, every_ms: int | None) -> None:
        handler = self._handlers[job.kind]
        if job.attempt > handler.attempts and every_ms is None:
            # It ended its process each time it was tried, so that no failure was ever written down.
            await self._settle(job, self._give_up(job))
            return
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(job=job.id, kind=job.kind)
        try:
            async with asyncio.timeout(handler.timeout_s):
                await handler.run(job)
        except Exception as exc:
            self._failed.labels(job.kind).inc()
            last = job.attempt >= handler.attempts
            if isinstance(exc, errors.Problem) and not last:
                log.info("a job is tried again", attempt=job.attempt, failure=type(exc).__name__)
            else:
                log.exception("a job failed", attempt=job.attempt)
            if every_ms is not None:
                delay_ms = min(every_ms, _jittered(backoff_ms(job.attempt)))
                await self._settle(job, {"due_ms": self._clock.at_ms() + delay_ms, "holder": None})
            elif last:
                await self._settle(job, self._give_up(job))
            else:
                await self._settle(job, {"due_ms": self._clock.at_ms() + _jittered(backoff_ms(job.attempt)), "holder": None})
            return
        self._done.labels(job.kind).inc()
        await self._settle(job, None if every_ms is None else {"due_ms": self._clock.at_ms() + every_ms, "holder": None, "attempt": 0})

    def _give_up(self, job: Job) -> dict[str, Any]:
        self._given_up.labels(job.kind).inc()
        log.error("a job is given up", job=job.id, kind=job.kind, attempt=job.attempt)
        return {"failed_ms": self._clock.at_ms(), "holder": None, "key": None}

    async def _settle(self, job: Job, values: Mapping[str, Any] | None) -> None:
        """Write what became of a job that this process still holds; None deletes it. When the database is away the lease runs out."""
        mine = (job_table.c.id == job.id, job_table.c.holder == self._holder)
        self._ending.add(job.id)
        try:
            async with self._db.write() as conn:
                if values is None:
                    await conn.execute(delete(job_table).where(*mine))
                else:
                    await conn.execute(update(job_table).where(*mine).values(**values))
        except errors.Unavailable:
            log.warning("a job's end could not be written; it will run again", job=job.id)

    async def _clean(self, _job: Job) -> None:
        async with self._db.write() as conn:
            await conn.execute(
                delete(job_table).where(job_table.c.failed_ms < bindparam("before")), {"before": self._clock.at_ms() - FAILED_KEPT_MS}
            )


def _jittered(delay_ms: int) -> int:
    """Spread over half of the delay, so that what failed together does not come back together."""
    return delay_ms - random.randrange(delay_ms // 2 + 1)
