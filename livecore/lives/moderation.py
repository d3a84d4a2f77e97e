"""Order in a live's room: its host, the moderators that the host appoints, and what they may do to whom. Keeps `ports.LiveModeration`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import and_, delete, insert, or_, select

from livecore import errors
from livecore.lives.service import Lives
from livecore.lives.tables import live, live_moderator, live_restriction
from livecore.ports import Clock, Database, Directory, MediaControl, Principal, Signals

# Enough for a large room in several languages.
MODERATORS_LIMIT = 50

Kind = Literal["muted", "kicked", "banned"]


class Moderation:
    def __init__(self, db: Database, clock: Clock, directory: Directory, signals: Signals, media: MediaControl, lives: Lives) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self._signals = signals
        self._media = media
        self._lives = lives

    async def moderates(self, account_id: str, live_id: str) -> bool:
        """The host does, and who was appointed."""
        named = select(live_moderator.c.account_id).where(live_moderator.c.live_id == live_id, live_moderator.c.account_id == account_id)
        hosts = select(live.c.owner_id).where(live.c.id == live_id, live.c.owner_id == account_id)
        async with self._db.read() as conn:
            return (await conn.execute(hosts.union_all(named))).first() is not None

    async def check(self, me: Principal, live_id: str) -> Mapping[str, Any]:
        """The live, for who moderates it. Raises NotFound, Forbidden (`not_a_moderator`)."""
        row = await self._lives.get(me, live_id)
        if not await self.moderates(me.account_id, live_id):
            raise errors.Forbidden("Only the host and moderators may do that.", type="not_a_moderator")
        return row

    async def appoint(self, me: Principal, live_id: str, username: str, on: bool) -> None:
        """Make somebody a moderator of one's live, or take that back. Raises NotFound, Forbidden, Conflict (`too_many_moderators`)."""
        row = await self._lives.get(me, live_id)
        if row["owner_id"] != me.account_id:
            raise errors.Forbidden("Only the host may do that.", type="not_the_host")
        other = await self._other(me, row, username)
        where = and_(live_moderator.c.live_id == live_id, live_moderator.c.account_id == other)
        async with self._db.write() as conn:
            await conn.execute(delete(live_moderator).where(where))
            if on:
                present = (await conn.execute(select(live_moderator.c.account_id).where(live_moderator.c.live_id == live_id))).all()
                if len(present) >= MODERATORS_LIMIT:
                    raise errors.Conflict(f"At most {MODERATORS_LIMIT} moderators.", type="too_many_moderators")
                await conn.execute(insert(live_moderator).values(live_id=live_id, account_id=other, created_ms=self._clock.at_ms()))
        await self._signals.to_account(other, "live:role", {"live": live_id, "role": "moderator" if on else "viewer"})

    async def restrict(self, me: Principal, live_id: str, username: str, kind: Kind, on: bool, duration_s: int | None) -> None:
        """Mute somebody in the room, put them out of it once (kicked) or for good (banned), or take that back.

        `duration_s` None: to the end of the live. Moderators do nothing to the host and to one another.
        """
        row = await self.check(me, live_id)
        other = await self._other(me, row, username)
        if other == row["owner_id"] or (me.account_id != row["owner_id"] and await self.moderates(other, live_id)):
            raise errors.Forbidden("Only the host may do that.", type="not_the_host")
        now_ms = self._clock.at_ms()
        until_ms = now_ms + duration_s * 1000 if duration_s is not None else None
        if kind != "kicked":
            where = and_(live_restriction.c.live_id == live_id, live_restriction.c.account_id == other, live_restriction.c.kind == kind)
            async with self._db.write() as conn:
                await conn.execute(delete(live_restriction).where(where))
                if on:
                    line = {"live_id": live_id, "account_id": other, "kind": kind, "created_ms": now_ms, "until_ms": until_ms}
                    await conn.execute(insert(live_restriction).values(line))
            await self._lives.restated(live_id)
        told = {"live": live_id, "kind": kind, "on": on, "until": until_ms}
        await self._signals.to_account(other, "live:restricted", told)
        if on and kind != "muted":
            await self._signals.cut_account(other, "put out by the host", live_id)
            await self._media.cut(other, live_id, "put out by the host")

    async def standing(self, me: Principal, live_id: str) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
        """Account ids of the moderators, and the restrictions that hold, for who moderates the live."""
        await self.check(me, live_id)
        holds = or_(live_restriction.c.until_ms.is_(None), live_restriction.c.until_ms > self._clock.at_ms())
        async with self._db.read() as conn:
            named = select(live_moderator.c.account_id).where(live_moderator.c.live_id == live_id).order_by(live_moderator.c.created_ms)
            moderators = (await conn.execute(named)).scalars().all()
            query = select(live_restriction).where(live_restriction.c.live_id == live_id, holds).order_by(live_restriction.c.created_ms)
            return moderators, [dict(row) for row in (await conn.execute(query)).mappings()]

    async def _other(self, me: Principal, row: Mapping[str, Any], username: str) -> str:
        other = await self._directory.by_username(username)
        if other is None or other == me.account_id:
            raise errors.NotFound("There is nobody of that name here.")
        return other
