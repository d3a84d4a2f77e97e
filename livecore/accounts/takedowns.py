"""Takedowns of a profile picture and of a profile name; keeps the promise of `ports.TakedownPort`."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.accounts import tables
from livecore.accounts.avatars import Avatars
from livecore.accounts.records import Records
from livecore.ports import TakedownTarget


class ProfileTakedowns:
    """The target's id is the account's. A disabled name is replaced by the username; a disabled picture by none.

    Both are columns of the account that every read looks at, so nothing needs to be dropped after the commit.
    """

    KINDS = ("profile_picture", "profile_name")

    def __init__(self, records: Records, avatars: Avatars) -> None:
        self._records = records
        self._avatars = avatars

    async def owner_of(self, target: TakedownTarget) -> str | None:
        person = await self._records.by_id(target.id)
        return None if person is None else person.id

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await self._set(conn, target, True)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await self._set(conn, target, False)

    async def _set(self, conn: AsyncConnection, target: TakedownTarget, disabled: bool) -> None:
        if target.kind == "profile_picture":
            await self._avatars.set_disabled(conn, target.id, disabled)
            return
        columns = tables.account.c
        values = {"profile_name_disabled": disabled, "version": columns.version + 1}
        await conn.execute(update(tables.account).where(columns.id == target.id).values(values))

    async def disabled_now(self, target: TakedownTarget) -> None:
        return None
