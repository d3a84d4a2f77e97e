"""The log that cannot be altered and yet forgets: a hash chain of salted commitments, with details in side rows.

    commitment = SHA-256(salt || details)                    details: canonical JSON; the salt is 32 random bytes
    hash       = SHA-256(previous hash || seq || at_ms || act || commitment)

Erasing a side row takes the salt with it, so the commitment that stays tells nothing (it cannot be guessed at),
and the chain verifies as before. The database itself refuses to change or delete a row of the chain.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.ports import Clock, Database
from livecore.trust.tables import audit_detail, audit_entry, audit_head

GENESIS = bytes(32)
SALT_BYTES = 32
_HEAD = 1
# Rows verified per statement: the chain is read in pieces, never whole.
VERIFY_BATCH = 1000

_SQLITE_GUARDS = (
    "CREATE TRIGGER IF NOT EXISTS audit_entry_no_update BEFORE UPDATE ON audit_entry "
    "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS audit_entry_no_delete BEFORE DELETE ON audit_entry "
    "BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END",
)
_POSTGRES_GUARDS = (
    "CREATE OR REPLACE FUNCTION audit_entry_guard() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit_entry is append-only'; END $$",
    "DROP TRIGGER IF EXISTS audit_entry_guard ON audit_entry",
    "CREATE TRIGGER audit_entry_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_guard()",
)


@dataclass(frozen=True)
class Verdict:
    """`broken_at` is the first sequence number that does not fit; None when the whole chain does.

    `details` counts side rows that are there and fit, `forgotten` entries whose side row was erased.
    """

    entries: int
    details: int
    forgotten: int
    broken_at: int | None
    reason: str = ""

    @property
    def intact(self) -> bool:
        return self.broken_at is None


@dataclass(frozen=True)
class Entry:
    """One act as staff read it. The last four are None when the side row was erased."""

    seq: int
    at_ms: int
    act: str
    actor_id: str | None
    subject_id: str | None
    details: dict[str, Any] | None


def commitment(salt: bytes, details: bytes) -> bytes:
    return hashlib.sha256(salt + details).digest()


def chained(previous: bytes, seq: int, at_ms: int, act: str, committed: bytes) -> bytes:
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + at_ms.to_bytes(8, "big") + act.encode() + b"\0" + committed).digest()


class AuditLog:
    """Keeps the promise of `ports.Audit`. Details are ids, words and reasons of staff: never a mail address, phone or name."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def start(self) -> None:
        """Put the database's own guards on the chain."""
        guards = _SQLITE_GUARDS if self._db.dialect == "sqlite" else _POSTGRES_GUARDS
        async with self._db.write() as conn:
            if self._db.dialect == "postgresql":
                # Two processes that start together must not replace the function at once.
                await conn.exec_driver_sql("SELECT pg_advisory_xact_lock(7305808869231650)")
            for statement in guards:
                await conn.exec_driver_sql(statement)
            dialect = sqlite if self._db.dialect == "sqlite" else postgresql
            await conn.execute(dialect.insert(audit_head).values(id=_HEAD, seq=0, hash=GENESIS).on_conflict_do_nothing())

    async def record(
        self,
        conn: AsyncConnection,
        actor: str,
        act: str,
        *,
        subject: str | None = None,
        target: str | None = None,
        case: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        at_ms = self._clock.at_ms()
        content = orjson.dumps(
            {"actor": actor, "subject": subject, "target": target, "case": case, "details": dict(details or {})},
            option=orjson.OPT_SORT_KEYS,
        )
        salt = os.urandom(SALT_BYTES)
        committed = commitment(salt, content)
        # The update takes the head's row, so that writers of PostgreSQL queue here and each sees the one before.
        seq: int = (
            await conn.execute(
                update(audit_head).where(audit_head.c.id == _HEAD).values(seq=audit_head.c.seq + 1).returning(audit_head.c.seq)
            )
        ).scalar_one()
        previous: bytes = (await conn.execute(select(audit_head.c.hash).where(audit_head.c.id == _HEAD))).scalar_one()
        link = chained(previous, seq, at_ms, act, committed)
        await conn.execute(insert(audit_entry).values(seq=seq, at_ms=at_ms, act=act, commitment=committed, hash=link))
        await conn.execute(insert(audit_detail).values(seq=seq, salt=salt, actor_id=actor, subject_id=subject, details=content.decode()))
        await conn.execute(update(audit_head).where(audit_head.c.id == _HEAD).values(hash=link))
        return str(seq)

    async def entries(self, before: int | None, limit: int) -> list[Entry]:
        """Newest first, below the sequence number `before`."""
        query = select(audit_entry, audit_detail.c.actor_id, audit_detail.c.subject_id, audit_detail.c.details).select_from(
            audit_entry.outerjoin(audit_detail, audit_detail.c.seq == audit_entry.c.seq)
        )
        if before is not None:
            query = query.where(audit_entry.c.seq < before)
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(audit_entry.c.seq.desc()).limit(limit))).all()
        return [
            Entry(row.seq, row.at_ms, row.act, row.actor_id, row.subject_id, orjson.loads(row.details) if row.details else None)
            for row in rows
        ]

    async def verify(self) -> Verdict:
        """Read the chain from its beginning; compare every link, every side row that is left, and the head."""
        previous, expected, details, forgotten = GENESIS, 1, 0, 0
        async with self._db.read() as conn:
            while True:
                rows = await self._batch(conn, expected)
                for row in rows:
                    reason = _fault(row, previous, expected)
                    if reason:
                        return Verdict(expected - 1, details, forgotten, expected, reason)
                    details, forgotten = (details + 1, forgotten) if row.salt is not None else (details, forgotten + 1)
                    previous = row.hash
                    expected += 1
                if len(rows) < VERIFY_BATCH:
                    break
            head = (await conn.execute(select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == _HEAD))).one()
        if head.seq != expected - 1 or not hmac.compare_digest(head.hash, previous):
            return Verdict(expected - 1, details, forgotten, expected, "the chain ends before its head")
        return Verdict(expected - 1, details, forgotten, None)

    async def _batch(self, conn: AsyncConnection, start: int) -> list[Row[Any]]:
        query = (
            select(audit_entry, audit_detail.c.salt, audit_detail.c.details)
            .select_from(audit_entry.outerjoin(audit_detail, audit_detail.c.seq == audit_entry.c.seq))
            .where(audit_entry.c.seq >= start)
            .order_by(audit_entry.c.seq)
            .limit(VERIFY_BATCH)
        )
        return list((await conn.execute(query)).all())


def _fault(row: Row[Any], previous: bytes, expected: int) -> str:
    if row.seq != expected:
        return "an entry is missing"
    if not hmac.compare_digest(chained(previous, row.seq, row.at_ms, row.act, row.commitment), row.hash):
        return "an entry does not follow from the one before"
    if row.salt is not None and not hmac.compare_digest(commitment(row.salt, row.details.encode()), row.commitment):
        return "the details are not those that were committed to"
    return ""
