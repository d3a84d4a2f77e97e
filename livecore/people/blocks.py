"""Blocks: in the very next request neither sees the other anywhere, and the one who is blocked is not told.

What a block hides (a friendship, a follow) stays as it was underneath, so that unblocking restores it.
"""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.people.somebody import somebody
from livecore.ports import Activity, Clock, Database, Directory


class Blocks:
    def __init__(self, db: Database, clock: Clock, relations: RelationStore, directory: Directory, activity: Activity) -> None:
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._activity = activity
        # Told of a new block once it holds; None where nothing runs that two people could be in together.
        self.on_block: Callable[[str, str], Awaitable[None]] | None = None

    async def block(self, account_id: str, other_id: str) -> None:
        """Idempotent; keeps the promise of `ports.Blocker`."""
        block = tables.block.c
        # Twice at the same moment is once.
        with contextlib.suppress(IntegrityError):
            async with self._db.write() as conn:
                query = select(block.created_ms).where(block.blocker_id == account_id, block.blocked_id == other_id)
                if (await conn.execute(query)).first() is None:
                    values = {"blocker_id": account_id, "blocked_id": other_id, "created_ms": self._clock.at_ms()}
                    await conn.execute(tables.block.insert().values(values))
                    await self._activity.add(conn, account_id, "blocked", {"other": other_id})
        await self._relations.changed(account_id, other_id)
        if self.on_block is not None:
            await self.on_block(account_id, other_id)

    async def block_username(self, me: str, username: str) -> None:
        """Whoever exists can be blocked, also somebody who blocks `me`. Raises NotFound, Conflict for oneself."""
        other = await somebody(self._directory, username)
        if other == me:
            raise errors.Conflict("That is yourself.", type="self")
        await self.block(me, other)

    async def unblock(self, me: str, username: str) -> None:
        """Idempotent for anybody who exists."""
        other = await somebody(self._directory, username)
        block = tables.block.c
        async with self._db.write() as conn:
            done = await conn.execute(delete(tables.block).where(block.blocker_id == me, block.blocked_id == other))
            if done.rowcount:
                await self._activity.add(conn, me, "unblocked", {"other": other})
        await self._relations.changed(me, other)

    async def is_blocked(self, me: str, username: str) -> str:
        """The id of the person whom `me` blocks. Raises NotFound."""
        other = await self._directory.by_username(username)
        if other is None or not (await self._relations.between(me, other)).i_block:
            raise errors.NotFound("You do not block anybody of that name.")
        return other

    async def page(self, me: str, after: str | None, limit: int) -> Sequence[Any]:
        """blocked_id, created_ms in the order of ids above `after`."""
        block = tables.block.c
        query = select(block.blocked_id, block.created_ms).where(block.blocker_id == me)
        if after is not None:
            query = query.where(block.blocked_id > after)
        async with self._db.read() as conn:
            return (await conn.execute(query.order_by(block.blocked_id).limit(limit))).all()
