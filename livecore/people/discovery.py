"""People worth meeting, each with the reason why: never oneself, a friend, somebody asked or declined, blocked, hidden or under review."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, or_, select

from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.ports import Database, Directory, Neighbours, PeopleIndex, PersonCard, Traits

# Candidates looked at for one answer, by each reason; the rest of a large circle is not better than its best.
CANDIDATES_LIMIT = 200

Reason = Literal["contact", "mutual_friends", "common_interests", "watched_together", "nearby", "new_here"]


@dataclass(frozen=True)
class Suggestion:
    """Why: `mutual` friends in common, `interests` in common, or `watched` videos in common."""

    card: PersonCard
    reason: Reason
    mutual: int = 0
    interests: tuple[str, ...] = ()
    watched: int = 0


@dataclass(frozen=True)
class _Reasons:
    """By account id: who is there for which reason, and how much there is of it."""

    contacts: dict[str, None]
    mutual: dict[str, int]
    interests: dict[str, int]
    watched: dict[str, int]
    nearby: dict[str, int]

    def suggest(self, card: PersonCard, common: tuple[str, ...], *, is_telling: bool) -> Suggestion | None:
        """With the first reason that may be told of somebody who is found by name; None when there is none but being new."""
        other = card.id
        if other in self.mutual:
            return Suggestion(card, "mutual_friends", mutual=self.mutual[other])
        if other in self.interests and common:
            return Suggestion(card, "common_interests", interests=common)
        if other in self.watched:
            return Suggestion(card, "watched_together", watched=self.watched[other])
        if other in self.nearby and is_telling:
            return Suggestion(card, "nearby")
        return None


class Discovery:
    def __init__(
        self, db: Database, relations: RelationStore, directory: Directory, index: PeopleIndex, traits: Traits, neighbours: Neighbours
    ) -> None:
        self._db = db
        self._relations = relations
        self._directory = directory
        self._index = index
        self._traits = traits
        self._neighbours = neighbours

    async def people(self, me: str, limit: int) -> list[Suggestion]:
        """The first reason that holds is the one that is told, in the order of `Reason`; within it, those with most in common first."""
        reasons = _Reasons(await self._contacts(me), await self._mutual(me), *await self._alike(me))
        newest = await self._index.newest(CANDIDATES_LIMIT)
        wanted = await self._fit(me, [*reasons.contacts, *reasons.mutual, *reasons.interests, *reasons.watched, *reasons.nearby, *newest])
        # Who is found by their number is found by whoever has it; all others by name and in suggestions.
        by_phone = await self._index.discoverable(me, [other for other in wanted if other in reasons.contacts], "discoverable_by_phone")
        by_name = await self._index.discoverable(me, wanted)
        # Interests and region stand beside the status message: a reason must not tell what a profile would not.
        alike = [other for other in wanted if other in reasons.interests or other in reasons.nearby]
        telling = await self._index.discoverable(me, alike, "visibility_status")
        common = await self._common(me, [other for other in telling if other in reasons.interests])
        found: list[Suggestion] = []
        later: list[Suggestion] = []
        for other in wanted:
            if len(found) == limit:
                break
            if other in by_phone:
                found.append(Suggestion(by_phone[other], "contact"))
            elif other in by_name:
                card = by_name[other]
                suggestion = reasons.suggest(card, common.get(other, ()), is_telling=other in telling)
                if suggestion is not None:
                    found.append(suggestion)
                elif other in newest:
                    # A reason that may not be told moves nobody to the front.
                    later.append(Suggestion(card, "new_here"))
        place = {other: at for at, other in enumerate(newest)}
        later.sort(key=lambda one: place[one.card.id])
        return (found + later)[:limit]

    async def _fit(self, me: str, candidates: Iterable[str]) -> list[str]:
        """Each once, in their order, without those who may not be suggested to `me` whatever the reason."""
        unfit = await self._unfit(me)
        wanted = [other for other in dict.fromkeys(candidates) if other != me and other not in unfit]
        if self._neighbours.reviews is None:
            return wanted
        reviewed = await self._neighbours.reviews.under_review(wanted)
        return [other for other in wanted if other not in reviewed]

    async def _alike(self, me: str) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """By interests, by what was watched, by region; nothing of it for who limits the use of their data."""
        if await self._directory.setting(me, "restrict"):
            return {}, {}, {}
        interests = await self._traits.sharing(me, "interest", CANDIDATES_LIMIT)
        nearby = await self._traits.sharing(me, "region", CANDIDATES_LIMIT)
        watched: dict[str, int] = {}
        if self._neighbours.audience is not None and await self._directory.setting(me, "personalised"):
            alike = await self._neighbours.audience.watched_together(me, CANDIDATES_LIMIT)
            watched = {other: count for other, count in alike.items() if await self._lets_be_compared(other)}
        return interests, watched, nearby

    async def _lets_be_compared(self, other: str) -> bool:
        """It takes two who let what they watch be used."""
        return bool(await self._directory.setting(other, "personalised")) and not await self._directory.setting(other, "restrict")

    async def _common(self, me: str, others: Iterable[str]) -> dict[str, tuple[str, ...]]:
        wanted = list(others)
        traits = await self._traits.of([me, *wanted])
        mine = set(traits[me].interests)
        return {other: tuple(word for word in traits[other].interests if word in mine) for other in wanted}

    async def _contacts(self, me: str) -> dict[str, None]:
        contact = tables.contact.c
        query = select(contact.account_id).where(contact.owner_id == me, contact.account_id.is_not(None))
        async with self._db.read() as conn:
            found = (await conn.execute(query.order_by(contact.added_ms.desc()).limit(CANDIDATES_LIMIT))).scalars()
            return dict.fromkeys(str(account_id) for account_id in found)

    async def _mutual(self, me: str) -> dict[str, int]:
        """Friends of friends, those with most friends in common first."""
        mine, theirs = tables.friendship.alias("mine"), tables.friendship.alias("theirs")
        shared = func.count().label("shared")
        query = (
            select(theirs.c.friend_id, shared)
            .join(theirs, theirs.c.account_id == mine.c.friend_id)
            .where(mine.c.account_id == me, theirs.c.friend_id != me)
            .group_by(theirs.c.friend_id)
            .order_by(shared.desc(), theirs.c.friend_id)
            .limit(CANDIDATES_LIMIT)
        )
        hidden = await self._relations.blocked_either_way(me) | await self._silent_friends(me)
        if hidden:
            # Who is blocked or shows nobody their friends is no bridge either: the count would tell of them.
            query = query.where(mine.c.friend_id.not_in(hidden))
        async with self._db.read() as conn:
            return {row.friend_id: row.shared for row in await conn.execute(query)}

    async def _silent_friends(self, me: str) -> set[str]:
        """Friends of `me` who do not show even friends who theirs are."""
        audiences = await self._directory.settings(await self._relations.friends_of(me), "visibility_friends")
        return {friend for friend, audience in audiences.items() if audience == "nobody"}

    async def mutual_with(self, me: str, other: str, limit: int) -> tuple[list[str], int]:
        """Friends whom both have, and how many there are; nobody whom either blocks or is blocked by, and none where one of the two blocks.
        That two are friends is told if either of them shows their friends."""
        if (await self._relations.between(me, other)).blocked:
            return [], 0
        mine, theirs = tables.friendship.alias("mine"), tables.friendship.alias("theirs")
        both = (mine.c.account_id == me) & (theirs.c.account_id == other)
        query = select(mine.c.friend_id).join(theirs, theirs.c.friend_id == mine.c.friend_id).where(both)
        hidden = await self._relations.blocked_either_way(me) | await self._relations.blocked_either_way(other)
        if not await self._relations.allows(other, me, await self._directory.setting(other, "visibility_friends")):
            hidden |= await self._silent_friends(me)
        if hidden:
            query = query.where(mine.c.friend_id.not_in(hidden))
        async with self._db.read() as conn:
            found = [str(account_id) for account_id in (await conn.execute(query.order_by(mine.c.friend_id))).scalars()]
        return found[:limit], len(found)

    async def _unfit(self, me: str) -> set[str]:
        """Those with whom a friendship exists or was asked for, answered or not, those who are muted, and those of whom one reported
        the other."""
        friendship, request = tables.friendship.c, tables.friend_request.c
        async with self._db.read() as conn:
            settled = set((await conn.execute(select(friendship.friend_id).where(friendship.account_id == me))).scalars())
            mine = or_(request.sender_id == me, request.receiver_id == me)
            for row in await conn.execute(select(request.sender_id, request.receiver_id).where(mine)):
                settled |= {row.sender_id, row.receiver_id}
        settled |= await self._neighbours.muted_by(me)
        if self._neighbours.reviews is not None:
            settled |= await self._neighbours.reviews.reported_either_way(me)
        return settled - {me}
