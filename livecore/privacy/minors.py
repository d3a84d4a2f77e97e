"""Accounts of people who were found to be under 18: gone at once, with a tombstone that names nobody."""

from livecore import errors
from livecore.ports import AccountStates, Audit, Clock, Database, Directory, Erasures


class Minors:
    def __init__(self, db: Database, clock: Clock, directory: Directory, states: AccountStates, erasures: Erasures, audit: Audit) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self._states = states
        self._erasures = erasures
        self._audit = audit

    async def purge(self, actor: str, username: str, reason: str) -> None:
        """Close the account in one transaction with the order to erase it. Raises NotFound.

        The reason goes with the account: the chain keeps the act, its side row is erased like everything else.
        """
        account_id = await self._directory.by_username(username)
        if account_id is None:
            raise errors.NotFound("There is no such person.")
        if account_id == actor:
            raise errors.Conflict("Somebody else must decide about you.")
        async with self._db.write() as conn:
            await self._states.close(conn, account_id)
            await self._erasures.schedule(conn, account_id, self._clock.at_ms(), reason="underage")
            await self._audit.record(conn, actor, "account.purge", subject=account_id, details={"ground": "underage", "reason": reason})
        await self._states.end_sessions(account_id, "closed")
