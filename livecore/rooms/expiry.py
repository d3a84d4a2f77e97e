"""The end of what was not fetched: bodies past their time, the keys of those that are gone, and the journals that held them."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import delete

from livecore import errors
from livecore.ports import Clock, Database, Job
from livecore.rooms import bodies, tables
from livecore.rooms.writer import Writer

log = structlog.get_logger("rooms")

JOB = "rooms.expire"
TIMERS_JOB = "rooms.timers"
# What disappears by a timer is gone from the server at the latest this long after; no device is given it in between.
TIMERS_EVERY_S = 15.0
# Deleted pages stay in the write-ahead log until a checkpoint: not longer than this after a deletion. Their keys are
# destroyed already; this is the second lock on the same door.
CHECKPOINT_AFTER_S = 1.0
# The same client_id is recognised for this long; what was sent before has long been answered.
SENT_KEPT_MS = 30 * 86_400_000
SCOPES_CHUNK = 1000


class Expiry:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        writer: Callable[[], Writer],
        expire_attachments: Callable[[], Awaitable[None]],
        checkpoint: Callable[[], Awaitable[object]],
        ttl_s: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._writer = writer
        self._expire_attachments = expire_attachments
        self._checkpoint = checkpoint
        self._ttl_ms = ttl_s * 1000
        self._due: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def every_s(self) -> float:
        """A body is gone at the latest this long after its time."""
        return min(3600.0, max(1.0, self._ttl_ms / 1000 / 10))

    async def recover(self) -> None:
        """Keys without bodies are destroyed: a crash may leave some."""
        after = ""
        while True:
            async with self._db.read(slow=True) as conn:
                scopes = await bodies.scopes_kept(conn, after, SCOPES_CHUNK)
            if not scopes:
                return
            after = max(scopes)
            self._writer().retire(scopes)

    async def run(self, job: Job | None = None) -> None:
        before_ms = self._clock.at_ms() - self._ttl_ms
        while True:
            async with self._db.write(slow=True) as conn:
                emptied = await bodies.delete_expired(conn, before_ms)
            self._writer().retire(emptied)
            if not emptied:
                break
        # Rows that others deleted (an erasure) and keys that a crash left are found here too.
        await self.recover()
        async with self._db.write(slow=True) as conn:
            await bodies.delete_stale_withheld(conn)
            await conn.execute(delete(tables.invite).where(tables.invite.c.expires_ms < self._clock.at_ms()))
            await conn.execute(delete(tables.sent).where(tables.sent.c.sent_ms < self._clock.at_ms() - SENT_KEPT_MS))

    async def run_timers(self, job: Job | None = None) -> None:
        while True:
            async with self._db.write() as conn:
                emptied = await bodies.delete_timed(conn, self._clock.at_ms())
            self._writer().retire(emptied)
            if not emptied:
                break
        await self._expire_attachments()

    async def on_deleted(self) -> None:
        """Bodies went: have the log that may still hold their bytes emptied soon."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(CHECKPOINT_AFTER_S, self._begin_checkpoint)

    def _begin_checkpoint(self) -> None:
        self._due = None
        task = asyncio.get_running_loop().create_task(self._try_checkpoint())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _try_checkpoint(self) -> None:
        try:
            await self._checkpoint()
        except errors.Unavailable:
            log.warning("the database was away at a checkpoint")

    async def close(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._begin_checkpoint()
        # Waited for and not cut off: a connection that is left in the middle is lost to the pool.
        await asyncio.gather(*self._running)
