"""Confirming the phone and the mail address, at sign-up and when one of them changes: the new one counts once it answered."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.codes import Codes, refuse
from livecore.accounts.principals import Principals
from livecore.accounts.records import Records, scope
from livecore.accounts.registration import ContactTaken
from livecore.accounts.sessions import LETTER_JOB
from livecore.ports import Clock, Database, Jobs, Keys, Limiter, Neighbours

Channel = Literal["phone", "email"]
CHANNELS: tuple[Channel, ...] = ("phone", "email")


@dataclass(frozen=True)
class Change:
    """A new value, sealed; `target` None: the present one was given, which calls an open change off."""

    channel: Channel
    target: bytes | None
    target_index: bytes | None


class Verification:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        records: Records,
        codes: Codes,
        principals: Principals,
        jobs: Jobs,
        limiter: Limiter,
        activity: ActivityLog,
        neighbours: Neighbours,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._records = records
        self._codes = codes
        self._principals = principals
        self._jobs = jobs
        self._limiter = limiter
        self._activity = activity
        self._neighbours = neighbours
        columns = tables.account_code.c
        open_changes = select(columns.purpose, columns.target).where(
            columns.account_id == bindparam("account"), columns.target.is_not(None)
        )
        self._pending = db.prepare(open_changes)

    def _index(self, channel: Channel, value: str) -> bytes:
        return self._records.email_index(value) if channel == "email" else self._records.phone_index(value)

    async def verify(self, account_id: str, channel: Channel, code: str) -> None:
        """Raises Invalid (`wrong_code`), Gone (used or expired), TooMany (void after five tries), Conflict."""
        await self._limiter.hit("code_try_per_account", account_id)
        async with self._db.read() as conn:
            columns = tables.account_code.c
            pending = (
                await conn.execute(select(columns.id, columns.target).where(columns.account_id == account_id, columns.purpose == channel))
            ).one_or_none()
        resealed: bytes | None = None
        if pending is not None and pending.target is not None:
            value = (await self._keys.open(scope(account_id), pending.target, "account_code.target")).decode()
            resealed = (await self._records.seal(account_id, {channel: value}))[channel]
        try:
            async with self._db.write() as conn:
                trial = await self._codes.try_code(conn, account_id, channel, code)
                if trial.row is not None:
                    changes: dict[str, Any] = {
                        f"{channel}_verified_ms": self._clock.at_ms(),
                        "version": tables.account.c.version + 1,
                    }
                    if trial.row.target_index is not None:
                        if pending is None or trial.row.id != pending.id:
                            raise errors.Conflict("A newer code was asked for meanwhile.", type="no_code")
                        # A code for a new password that went to the old address is worth nothing now.
                        await self._codes.withdraw(conn, account_id, "reset")
                        changes |= {channel: resealed, f"{channel}_index": trial.row.target_index}
                    await conn.execute(update(tables.account).where(tables.account.c.id == account_id).values(changes))
                    await self._activity.add(conn, account_id, f"{channel}_confirmed")
        except IntegrityError:
            raise ContactTaken() from None
        refuse(trial.outcome)
        await self._principals.changed(account_id)
        await self._tell_phone(account_id)

    async def _tell_phone(self, account_id: str) -> None:
        """Once both are confirmed: before that nobody is shown the person."""
        columns = tables.account.c
        both = columns.phone_verified_ms.is_not(None) & columns.email_verified_ms.is_not(None)
        async with self._db.read() as conn:
            query = select(columns.phone_index).where(columns.id == account_id, both)
            index = (await conn.execute(query)).scalar_one_or_none()
        if index is not None:
            for watcher in self._neighbours.phone_watchers:
                await watcher.phone_confirmed(account_id, bytes(index))

    async def resend(self, account_id: str, channel: Channel) -> None:
        """A new code in place of the last. Raises Conflict when there is nothing to confirm, TooMany."""
        async with self._db.read() as conn:
            columns, account = tables.account_code.c, tables.account.c
            pending = (
                await conn.execute(
                    select(columns.target, columns.target_index).where(
                        columns.account_id == account_id, columns.purpose == channel, columns.target.is_not(None)
                    )
                )
            ).one_or_none()
            row = (
                await conn.execute(select(account[f"{channel}_verified_ms"], account[f"{channel}_index"]).where(account.id == account_id))
            ).one()
        if pending is None and row[0] is not None:
            raise errors.Conflict("This is confirmed already.", type="already_verified")
        index = pending.target_index if pending is not None else row[1]
        await self._limiter.hit("code_send_per_target", index.hex())
        async with self._db.write() as conn:
            await self._codes.issue(
                conn,
                account_id,
                channel,
                target=pending.target if pending is not None else None,
                target_index=pending.target_index if pending is not None else None,
            )

    async def prepare(self, account_id: str, channel: Channel, value: str) -> Change:
        """All that may refuse a new address or number, before anything is written. Raises ContactTaken, TooMany: the refusal of one that is
        taken tells that somebody has it."""
        index = self._index(channel, value)
        column = tables.account.c[f"{channel}_index"]
        async with self._db.read() as conn:
            holder = (await conn.execute(select(tables.account.c.id).where(column == index))).scalar_one_or_none()
        if holder == account_id:
            return Change(channel, None, None)
        await self._limiter.hit("reach_change_per_account", account_id)
        if holder is not None:
            raise ContactTaken()
        await self._limiter.hit("code_send_per_target", index.hex())
        return Change(channel, await self._keys.seal(scope(account_id), value.encode(), "account_code.target"), index)

    async def change(self, conn: AsyncConnection, account_id: str, change: Change) -> None:
        """Part of the caller's transaction: the present value stays until the new one is confirmed, and is told of the change."""
        if change.target is None:
            await self._withdraw_pending(conn, account_id, change.channel)
            return
        await self._codes.issue(conn, account_id, change.channel, target=change.target, target_index=change.target_index)
        await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": account_id, "letter": f"{change.channel}_changes"})
        await self._activity.add(conn, account_id, f"{change.channel}_change_asked")

    async def _withdraw_pending(self, conn: AsyncConnection, account_id: str, channel: Channel) -> None:
        """The present value was given as the new one: an open change is called off, a first confirmation is not."""
        columns = tables.account_code.c
        row = (
            await conn.execute(
                select(columns.id).where(columns.account_id == account_id, columns.purpose == channel, columns.target.is_not(None))
            )
        ).first()
        if row is not None:
            await self._codes.withdraw(conn, account_id, channel)

    async def pending(self, account_id: str) -> dict[Channel, str]:
        """New values that wait for their code."""
        key = scope(account_id)
        return {
            row["purpose"]: (await self._keys.open(key, row["target"], "account_code.target")).decode()
            for row in await self._pending({"account": account_id})
        }
