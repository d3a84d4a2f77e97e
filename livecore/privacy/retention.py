"""Retention: what the data map gives a time goes when the time is over."""

from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import MetaData, and_, false, func, not_

from livecore.ports import Clock, Database, Holds, Job, Jobs
from livecore.privacy.erasure import delete_in_batches
from livecore.privacy.schema import declared_tables

log = structlog.get_logger("privacy")

RETAIN = "privacy.retention"
INTERVAL_S = 3600.0
_DAY_MS = 86_400_000

# What an owner must do beyond deleting rows (destroy a key, delete a file) when a time is over.
Expire = Callable[[], Awaitable[None]]


class Retention:
    def __init__(self, db: Database, jobs: Jobs, clock: Clock, metadata: MetaData, holds: Holds) -> None:
        self._db = db
        self._jobs = jobs
        self._clock = clock
        self._metadata = metadata
        self._holds = holds
        # Owners' own steps, run before the declared rows go; added by `app` before `start`.
        self.expiring: list[Expire] = []
        jobs.handle(RETAIN, self._run, timeout_s=1800)

    async def start(self) -> None:
        await self._jobs.every(RETAIN, INTERVAL_S)

    async def _run(self, _job: Job) -> None:
        await self.apply()

    async def apply(self) -> int:
        """Delete every row that is over its time; answers how many."""
        for expire in self.expiring:
            await expire()
        total = 0
        held = await self._holds.accounts()
        for declared in declared_tables(self._metadata):
            personal = declared.personal
            if personal.retention_days is None or personal.retention_column is None:
                continue
            before = self._clock.at_ms() - personal.retention_days * _DAY_MS
            over = declared.column(personal.retention_column) < before
            # A row that names nobody is nobody's: a comparison with NULL is no answer.
            kept = [not_(func.coalesce(declared.naming(account_id), false())) for account_id in held]
            gone = await delete_in_batches(self._db, declared.table, and_(over, *kept))
            if gone:
                log.info("rows over their time deleted", table=declared.table.name, rows=gone)
            total += gone
        return total
