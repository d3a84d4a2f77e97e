"""What a person does not want to see: an item hidden, a kind of thing that does not interest them, a person muted."""

import contextlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.feed.tables import feed_choice
from livecore.ports import Clock, Database, Directory, Relations

Choice = Literal["hide", "not_interested", "mute"]

CACHE_ACCOUNTS = 20_000
# An account keeps this many; more are a script. The oldest are not dropped: what was hidden stays hidden.
CHOICES_LIMIT = 5_000

_OF = select(feed_choice.c.choice, feed_choice.c.target_id, feed_choice.c.owner_id).where(feed_choice.c.account_id == bindparam("me"))


@dataclass(frozen=True)
class Unwanted:
    """`items`: not shown. `muted`: accounts whose items are not shown. `owners`: accounts of whom something did not interest."""

    items: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Hidden:
    choice: Choice
    item_id: str
    at_ms: int


class Choices:
    """`shared`: other processes change choices too; then nothing is kept in memory."""

    def __init__(self, db: Database, clock: Clock, relations: Relations, directory: Directory, *, shared: bool) -> None:
        self._db = db
        self._of = db.prepare(_OF)
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._shared = shared
        self._kept: OrderedDict[str, Unwanted] = OrderedDict()
        self._changes = 0

    async def of(self, me: str) -> Unwanted:
        kept = self._kept.get(me)
        if kept is not None:
            return kept
        changes = self._changes
        rows = await self._of({"me": me})
        found = Unwanted(
            frozenset(row["target_id"] for row in rows if row["choice"] != "mute"),
            frozenset(row["target_id"] for row in rows if row["choice"] == "mute"),
            frozenset(row["owner_id"] for row in rows if row["choice"] == "not_interested"),
        )
        if not self._shared and changes == self._changes:
            self._kept[me] = found
            while len(self._kept) > CACHE_ACCOUNTS:
                self._kept.popitem(last=False)
        return found

    async def add(self, me: str, choice: Choice, target_id: str, owner_id: str) -> None:
        """Idempotent. Raises Conflict when there are too many."""
        row = {"account_id": me, "choice": choice, "target_id": target_id, "owner_id": owner_id, "created_ms": self._clock.at_ms()}
        unwanted = await self.of(me)
        if len(unwanted.items) + len(unwanted.muted) >= CHOICES_LIMIT:
            raise errors.Conflict("That is more than can be kept; take some back.", type="too_many_choices")
        with contextlib.suppress(IntegrityError):
            async with self._db.write() as conn:
                await conn.execute(insert(feed_choice).values(row))
        self._forget(me)

    async def take_back(self, me: str, choice: Choice, target_id: str) -> None:
        columns = feed_choice.c
        async with self._db.write() as conn:
            await conn.execute(
                delete(feed_choice).where(columns.account_id == me, columns.choice == choice, columns.target_id == target_id)
            )
        self._forget(me)

    async def mute(self, me: str, username: str) -> None:
        """Raises NotFound for nobody and for who is blocked either way, Conflict for oneself."""
        other = await self._directory.by_username(username)
        if other is None or (await self._relations.between(me, other)).blocked:
            raise errors.NotFound("There is nobody of that name.")
        if other == me:
            raise errors.Conflict("That is yourself.", type="self")
        await self.add(me, "mute", other, other)

    async def muted_by(self, me: str) -> frozenset[str]:
        """Keeps `ports.Muted`."""
        return (await self.of(me)).muted

    async def muted(self, me: str, after: str, limit: int) -> list[str]:
        """Accounts that are muted, by id from above `after`."""
        columns = feed_choice.c
        mine = (columns.account_id == me, columns.choice == "mute", columns.target_id > after)
        async with self._db.read() as conn:
            query = select(columns.target_id).where(*mine).order_by(columns.target_id).limit(limit)
            return list((await conn.execute(query)).scalars())

    async def hidden(self, me: str, below: tuple[int, str] | None, limit: int) -> list[Hidden]:
        """Items left out, the latest choice first, below a choice's place (time, item id); one that is both hidden and not of interest
        stands here twice."""
        columns = feed_choice.c
        mine = (columns.account_id == me, columns.choice.in_(("hide", "not_interested")))
        query = select(columns.choice, columns.target_id, columns.created_ms).where(*mine)
        if below is not None:
            query = query.where(tuple_(columns.created_ms, columns.target_id) < below)
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(columns.created_ms.desc(), columns.target_id.desc()).limit(limit))
            return [Hidden(row.choice, row.target_id, row.created_ms) for row in rows]

    async def unmute(self, me: str, username: str) -> None:
        other = await self._directory.by_username(username)
        if other is None:
            raise errors.NotFound("There is nobody of that name.")
        await self.take_back(me, "mute", other)

    async def erase(self, account_id: str) -> None:
        """Keeps `ports.Eraser`: their choices, and others' about them, are neither stored nor in memory any more."""
        columns = feed_choice.c
        async with self._db.write() as conn:
            for column in (columns.account_id, columns.owner_id):
                await conn.execute(delete(feed_choice).where(column == account_id))
        self._changes += 1
        self._kept.clear()

    def _forget(self, me: str) -> None:
        self._changes += 1
        self._kept.pop(me, None)
