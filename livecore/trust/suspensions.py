"""Suspensions: staff put a person out, for some days or until they say otherwise. The person is told, and may come back."""

from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ports import AccountStates, Audit, Clock, Database, Job, Jobs, Notifier

DAY_MS = 86_400_000
END_JOB = "trust.suspension_ends"


class Suspensions:
    def __init__(self, db: Database, clock: Clock, jobs: Jobs, states: AccountStates, audit: Audit, notifier: Notifier) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._states = states
        self._audit = audit
        self._notifier = notifier
        jobs.handle(END_JOB, self._end)

    async def suspend(self, actor: str, account_id: str, reason: str, days: int | None, case: str | None = None) -> None:
        """Raises Conflict, see `impose`."""
        async with self._db.write() as conn:
            await self.impose(conn, actor, account_id, reason, days, case)
        await self.end_sessions(account_id)

    async def impose(
        self, conn: AsyncConnection, actor: str, account_id: str, reason: str, days: int | None, case: str | None = None
    ) -> None:
        """Part of the caller's transaction; `end_sessions` comes after it. `days` None: until somebody reinstates.

        Raises Conflict for oneself, and for who is suspended already or leaving.
        """
        if account_id == actor:
            raise errors.Conflict("Somebody else must decide about you.", type="yourself")
        until_ms = None if days is None else self._clock.at_ms() + days * DAY_MS
        await self._states.suspend(conn, account_id, until_ms)
        if days is not None:
            await self._jobs.enqueue(conn, END_JOB, {"account_id": account_id}, delay_ms=days * DAY_MS)
        details = {"reason": reason, "days": days}
        number = await self._audit.record(conn, actor, "account.suspend", subject=account_id, case=case, details=details)
        told = {"reason": reason, "until": until_ms}
        await self._notifier.notify(conn, account_id, "suspended", told, key=f"suspended:{number}")

    async def end_sessions(self, account_id: str) -> None:
        await self._states.end_sessions(account_id, "suspended")

    async def reinstate(self, actor: str, account_id: str, reason: str) -> None:
        """Raises Conflict for who is not suspended."""
        async with self._db.write() as conn:
            if not await self._states.reinstate(conn, account_id):
                raise errors.Conflict("This account is not suspended.", type="not_suspended")
            await self._audit.record(conn, actor, "account.reinstate", subject=account_id, details={"reason": reason})

    async def _end(self, job: Job) -> None:
        account_id = job.payload["account_id"]
        async with self._db.write() as conn:
            # One that was lifted and imposed again meanwhile ends at its own time.
            if await self._states.reinstate(conn, account_id, due_ms=self._clock.at_ms()):
                await self._audit.record(conn, "system", "account.reinstate", subject=account_id, details={"reason": "the time is over"})
