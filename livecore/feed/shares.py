"""Shares of lives and posts, counted once for each key (a video counts its own, with its row; a post has a counter in its row too)."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from livecore.feed.tables import content_share, post
from livecore.ids import new_id
from livecore.ports import Clock, Database, Principal

Kind = Literal["live", "post"]


class Shares:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, me: Principal, kind: Kind, content_id: str, channel: str, idempotency: str | None) -> int:
        """Note one share and answer how many there are; the same key again notes none."""
        share_id = new_id()
        row = {
            "id": share_id,
            "kind": kind,
            "content_id": content_id,
            "actor_id": me.account_id,
            "channel": channel,
            "created_ms": self._clock.at_ms(),
            "idempotency": idempotency or share_id,
        }
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(content_share).values(row))
                if kind == "post":
                    await conn.execute(update(post).where(post.c.id == content_id).values({post.c.shares: post.c.shares + 1}))
        except IntegrityError:
            pass  # the same key: counted already
        return (await self.counts(kind, [content_id])).get(content_id, 0)

    async def counts(self, kind: Kind, ids: Sequence[str]) -> dict[str, int]:
        columns = content_share.c
        query = select(columns.content_id, func.count().label("shares")).where(columns.kind == kind, columns.content_id.in_(ids))
        async with self._db.read() as conn:
            return {row.content_id: row.shares for row in await conn.execute(query.group_by(columns.content_id))}
