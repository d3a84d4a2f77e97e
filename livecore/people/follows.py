"""Follows: one way, without asking; what a follower sees is what the followed one shows everyone."""

import contextlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, union
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.people import tables
from livecore.people.relations import RelationStore
from livecore.people.somebody import somebody
from livecore.ports import Activity, Clock, Database, Directory


class Follows:
    def __init__(self, db: Database, clock: Clock, relations: RelationStore, directory: Directory, activity: Activity) -> None:
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._activity = activity

    async def follow(self, me: str, username: str) -> None:
        """Idempotent. Raises NotFound (nobody, or blocked either way), Conflict for oneself."""
        other = await somebody(self._directory, username)
        if other == me:
            raise errors.Conflict("That is yourself.", type="self")
        if (await self._relations.between(me, other)).blocked:
            raise errors.NotFound("There is nobody of that name.")
        follow = tables.follow.c
        # Twice at the same moment is once.
        with contextlib.suppress(IntegrityError):
            async with self._db.write() as conn:
                query = select(follow.created_ms).where(follow.follower_id == me, follow.followed_id == other)
                if (await conn.execute(query)).first() is None:
                    values = {"follower_id": me, "followed_id": other, "created_ms": self._clock.at_ms()}
                    await conn.execute(tables.follow.insert().values(values))
                    await self._activity.add(conn, me, "followed", {"other": other})
            await self._relations.changed(me)

    async def unfollow(self, me: str, username: str) -> None:
        other = await somebody(self._directory, username)
        follow = tables.follow.c
        async with self._db.write() as conn:
            done = await conn.execute(delete(tables.follow).where(follow.follower_id == me, follow.followed_id == other))
            if done.rowcount:
                await self._activity.add(conn, me, "unfollowed", {"other": other})
        await self._relations.changed(me)

    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""
        return await self._relations.followed_by(me)

    async def is_following(self, me: str, other: str) -> bool:
        follow = tables.follow.c
        query = select(follow.created_ms).where(follow.follower_id == me, follow.followed_id == other)
        async with self._db.read() as conn:
            return (await conn.execute(query)).first() is not None

    async def count_followers(self, account_id: str) -> int:
        async with self._db.read() as conn:
            query = select(func.count()).select_from(tables.follow).where(tables.follow.c.followed_id == account_id)
            return int((await conn.execute(query)).scalar_one())

    async def friends_and_followers(self, account_id: str, after: str, limit: int) -> Sequence[str]:
        """Keeps `ports.Followers`."""
        follow, friendship = tables.follow.c, tables.friendship.c
        who = union(
            select(follow.follower_id.label("id")).where(follow.followed_id == account_id, follow.follower_id > after),
            select(friendship.friend_id.label("id")).where(friendship.account_id == account_id, friendship.friend_id > after),
        ).subquery()
        async with self._db.read() as conn:
            return list((await conn.execute(select(who.c.id).order_by(who.c.id).limit(limit))).scalars())

    async def page(self, me: str, after: str | None, limit: int) -> Sequence[Any]:
        """followed_id, created_ms in the order of ids above `after`."""
        follow = tables.follow.c
        query = select(follow.followed_id, follow.created_ms).where(follow.follower_id == me)
        hidden = await self._relations.blocked_either_way(me)
        if hidden:
            query = query.where(follow.followed_id.not_in(hidden))
        if after is not None:
            query = query.where(follow.followed_id > after)
        async with self._db.read() as conn:
            return (await conn.execute(query.order_by(follow.followed_id).limit(limit))).all()
