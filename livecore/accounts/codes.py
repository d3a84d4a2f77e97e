"""Six-digit codes by text message and mail: ten minutes, five tries, one use.

A code is derived from the id of its row and the root key (HMAC), so that it is stored in no form and the job that
sends it carries an id only.
"""

import hmac
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.config import Settings
from livecore.errors import FieldError
from livecore.ids import new_id
from livecore.ports import Clock, Jobs, Keys

SEND_JOB = "accounts.code"
DIGITS = 6


class Outcome(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    NONE = "none"  # no code was sent, or it was replaced
    EXPIRED = "expired"
    USED = "used"
    VOID = "void"  # too many tries


@dataclass(frozen=True)
class Trial:
    """`row` is the code's row when the outcome is RIGHT."""

    outcome: Outcome
    row: Row[Any] | None = None


class Codes:
    def __init__(self, keys: Keys, jobs: Jobs, clock: Clock, settings: Settings) -> None:
        self._keys = keys
        self._jobs = jobs
        self._clock = clock
        self._ttl_ms = settings.code_ttl_s * 1000
        self._tries = settings.code_tries

    def code_of(self, code_id: str) -> str:
        number = int.from_bytes(self._keys.blind("one-use-code", code_id)[:8], "big")
        return f"{number % 10**DIGITS:0{DIGITS}d}"

    async def issue(
        self,
        conn: AsyncConnection,
        account_id: str,
        purpose: str,
        *,
        target: bytes | None = None,
        target_index: bytes | None = None,
    ) -> None:
        """Part of the caller's transaction: a new code takes the place of an older one of this purpose, and is sent."""
        await self.withdraw(conn, account_id, purpose)
        code_id, at_ms = new_id(), self._clock.at_ms()
        await conn.execute(
            tables.account_code.insert().values(
                id=code_id,
                account_id=account_id,
                purpose=purpose,
                target=target,
                target_index=target_index,
                tries=0,
                created_ms=at_ms,
                expires_ms=at_ms + self._ttl_ms,
            )
        )
        await self._jobs.enqueue(conn, SEND_JOB, {"code_id": code_id})

    async def withdraw(self, conn: AsyncConnection, account_id: str, purpose: str) -> None:
        columns = tables.account_code.c
        await conn.execute(delete(tables.account_code).where(columns.account_id == account_id, columns.purpose == purpose))

    async def try_code(self, conn: AsyncConnection, account_id: str, purpose: str, code: str, *, use: bool = True) -> Trial:
        """Part of the caller's transaction, which has to be committed whatever the outcome: the try counts."""
        columns = tables.account_code.c
        query = select(tables.account_code).where(columns.account_id == account_id, columns.purpose == purpose)
        row = (await conn.execute(query.with_for_update())).one_or_none()
        if row is None:
            return Trial(Outcome.NONE)
        if row.used_ms is not None:
            return Trial(Outcome.USED)
        if self._clock.at_ms() >= row.expires_ms:
            return Trial(Outcome.EXPIRED)
        if row.tries >= self._tries:
            return Trial(Outcome.VOID)
        if not hmac.compare_digest(code.encode(), self.code_of(row.id).encode()):
            await conn.execute(update(tables.account_code).where(columns.id == row.id).values(tries=row.tries + 1))
            return Trial(Outcome.WRONG)
        if use:
            await conn.execute(
                update(tables.account_code).where(columns.id == row.id).values(used_ms=self._clock.at_ms(), target=None, target_index=None)
            )
        return Trial(Outcome.RIGHT, row)


def refuse(outcome: Outcome) -> None:
    """Raises the problem that an outcome means; nothing for RIGHT. After the commit, never inside of it."""
    if outcome is Outcome.WRONG:
        raise errors.Invalid([FieldError("code", "is not the code that was sent")], type="wrong_code")
    if outcome in (Outcome.EXPIRED, Outcome.USED):
        words = "expired" if outcome is Outcome.EXPIRED else "was used already"
        raise errors.Gone(f"This code {words}; ask for a new one.", type="code_gone")
    if outcome is Outcome.VOID:
        raise errors.TooMany(60, "Too many wrong codes: this one is void, ask for a new one.", type="code_void")
    if outcome is Outcome.NONE:
        raise errors.Conflict("There is nothing to confirm; ask for a code first.", type="no_code")
