"""The present password, asked for again before what cannot be undone by whoever merely holds an open session."""

from livecore import errors
from livecore.accounts.passwords import Passwords
from livecore.accounts.records import Records
from livecore.ports import Limiter, Principal


class PresentPassword:
    def __init__(self, records: Records, passwords: Passwords, limiter: Limiter) -> None:
        self._records = records
        self._passwords = passwords
        self._limiter = limiter

    async def check(self, me: Principal, password: str) -> None:
        """Raises Forbidden (`wrong_password`), TooMany (`password_per_account`)."""
        await self._limiter.hit("password_per_account", me.account_id)
        row = await self._records.row_by_login(me.username)
        if not await self._passwords.verify(row.password_hash if row else None, password):
            raise errors.Forbidden("That is not the present password.", type="wrong_password")
