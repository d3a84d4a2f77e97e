"""People worth meeting, each with the reason why: never oneself, a friend, somebody asked or declined, blocked or hidden."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select

from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.ports import Database, PeopleIndex, PersonCard

# Candidates looked at for one answer; the rest of a large circle is not better than its best.
CANDIDATES_LIMIT = 200


@dataclass(frozen=True)
class Suggestion:
    """`reason`: "mutual_friends" (`mutual` of them) or "new_here"."""

    card: PersonCard
    reason: str
    mutual: int


class Discovery:
    def __init__(self, db: Database, relations: RelationStore, index: PeopleIndex) -> None:
        self._db = db
        self._relations = relations
        self._index = index

    async def people(self, me: str, limit: int) -> list[Suggestion]:
        mutual = await self._mutual(me)
        newest = await self._index.newest(CANDIDATES_LIMIT)
        settled = await self._settled(me)
        wanted = [other for other in dict.fromkeys([*mutual, *newest]) if other != me and other not in settled]
        cards = await self._index.discoverable(me, wanted)
        found = [other for other in wanted if other in cards][:limit]
        return [Suggestion(cards[other], "mutual_friends" if other in mutual else "new_here", mutual.get(other, 0)) for other in found]

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
        hidden = await self._relations.blocked_either_way(me)
        if hidden:
            # Somebody blocked is no bridge either: the count would show that they have friends.
            query = query.where(mine.c.friend_id.not_in(hidden))
        async with self._db.read() as conn:
            return {row.friend_id: row.shared for row in await conn.execute(query)}

    async def _settled(self, me: str) -> set[str]:
        """Those with whom a friendship exists or was asked for, answered or not."""
        friendship, request = tables.friendship.c, tables.friend_request.c
        async with self._db.read() as conn:
            settled = set((await conn.execute(select(friendship.friend_id).where(friendship.account_id == me))).scalars())
            mine = or_(request.sender_id == me, request.receiver_id == me)
            for row in await conn.execute(select(request.sender_id, request.receiver_id).where(mine)):
                settled |= {row.sender_id, row.receiver_id}
        return settled - {me}
