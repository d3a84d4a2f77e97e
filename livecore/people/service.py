"""Friend requests and friendships: rows around the state machine of `livecore.people.friendship`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import and_, delete, func, or_, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.attention import Attention
from livecore.ids import new_id
from livecore.people import tables
from livecore.people.friendship import Act, Effect, Pair, Side, step
from livecore.people.relations import RelationStore
from livecore.ports import Activity, Clock, Database, Directory, Neighbours

log = structlog.get_logger("people")


@dataclass(frozen=True)
class RequestView:
    """A request as one of the two sees it. `status`: "pending" or "accepted"; `other_id` is the other person."""

    id: str
    other_id: str
    incoming: bool
    status: str
    created_ms: int


@dataclass(frozen=True)
class _Loaded:
    pair: Pair
    request_ids: dict[Side, str]
    created_ms: dict[Side, int]


class People:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        relations: RelationStore,
        directory: Directory,
        activity: Activity,
        neighbours: Neighbours,
        attention: Attention,
        requests_limit: int,
    ) -> None:
        self._requests_limit = requests_limit
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._activity = activity
        self._neighbours = neighbours
        self._attention = attention

    async def other(self, me: str, username: str) -> str:
        """The id of somebody whom `me` may deal with. Raises NotFound (also for who blocks `me`), Conflict for oneself."""
        found = await self._directory.by_username(username)
        if found is None or (found != me and (await self._relations.between(me, found)).blocks_me):
            raise errors.NotFound("There is nobody of that name.")
        if found == me:
            raise errors.Conflict("That is yourself.", type="self")
        return found

    # -- acts

    async def ask(self, me: str, username: str) -> RequestView:
        """Ask to be friends; where they asked already, it is settled at once.

        Raises NotFound, Conflict (`already_friends`, `already_requested`, `you_block`, `too_many_requests`), Forbidden (`requests_closed`).
        """
        other = await self.other(me, username)
        relation = await self._relations.between(me, other)
        if relation.i_block:
            raise errors.Conflict("You block this person; unblock first.", type="you_block")
        # Who asked me first has opened the door; otherwise their setting decides.
        if not relation.asks_me and not await self._relations.allows(other, me, await self._directory.setting(other, "who_can_request")):
            raise errors.Forbidden("This person takes no friend requests from you.", type="requests_closed")
        async with self._db.write() as conn:
            await self._check_room(conn, me)
            before, effect = await self._act(conn, me, other, Act.ASK)
            if effect is Effect.REFUSED:
                kind = "already_friends" if before.pair.friends else "already_requested"
                raise errors.Conflict("You are friends already." if before.pair.friends else "You asked already.", type=kind)
            view = await self._view(conn, me, other, before, effect)
        await self._after(me, other, effect, view)
        return view

    async def _check_room(self, conn: AsyncConnection, me: str) -> None:
        request = tables.friend_request.c
        mine = select(func.count()).select_from(tables.friend_request).where(request.sender_id == me, request.declined_ms.is_(None))
        if int((await conn.execute(mine)).scalar_one()) >= self._requests_limit:
            raise errors.Conflict("Too many of your requests wait; take some back first.", type="too_many_requests")

    async def befriend(self, conn: AsyncConnection, me: str, owner: str) -> bool:
        """Part of the caller's transaction: both said yes. False where they are friends already. Call `befriended` after the commit."""
        _, effect = await self._act(conn, me, owner, Act.BEFRIEND)
        return effect is not Effect.REFUSED

    async def befriended(self, me: str, owner: str, view: RequestView) -> None:
        await self._after(me, owner, Effect.BEFRIENDED, view)

    async def accept(self, me: str, request_id: str) -> RequestView:
        """Raises NotFound for what is not a request to `me` that waits."""
        return await self._answer(me, request_id, Act.ACCEPT)

    async def decline(self, me: str, request_id: str) -> None:
        """The one who asked is not told."""
        await self._answer(me, request_id, Act.DECLINE)

    async def _answer(self, me: str, request_id: str, act: Act) -> RequestView:
        request = tables.friend_request.c
        hidden = await self._relations.blocked_either_way(me)
        async with self._db.write() as conn:
            row = (
                await conn.execute(
                    select(request.sender_id, request.created_ms).where(
                        request.id == request_id, request.receiver_id == me, request.declined_ms.is_(None)
                    )
                )
            ).one_or_none()
            if row is None or row.sender_id in hidden:
                raise errors.NotFound("There is no such request.")
            _, effect = await self._act(conn, me, row.sender_id, act)
            if effect is Effect.REFUSED:
                raise errors.NotFound("There is no such request.")
        status = "accepted" if effect is Effect.BEFRIENDED else "declined"
        view = RequestView(request_id, row.sender_id, incoming=True, status=status, created_ms=row.created_ms)
        await self._after(me, row.sender_id, effect, view)
        return view

    async def withdraw(self, me: str, request_id: str) -> None:
        request = tables.friend_request.c
        async with self._db.write() as conn:
            query = select(request.receiver_id).where(request.id == request_id, request.sender_id == me)
            other = (await conn.execute(query)).scalar_one_or_none()
            if other is None:
                raise errors.NotFound("There is no such request.")
            await self._act(conn, me, other, Act.WITHDRAW)
        await self._relations.changed(me, other)

    async def remove(self, me: str, username: str) -> None:
        """End a friendship; the other is not told. Raises NotFound when there is none."""
        other = await self._directory.by_username(username)
        if other is None or other == me:
            raise errors.NotFound("You are not friends.")
        async with self._db.write() as conn:
            _, effect = await self._act(conn, me, other, Act.REMOVE)
            if effect is Effect.REFUSED:
                raise errors.NotFound("You are not friends.")
            await self._activity.add(conn, me, "friend_removed", {"other": other})
        await self._relations.changed(me, other)

    # -- rows

    async def _act(self, conn: AsyncConnection, me: str, other: str, act: Act) -> tuple[_Loaded, Effect]:
        before = await self._load(conn, me, other)
        after, effect = step(before.pair, act)
        if effect is not Effect.REFUSED:
            await self._write(conn, me, other, before, after)
            if effect is Effect.BEFRIENDED:
                await self._activity.add(conn, me, "befriended", {"other": other})
                await self._activity.add(conn, other, "befriended", {"other": me})
            elif effect is Effect.ASKED:
                await self._activity.add(conn, me, "friend_asked", {"other": other})
        return before, effect

    async def _load(self, conn: AsyncConnection, me: str, other: str) -> _Loaded:
        await self._lock(conn, me, other)
        friendship, request = tables.friendship.c, tables.friend_request.c
        friends = select(friendship.since_ms).where(friendship.account_id == me, friendship.friend_id == other)
        both = or_(
            and_(request.sender_id == me, request.receiver_id == other),
            and_(request.sender_id == other, request.receiver_id == me),
        )
        rows = (await conn.execute(select(tables.friend_request).where(both))).all()
        sides: dict[str, Side] = {me: "me", other: "other"}
        pair = Pair(
            friends=(await conn.execute(friends)).first() is not None,
            asked=frozenset(sides[row.sender_id] for row in rows if row.declined_ms is None),
            declined=frozenset(sides[row.sender_id] for row in rows if row.declined_ms is not None),
        )
        return _Loaded(pair, {sides[row.sender_id]: row.id for row in rows}, {sides[row.sender_id]: row.created_ms for row in rows})

    async def _lock(self, conn: AsyncConnection, me: str, other: str) -> None:
        """Two who ask each other at the same moment take turns. SQLite has one writer anyway."""
        if self._db.dialect == "postgresql":
            number = int.from_bytes(hashlib.sha256("".join(sorted((me, other))).encode()).digest()[:8], "big", signed=True)
            await conn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})

    async def _write(self, conn: AsyncConnection, me: str, other: str, before: _Loaded, after: Pair) -> None:
        at_ms = self._clock.at_ms()
        friendship, request = tables.friendship.c, tables.friend_request.c
        people: dict[Side, tuple[str, str]] = {"me": (me, other), "other": (other, me)}
        if after.friends and not before.pair.friends:
            rows = [{"account_id": a, "friend_id": b, "since_ms": at_ms} for a, b in people.values()]
            await conn.execute(tables.friendship.insert(), rows)
        if before.pair.friends and not after.friends:
            for a, b in people.values():
                await conn.execute(delete(tables.friendship).where(friendship.account_id == a, friendship.friend_id == b))
        for side, (sender, receiver) in people.items():
            request_id = before.request_ids.get(side)
            if side in after.asked and request_id is None:
                values = {"id": new_id(), "sender_id": sender, "receiver_id": receiver, "created_ms": at_ms}
                await conn.execute(tables.friend_request.insert().values(values))
            elif side in after.declined and side not in before.pair.declined:
                await conn.execute(update(tables.friend_request).where(request.id == request_id).values(declined_ms=at_ms))
            elif request_id is not None and side not in after.asked | after.declined:
                await conn.execute(delete(tables.friend_request).where(request.id == request_id))

    async def _view(self, conn: AsyncConnection, me: str, other: str, before: _Loaded, effect: Effect) -> RequestView:
        if effect is Effect.BEFRIENDED:
            # Theirs was there first; it is what was accepted.
            return RequestView(before.request_ids["other"], other, incoming=True, status="accepted", created_ms=before.created_ms["other"])
        request = tables.friend_request.c
        query = select(request.id, request.created_ms).where(request.sender_id == me, request.receiver_id == other)
        row = (await conn.execute(query)).one()
        return RequestView(row.id, other, incoming=False, status="pending", created_ms=row.created_ms)

    async def _after(self, me: str, other: str, effect: Effect, view: RequestView) -> None:
        await self._relations.changed(me, other)
        if self._neighbours.signals is None or effect is Effect.NOTHING:
            return
        card = (await self._directory.cards(other, [me])).get(me)
        if card is None:
            return
        # Who wants no news of friends, or of this person, finds them in their lists.
        if not await self._attention.wants(other, me, "notify_friends"):
            return
        who = {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar}
        event = "friend:request" if effect is Effect.ASKED else "friend:accepted"
        await self._neighbours.signals.to_account(other, event, {"id": view.id, "user": who, "at": self._clock.at_ms()})

    async def erase(self, account_id: str) -> None:
        """Keeps the promise of `ports.Eraser`: the rows are deleted as declared; here everybody concerned forgets them at once."""
        friendship, block, follow = tables.friendship.c, tables.block.c, tables.follow.c
        async with self._db.write() as conn:
            query: Any = union(
                select(friendship.friend_id).where(friendship.account_id == account_id),
                select(block.blocked_id).where(block.blocker_id == account_id),
                select(block.blocker_id).where(block.blocked_id == account_id),
                select(follow.follower_id).where(follow.followed_id == account_id),
            )
            others = list((await conn.execute(query)).scalars())
            for column in (follow.follower_id, follow.followed_id):
                await conn.execute(delete(tables.follow).where(column == account_id))
            for column in (friendship.account_id, friendship.friend_id):
                await conn.execute(delete(tables.friendship).where(column == account_id))
            for column in (block.blocker_id, block.blocked_id):
                await conn.execute(delete(tables.block).where(column == account_id))
        for start in range(0, len(others), 100):
            await self._relations.changed(account_id, *others[start : start + 100])

    # -- lists

    async def requests(self, me: str) -> list[RequestView]:
        """Those that wait, newest first. A request that was declined still waits for the one who sent it."""
        request = tables.friend_request.c
        mine = or_(request.sender_id == me, and_(request.receiver_id == me, request.declined_ms.is_(None)))
        hidden = await self._relations.blocked_either_way(me)
        async with self._db.read() as conn:
            rows = (await conn.execute(select(tables.friend_request).where(mine).order_by(request.id.desc()))).all()
        views = [
            RequestView(
                row.id, row.sender_id if row.receiver_id == me else row.receiver_id, row.receiver_id == me, "pending", row.created_ms
            )
            for row in rows
        ]
        return [view for view in views if view.other_id not in hidden]

    async def friends(self, owner: str, viewer: str, after: str | None, limit: int) -> Sequence[Any]:
        """Friends of `owner` that `viewer` may see, in the order of their ids above `after`: friend_id, since_ms."""
        friendship = tables.friendship.c
        query = select(friendship.friend_id, friendship.since_ms).where(friendship.account_id == owner)
        hidden = await self._relations.blocked_either_way(owner) | await self._relations.blocked_either_way(viewer)
        if hidden:
            query = query.where(friendship.friend_id.not_in(hidden))
        if after is not None:
            query = query.where(friendship.friend_id > after)
        async with self._db.read() as conn:
            return (await conn.execute(query.order_by(friendship.friend_id).limit(limit))).all()
