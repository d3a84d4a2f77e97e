"""Passwords changed and forgotten. A stranger learns nothing of who has an account: answers and work are the same."""

from sqlalchemy import update

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.codes import SEND_JOB, Codes, Outcome, refuse
from livecore.accounts.passwords import Passwords
from livecore.accounts.present_password import PresentPassword
from livecore.accounts.records import Records
from livecore.accounts.sessions import LETTER_JOB, Sessions
from livecore.errors import FieldError
from livecore.ids import new_id
from livecore.ports import Database, Jobs, Limiter, Principal


class Recovery:
    def __init__(
        self,
        db: Database,
        records: Records,
        passwords: Passwords,
        codes: Codes,
        sessions: Sessions,
        jobs: Jobs,
        limiter: Limiter,
        present: PresentPassword,
        activity: ActivityLog,
    ) -> None:
        self._db = db
        self._records = records
        self._passwords = passwords
        self._codes = codes
        self._sessions = sessions
        self._jobs = jobs
        self._limiter = limiter
        self._present = present
        self._activity = activity

    async def change(self, me: Principal, present: str, wanted: str) -> None:
        """Ends the other sessions. Raises Forbidden (`wrong_password`)."""
        await self._present.check(me, present)
        hashed = await self._passwords.hash(wanted)
        await self._store(me.account_id, hashed)
        await self._sessions.end_all(me.account_id, "password_changed", but=me.session_id)

    async def forgot(self, login: str) -> None:
        """Sends a code to the account's mail address, if there is one. The same answer and a write of the same kind if not."""
        login = login.strip()
        await self._limiter.hit("code_send_per_target", f"reset:{login.casefold()}")
        row = await self._records.row_by_login(login)
        async with self._db.write() as conn:
            if row is not None and row.state in ("active", "erasing"):
                await self._codes.issue(conn, row.id, "reset")
            else:
                await self._jobs.enqueue(conn, SEND_JOB, {"code_id": new_id()})

    async def reset(self, login: str, code: str, wanted: str) -> None:
        """A new password for the code; ends all sessions. Raises as a wrong code does, also where there is no account."""
        login = login.strip()
        await self._limiter.hit("sign_in_per_login", login.casefold())
        row = await self._records.row_by_login(login)
        if row is None:
            refuse(Outcome.WRONG)
            return
        await self._limiter.hit("code_try_per_account", row.id)
        async with self._db.write() as conn:
            trial = await self._codes.try_code(conn, row.id, "reset", code)
        if trial.outcome is Outcome.NONE:
            raise errors.Invalid([FieldError("code", "is not the code that was sent")], type="wrong_code")
        refuse(trial.outcome)
        hashed = await self._passwords.hash(wanted)
        await self._store(row.id, hashed)
        await self._sessions.end_all(row.id, "password_changed")

    async def _store(self, account_id: str, hashed: str) -> None:
        async with self._db.write() as conn:
            await conn.execute(update(tables.account).where(tables.account.c.id == account_id).values(password_hash=hashed))
            await self._activity.add(conn, account_id, "password_changed")
            await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": account_id, "letter": "password_changed"})
