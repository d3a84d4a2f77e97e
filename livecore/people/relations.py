"""Who stands how to whom; keeps the promise of `ports.Relations`.

With one process every change goes through it, so answers are kept in memory and dropped by the change itself. With several
processes nothing is kept: a bell on the bus may be lost, and a block has to hold in the very next request everywhere.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, literal_column, select, union_all

from livecore.people import tables
from livecore.ports import Audience, Bus, Database, Delivery, Relation

CACHE_PAIRS = 100_000
CACHE_SETS = 5_000
CHANGED_TOPIC = "people.changed"

# Built once: who asks does so at every request.
_friendship, _block, _request, _contact = tables.friendship.c, tables.block.c, tables.friend_request.c, tables.contact.c
_ME, _OTHER = bindparam("me", type_=String), bindparam("other", type_=String)
_BETWEEN: Any = union_all(
    select(literal_column("'friends'").label("what")).where(_friendship.account_id == _ME, _friendship.friend_id == _OTHER),
    select(literal_column("'i_block'")).where(_block.blocker_id == _ME, _block.blocked_id == _OTHER),
    select(literal_column("'blocks_me'")).where(_block.blocker_id == _OTHER, _block.blocked_id == _ME),
    select(literal_column("'contact'")).where(_contact.owner_id == _ME, _contact.account_id == _OTHER),
    select(literal_column("'in_theirs'")).where(_contact.owner_id == _OTHER, _contact.account_id == _ME),
    select(literal_column("'requested'")).where(_request.sender_id == _ME, _request.receiver_id == _OTHER),
    select(literal_column("'asks_me'")).where(_request.sender_id == _OTHER, _request.receiver_id == _ME, _request.declined_ms.is_(None)),
)
_BLOCKED: Any = union_all(
    select(_block.blocked_id.label("id")).where(_block.blocker_id == _ME),
    select(_block.blocker_id.label("id")).where(_block.blocked_id == _ME),
)
_FRIENDS = select(_friendship.friend_id.label("id")).where(_friendship.account_id == _ME)
_FOLLOWED = select(tables.follow.c.followed_id.label("id")).where(tables.follow.c.follower_id == _ME)


@dataclass(frozen=True)
class _Kept:
    """What was read, and the stamps of the two accounts at the time when reading began."""

    value: Any
    stamps: tuple[int, ...]


class RelationStore:
    def __init__(self, db: Database, bus: Bus, *, shared: bool) -> None:
        self._bus = bus
        self._shared = shared
        self._between = db.prepare(_BETWEEN)
        self._queries = {kind: db.prepare(query) for kind, query in (("blocked", _BLOCKED), ("friends", _FRIENDS), ("followed", _FOLLOWED))}
        self._pairs: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._sets: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        # Grows for an account with each change of how it stands to somebody.
        self._stamps: dict[str, int] = {}

    async def start(self) -> Callable[[], Awaitable[None]]:
        return await self._bus.subscribe(CHANGED_TOPIC, self._on_changed)

    async def _on_changed(self, delivery: Delivery) -> None:
        self._forget(*delivery.data.decode().split())

    def _forget(self, *account_ids: str) -> None:
        for account_id in account_ids:
            self._stamps[account_id] = self._stamps.get(account_id, 0) + 1
        if len(self._stamps) > CACHE_PAIRS:
            self._pairs.clear()
            self._sets.clear()
            # Reads that are under way carry small stamps: a new floor above all of them keeps theirs from matching.
            floor = max(self._stamps.values()) + 1
            self._stamps = dict.fromkeys(account_ids, floor)

    async def changed(self, *account_ids: str) -> None:
        """After the commit: every process reads anew how these accounts stand."""
        self._forget(*account_ids)
        await self._bus.publish(CHANGED_TOPIC, " ".join(account_ids).encode())

    def _stamps_of(self, *account_ids: str) -> tuple[int, ...]:
        return tuple(self._stamps.get(account_id, 0) for account_id in account_ids)

    async def between(self, me: str, other: str) -> Relation:
        if me == other:
            return Relation()
        stamps = self._stamps_of(me, other)
        kept = self._pairs.get((me, other))
        if kept is not None and kept.stamps == stamps:
            return kept.value  # type: ignore[no-any-return]  # pairs hold relations only
        relation = await self._read(me, other)
        if not self._shared and stamps == self._stamps_of(me, other):
            self._pairs[me, other] = _Kept(relation, stamps)
            while len(self._pairs) > CACHE_PAIRS:
                self._pairs.popitem(last=False)
        return relation

    async def _read(self, me: str, other: str) -> Relation:
        facts = {row["what"] for row in await self._between({"me": me, "other": other})}
        blocked = bool(facts & {"i_block", "blocks_me"})
        return Relation(
            # A friendship outlives a block, unseen: taking the block back restores it.
            friends="friends" in facts and not blocked,
            contact="contact" in facts and not blocked,
            in_their_contacts="in_theirs" in facts and not blocked,
            i_block="i_block" in facts,
            blocks_me="blocks_me" in facts,
            requested="requested" in facts and not blocked,
            asks_me="asks_me" in facts and not blocked,
        )

    async def _set(self, kind: str, me: str) -> frozenset[str]:
        stamps = self._stamps_of(me)
        kept = self._sets.get((kind, me))
        if kept is not None and kept.stamps == stamps:
            return kept.value  # type: ignore[no-any-return]  # sets hold frozensets only
        found = frozenset(row["id"] for row in await self._queries[kind]({"me": me}))
        if not self._shared and stamps == self._stamps_of(me):
            self._sets[kind, me] = _Kept(found, stamps)
            while len(self._sets) > CACHE_SETS:
                self._sets.popitem(last=False)
        return found

    async def blocked_either_way(self, me: str) -> frozenset[str]:
        return await self._set("blocked", me)

    async def friends_of(self, me: str) -> frozenset[str]:
        return await self._set("friends", me) - await self.blocked_either_way(me)

    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""
        return await self._set("followed", me) - await self.blocked_either_way(me)

    async def allows(self, owner: str, viewer: str, audience: Audience) -> bool:
        if owner == viewer:
            return True
        if audience == "nobody":
            return False
        relation = await self.between(viewer, owner)
        if relation.blocked:
            return False
        if audience == "everyone" or relation.friends:
            return True
        return audience == "contacts" and relation.in_their_contacts
