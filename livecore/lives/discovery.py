"""Who is live now, for one viewer: candidates, what is known of them, an order that a walk keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from livecore import errors
from livecore.lives import ranking
from livecore.lives.ranking import Known, Ranked
from livecore.lives.service import Lives
from livecore.lives.tables import live
from livecore.ports import Clock, Database, Directory, FollowGraph, LiveRooms, Neighbours, Principal, Relations, Traits

# Lives that are ranked for one viewer: the newest, and those of friends and followed ones. Their order fits into a cursor.
CANDIDATES_LIMIT = 200


@dataclass(frozen=True)
class Found:
    """`row` is as `Lives.get` answers it."""

    row: dict[str, Any]
    reason: str


class LiveDiscovery:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        lives: Lives,
        relations: Relations,
        directory: Directory,
        rooms: LiveRooms,
        traits: Traits,
        follows: FollowGraph,
        neighbours: Neighbours,
    ) -> None:
        self._db = db
        self._clock = clock
        self._lives = lives
        self._relations = relations
        self._directory = directory
        self._rooms = rooms
        self._traits = traits
        self._follows = follows
        self._neighbours = neighbours

    async def order(self, me: str) -> list[Ranked]:
        """Every live that may be shown, best first; plainly by time for who wants nothing chosen for them."""
        friends = await self._relations.friends_of(me)
        followed = await self._follows.followed_by(me)
        rows = await self._candidates(me, friends | followed)
        if await self._directory.setting(me, "restrict") or not await self._directory.setting(me, "personalised"):
            return ranking.by_time([Known(row.id, row.started_ms, 0) for row in rows])
        hosts = list(dict.fromkeys(row.owner_id for row in rows))
        common = await self._common(me, hosts)
        former = await self._former(hosts)
        known = [
            Known(
                id=row.id,
                started_ms=row.started_ms,
                viewers=await self._rooms.viewers(row.id),
                friend=row.owner_id in friends,
                followed=row.owner_id in followed,
                common=common[row.owner_id],
                former_lives=former.get(row.owner_id, 0),
            )
            for row in rows
        ]
        return ranking.ranked(known, self._clock.at_ms())

    async def _common(self, me: str, hosts: Sequence[str]) -> dict[str, int]:
        """Interests in common with each host, as far as their profile would show them: a reason must not tell more."""
        traits = await self._traits.of([me, *hosts])
        mine = set(traits[me].interests)
        common = {host: len(mine & set(traits[host].interests)) for host in hosts}
        for host in hosts:
            if common[host] and not await self._relations.allows(host, me, await self._directory.setting(host, "visibility_status")):
                common[host] = 0
        return common

    async def take(self, me: Principal, order: Sequence[Ranked], limit: int) -> tuple[list[Found], int]:
        """The next of an order that may be watched now, and how many of it were looked at: what ended or was blocked or muted since is left
        out."""
        found: list[Found] = []
        muted = await self._neighbours.muted_by(me.account_id)
        for place, one in enumerate(order):
            if len(found) == limit:
                return found, place
            try:
                row = await self._lives.get(me, one.id)
            except errors.Problem:
                continue
            if row["state"] == "live" and row["owner_id"] not in muted:
                found.append(Found(row, one.reason))
        return found, len(order)

    async def _candidates(self, me: str, near: frozenset[str]) -> list[Any]:
        hidden = await self._relations.blocked_either_way(me) | await self._neighbours.muted_by(me)
        on_air = select(live.c.id, live.c.owner_id, live.c.started_ms, live.c.visibility).where(
            live.c.state == "live", live.c.disabled_reason.is_(None), live.c.owner_id != me, live.c.visibility != "nobody"
        )
        newest = on_air.order_by(live.c.started_ms.desc(), live.c.id.desc()).limit(CANDIDATES_LIMIT)
        async with self._db.read() as conn:
            rows = list((await conn.execute(newest)).all())
            if near and len(rows) == CANDIDATES_LIMIT:
                # Whom one knows is not crowded out by how many others began since.
                theirs = newest.where(live.c.owner_id.in_(sorted(near)[:1000]))
                rows = [*(await conn.execute(theirs)).all(), *rows]
        found = {row.id: row for row in rows if row.owner_id not in hidden}
        shown = [
            row for row in found.values() if row.visibility == "everyone" or await self._relations.allows(row.owner_id, me, row.visibility)
        ]
        return shown[:CANDIDATES_LIMIT]

    async def _former(self, hosts: Sequence[str]) -> dict[str, int]:
        ended = select(live.c.owner_id, func.count().label("lives")).where(live.c.owner_id.in_(hosts), live.c.state == "ended")
        async with self._db.read() as conn:
            return {row.owner_id: row.lives for row in await conn.execute(ended.group_by(live.c.owner_id))}
