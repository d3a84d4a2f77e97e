"""Address books: numbers as keyed hashes only, with the person's word that they may, and no faster than an address book grows.

A number that nobody here has confirmed stays a hash; when somebody confirms it, those who hold it are told, if that person lets
themselves be found by their number.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.ports import Activity, Clock, Database, Directory, Job, Jobs, Keys, Neighbours, PeopleIndex, PersonCard, PhoneIndex, Quota

# The words under which a person confirms that they may give others' numbers: POST /contacts carries `authorized: true`.
CONSENT_VERSION = "1"
# Rows that one turn of the loop prepares or reads, some five milliseconds: others have their turn in between.
ROWS_A_TURN = 1000
JOINED = "people.joined"
# Owners of books who hear in one turn that somebody joined.
OWNERS_A_TURN = 100


@dataclass(frozen=True)
class Synced:
    """`rejected` entries were no phone numbers; `indexes` are those added that the book holds now."""

    added: int
    removed: int
    unchanged: int
    rejected: int
    indexes: set[bytes]


@dataclass(frozen=True)
class Origin:
    """Where numbers come from, for the quotas: the client's own id of the device, its address (of IPv6 what a subscriber has of it), and
    the network of that."""

    device: str
    address: str
    network: str


@dataclass(frozen=True)
class Found:
    """Somebody of the book who has an account; `name` is what the owner calls them."""

    card: PersonCard
    name: str | None


class Contacts:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        quota: Quota,
        relations: RelationStore,
        directory: Directory,
        index: PeopleIndex,
        phones: PhoneIndex,
        activity: Activity,
        neighbours: Neighbours,
        jobs: Jobs,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._quota = quota
        self._relations = relations
        self._directory = directory
        self._index = index
        self._phones = phones
        self._activity = activity
        self._neighbours = neighbours
        self._jobs = jobs
        jobs.handle(JOINED, self._tell_joined, timeout_s=3600)

    # -- giving numbers

    async def sync(self, me: str, add: Sequence[str], remove: Sequence[str], *, full: bool, origin: Origin) -> Synced:
        """Add and remove numbers; with `full`, `add` is the whole book. The same again changes nothing. Raises TooMany; a sync that is
        refused stores nothing and uses up nothing."""
        given = await self._phones.read(me, add)
        wanted = {index for index in given if index is not None}
        unwanted = {index for index in await self._phones.read(me, remove) if index is not None}
        held = await self._held(me)
        new = wanted - held.keys() - unwanted
        gone = (held.keys() - wanted if full else set()) | (unwanted & held.keys())
        at_ms = self._clock.at_ms()
        consent = {"id": new_id(), "account_id": me, "at_ms": at_ms, "text_version": CONSENT_VERSION, "network": origin.network}
        async with self._db.write() as conn:
            if not full:
                await self._quota.take(conn, _counted("delta", me, origin), max(1, len(add) + len(remove)))
            if new:
                await self._quota.take(conn, _counted("new", me, origin), len(new))
            await conn.execute(tables.contact_consent.insert().values(consent))
            if gone:
                # One statement for all of them: the driver goes through the list.
                contact = tables.contact.c
                stale = delete(tables.contact).where(contact.owner_id == bindparam("owner"), contact.phone_hash == bindparam("hash"))
                await _in_turns(conn, stale, sorted(gone), lambda index: {"owner": me, "hash": index})
            if new:
                make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
                # Another sync of the same book may have been first.
                fresh = make(tables.contact).on_conflict_do_nothing()
                await _in_turns(conn, fresh, sorted(new), lambda index: {"owner_id": me, "phone_hash": index, "added_ms": at_ms})
            if new or gone:
                await self._activity.add(conn, me, "contacts_synced", {"added": len(new), "removed": len(gone)})
        # After the commit: whoever confirms a number from here on finds the row, whoever did before is found now. Also for numbers
        # that were there before: a process that ended in between left them without.
        matched = await self._match(me, {index for index in wanted - unwanted if held.get(index) is None})
        touched = {account_id for index in gone if (account_id := held[index]) is not None}
        await self._tell_changed(me, matched | touched)
        return Synced(len(new), len(gone), len(wanted & held.keys()), sum(index is None for index in given), wanted - unwanted)

    async def _held(self, me: str) -> dict[bytes, str | None]:
        """The numbers in the book, each with the account that confirmed it."""
        contact = tables.contact.c
        query = select(contact.phone_hash, contact.account_id).where(contact.owner_id == me)
        async with self._db.read() as conn:
            found: dict[bytes, str | None] = {}
            for part in (await conn.execute(query)).partitions(ROWS_A_TURN):
                found.update({bytes(phone_hash): account_id for phone_hash, account_id in part})
                await asyncio.sleep(0)
            return found

    async def _match(self, me: str, indexes: set[bytes]) -> set[str]:
        holders = {index: account_id for index, account_id in (await self._phones.holders(indexes)).items() if account_id != me}
        if holders:
            contact = tables.contact.c
            row = update(tables.contact).where(contact.owner_id == bindparam("owner"), contact.phone_hash == bindparam("hash"))
            values = [{"owner": me, "hash": index, "holder": account_id} for index, account_id in sorted(holders.items())]
            async with self._db.write() as conn:
                await conn.execute(row.values(account_id=bindparam("holder")), values)
        return set(holders.values())

    async def _tell_changed(self, me: str, others: set[str]) -> None:
        changed = sorted(others - {me})
        for start in range(0, len(changed), 100):
            await self._relations.changed(me, *changed[start : start + 100])

    async def delete_all(self, me: str) -> None:
        contact = tables.contact.c
        async with self._db.write() as conn:
            query = select(contact.account_id).where(contact.owner_id == me, contact.account_id.is_not(None))
            touched = set((await conn.execute(query)).scalars())
            await conn.execute(delete(tables.contact).where(contact.owner_id == me))
            await self._activity.add(conn, me, "contacts_deleted")
        await self._tell_changed(me, touched)

    # -- those who are here

    async def page(self, me: str, after: str | None, limit: int) -> tuple[list[Found], str | None]:
        """Accounts among the numbers who let themselves be found by theirs, and what continues the list; some pages are shorter."""
        contact = tables.contact.c
        query = select(contact.account_id, contact.name).where(contact.owner_id == me, contact.account_id.is_not(None))
        if after is not None:
            query = query.where(contact.account_id > after)
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(contact.account_id).limit(limit + 1))).all()
        more = rows[limit - 1].account_id if len(rows) > limit else None
        return await self._found(me, rows[:limit]), more

    async def among(self, me: str, indexes: Set[bytes], limit: int) -> list[Found]:
        """Those who hold one of these numbers of the book, at most `limit` of them."""
        contact = tables.contact.c
        query = select(contact.phone_hash, contact.account_id, contact.name).where(contact.owner_id == me, contact.account_id.is_not(None))
        async with self._db.read() as conn:
            rows = [row for row in await conn.execute(query.order_by(contact.account_id)) if bytes(row.phone_hash) in indexes]
        return await self._found(me, rows[:limit])

    async def _found(self, me: str, rows: Sequence[Any]) -> list[Found]:
        cards = await self._index.discoverable(me, [row.account_id for row in rows], "discoverable_by_phone")
        found = []
        for row in rows:
            if row.account_id in cards:
                name = None if row.name is None else (await self._keys.open(f"account:{me}", row.name, "contact.name")).decode()
                found.append(Found(cards[row.account_id], name))
        return found

    async def _one(self, me: str, username: str) -> str:
        other = await self._directory.by_username(username)
        if other is None or not (await self._relations.between(me, other)).contact:
            raise errors.NotFound("There is no such contact.")
        if other not in await self._index.discoverable(me, [other], "discoverable_by_phone"):
            raise errors.NotFound("There is no such contact.")
        return other

    async def rename(self, me: str, username: str, name: str | None) -> None:
        other = await self._one(me, username)
        sealed = None if name is None else await self._keys.seal(f"account:{me}", name.encode(), "contact.name")
        contact = tables.contact.c
        async with self._db.write() as conn:
            await conn.execute(update(tables.contact).where(contact.owner_id == me, contact.account_id == other).values(name=sealed))

    async def remove(self, me: str, username: str) -> None:
        other = await self._one(me, username)
        contact = tables.contact.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.contact).where(contact.owner_id == me, contact.account_id == other))
        await self._relations.changed(me, other)

    # -- somebody confirms a number

    async def phone_confirmed(self, account_id: str, index: bytes) -> None:
        """Keeps the promise of `ports.PhoneWatcher`."""
        contact = tables.contact.c
        # A number may stand in thousands of books.
        async with self._db.write(slow=True) as conn:
            before = select(contact.owner_id).where(contact.account_id == account_id, contact.phone_hash != index)
            left = set((await conn.execute(before)).scalars())
            stale = update(tables.contact).where(contact.account_id == account_id, contact.phone_hash != index)
            await conn.execute(stale.values(account_id=None, name=None))
            known = select(contact.owner_id).where(
                contact.phone_hash == index, contact.owner_id != account_id, contact.account_id.is_(None)
            )
            joined = set((await conn.execute(known)).scalars())
            match = update(tables.contact).where(contact.phone_hash == index, contact.owner_id != account_id)
            await conn.execute(match.values(account_id=account_id))
            if joined:
                await self._jobs.enqueue(conn, JOINED, {"account": account_id})
        await self._tell_changed(account_id, left | joined)

    async def _tell_joined(self, job: Job) -> None:
        """Everybody whose book holds the number that this account confirmed. An event, not a notice: who is away sees the list later."""
        account_id = str(job.payload["account"])
        contact = tables.contact.c
        after = ""
        while self._neighbours.signals is not None:
            query = select(contact.owner_id).where(contact.account_id == account_id, contact.owner_id > after)
            async with self._db.read() as conn:
                owners = list((await conn.execute(query.order_by(contact.owner_id).limit(OWNERS_A_TURN))).scalars())
            for owner in owners:
                card = (await self._index.discoverable(owner, [account_id], "discoverable_by_phone")).get(account_id)
                if card is not None:
                    who = {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar}
                    await self._neighbours.signals.to_account(owner, "contact:joined", {"user": who})
            if len(owners) < OWNERS_A_TURN:
                return
            after = owners[-1]
            await asyncio.sleep(0)


def _counted(kind: str, me: str, origin: Origin) -> dict[str, str]:
    """The rules for `new` numbers or for a `delta`, each with whom it counts."""
    return {
        f"contacts_{kind}_per_account": me,
        f"contacts_{kind}_per_device": origin.device,
        f"contacts_{kind}_per_address": origin.address,
    }


async def _in_turns(conn: AsyncConnection, statement: Any, indexes: Sequence[bytes], values: Callable[[bytes], dict[str, Any]]) -> None:
    """One statement for the values of all of the indexes, in one transaction; the loop is left to others in between."""
    for start in range(0, len(indexes), ROWS_A_TURN):
        await conn.execute(statement, [values(index) for index in indexes[start : start + ROWS_A_TURN]])
        await asyncio.sleep(0)
