"""What each `Idempotency-Key` was first used for, so that it is not taken for the repetition of another request.

The record holds keyed sums of who asked, of the key and of the request (no token, no body). The resources themselves know which key made
them; this alone tells a repetition from a mistake (draft-ietf-httpapi-idempotency-key-header, 2.7).
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from livecore.data import impersonal, metadata
from livecore.errors import FieldError, Invalid, Problem
from livecore.ports import Clock, Database, Job, Jobs

TIDY_JOB = "platform.idempotency"
TIDY_EVERY_S = 3600.0
# A client that tries again does so within minutes, one that was offline within days.
KEEP_MS = 7 * 86_400_000
SUM_BYTES = 16

idempotency_use = Table(
    "idempotency_use",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("request", LargeBinary(SUM_BYTES), nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
    info=impersonal(f"sums of keys that clients chose and of what they asked with them, for {KEEP_MS // 86_400_000} days"),
)


class IdempotencyUses:
    def __init__(self, db: Database, clock: Clock, jobs: Jobs) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._seen = db.prepare(select(idempotency_use.c.request).where(idempotency_use.c.key == bindparam("key")))
        jobs.handle(TIDY_JOB, self._tidy)

    async def start(self) -> None:
        await self._jobs.every(TIDY_JOB, TIDY_EVERY_S)

    @asynccontextmanager
    async def use(self, key: str, path: str, body: bytes) -> AsyncIterator[None]:
        """Around the work of one request. What was refused may be asked otherwise under the same key.

        Raises Invalid (`idempotency_key_reused`) when the key stands for another request.
        """
        request = hashlib.blake2b(path.encode() + b"\n" + body, key=key.encode()[:64], digest_size=SUM_BYTES).digest()
        dialect = sqlite if self._db.dialect == "sqlite" else postgresql
        async with self._db.write() as conn:
            statement = dialect.insert(idempotency_use).values(key=key, request=request, at_ms=self._clock.at_ms())
            is_new = bool((await conn.execute(statement.on_conflict_do_nothing(index_elements=["key"]))).rowcount)
        rows = [] if is_new else await self._seen({"key": key})
        if rows and rows[0]["request"] != request:
            raise Invalid([FieldError("Idempotency-Key", "was used for another request")], type="idempotency_key_reused")
        try:
            yield
        except Problem:
            if is_new:
                async with self._db.write() as conn:
                    await conn.execute(delete(idempotency_use).where(idempotency_use.c.key == key))
            raise

    async def _tidy(self, job: Job) -> None:
        async with self._db.write() as conn:
            await conn.execute(delete(idempotency_use).where(idempotency_use.c.at_ms < self._clock.at_ms() - KEEP_MS))
