"""What people do with videos: watch, like, comment, share. Each act and its counter change in one transaction."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.library.tables import video, video_comment, video_like, video_share, video_view
from livecore.library.videos import Videos
from livecore.ports import Clock, Database, Principal, Relations, TakedownTarget

# Watching again within this time goes on with the same view: counters show people, not reloads.
VIEW_PAUSE_MS = 30 * 60 * 1000
COMMENT_LIMIT = 500

Channel = Literal["friend", "group", "broadcast", "link"]
Row = dict[str, Any]


class Reactions:
    """Every act needs the right to see the video. Keeps the `TakedownPort` of kind "comment"."""

    def __init__(self, db: Database, clock: Clock, videos: Videos, relations: Relations) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos
        self._relations = relations

    async def liked(self, account_id: str, video_ids: Sequence[str]) -> frozenset[str]:
        """Which of these videos the account likes."""
        if not video_ids:
            return frozenset()
        query = select(video_like.c.video_id).where(video_like.c.account_id == account_id, video_like.c.video_id.in_(video_ids))
        async with self._db.read() as conn:
            return frozenset((await conn.execute(query)).scalars())

    async def like(self, me: Principal, video_id: str) -> Row:
        """Liking twice changes nothing."""
        await self._videos.get(me.account_id, video_id)
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(video_like).values(video_id=video_id, account_id=me.account_id, created_ms=self._clock.at_ms()))
                await self._count(conn, video_id, video.c.likes, 1)
        except IntegrityError:
            pass  # liked already, perhaps by the same person on another device in this moment
        return await self._videos.row(video_id)

    async def unlike(self, me: Principal, video_id: str) -> Row:
        await self._videos.get(me.account_id, video_id)
        async with self._db.write() as conn:
            gone = await conn.execute(delete(video_like).where(video_like.c.video_id == video_id, video_like.c.account_id == me.account_id))
            if gone.rowcount:
                await self._count(conn, video_id, video.c.likes, -1)
        return await self._videos.row(video_id)

    async def view(self, me: Principal, video_id: str, seconds: float) -> Row:
        """Note that `seconds` were watched; bounded by the video's length and by the time since the last note. One's own video is not counted."""
        row = await self._videos.get(me.account_id, video_id)
        if row["owner_id"] == me.account_id:
            return row
        now_ms = self._clock.at_ms()
        watched_ms = min(round(1000 * seconds), row["duration_ms"] or round(1000 * seconds))
        where = (video_view.c.video_id == video_id, video_view.c.account_id == me.account_id)
        async with self._db.write() as conn:
            known = (await conn.execute(select(video_view).where(*where))).mappings().one_or_none()
            if known is None:
                await conn.execute(
                    insert(video_view).values(
                        video_id=video_id, account_id=me.account_id, views=1, watched_ms=watched_ms, first_ms=now_ms, last_ms=now_ms
                    )
                )
                await self._count(conn, video_id, video.c.views, 1)
            else:
                since_ms = max(0, now_ms - known["last_ms"])
                is_again = since_ms > VIEW_PAUSE_MS
                await conn.execute(
                    update(video_view)
                    .where(*where)
                    .values(views=known["views"] + is_again, watched_ms=known["watched_ms"] + min(watched_ms, since_ms), last_ms=now_ms)
                )
                if is_again:
                    await self._count(conn, video_id, video.c.views, 1)
        return await self._videos.row(video_id)

    async def share(self, me: Principal, video_id: str, channel: Channel, idempotency: str | None) -> Row:
        """Count one share; the same key again counts none."""
        row = await self._videos.get(me.account_id, video_id)
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This video was removed.", type="removed")
        share_id = new_id()
        try:
            async with self._db.write() as conn:
                await conn.execute(
                    insert(video_share).values(
                        id=share_id,
                        video_id=video_id,
                        actor_id=me.account_id,
                        channel=channel,
                        created_ms=self._clock.at_ms(),
                        idempotency=idempotency or share_id,
                    )
                )
                await self._count(conn, video_id, video.c.shares, 1)
        except IntegrityError:
            pass  # the same key: counted already
        return await self._videos.row(video_id)

    # -- comments

    async def comment(self, me: Principal, video_id: str, text: str, idempotency: str | None) -> Row:
        """Write a comment; the same key again answers the first one."""
        await self._videos.get(me.account_id, video_id)
        comment_id = new_id()
        try:
            async with self._db.write() as conn:
                await conn.execute(
                    insert(video_comment).values(
                        id=comment_id,
                        video_id=video_id,
                        author_id=me.account_id,
                        text=text,
                        created_ms=self._clock.at_ms(),
                        idempotency=idempotency,
                    )
                )
                await self._count(conn, video_id, video.c.comments, 1)
        except IntegrityError:
            return await self._one_comment(video_comment.c.idempotency == idempotency)
        return await self._one_comment(video_comment.c.id == comment_id)

    async def _one_comment(self, where: Any) -> Row:
        async with self._db.read() as conn:
            row = (await conn.execute(select(video_comment).where(where))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such comment.")
        return dict(row)

    async def comments(self, me: Principal, video_id: str, limit: int, before: str | None) -> list[Row]:
        """Newest first, below the id `before`; people blocked either way do not read one another."""
        await self._videos.get(me.account_id, video_id)
        hidden = await self._relations.blocked_either_way(me.account_id)
        query = select(video_comment).where(video_comment.c.video_id == video_id, video_comment.c.disabled_reason.is_(None))
        if hidden:
            query = query.where(video_comment.c.author_id.not_in(hidden))
        if before is not None:
            query = query.where(video_comment.c.id < before)
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(video_comment.c.id.desc()).limit(limit))).mappings()
            return [dict(row) for row in rows]

    async def uncomment(self, me: Principal, video_id: str, comment_id: str) -> None:
        """Its author and the video's owner may delete a comment."""
        owner = (await self._videos.get(me.account_id, video_id))["owner_id"]
        row = await self._one_comment((video_comment.c.id == comment_id) & (video_comment.c.video_id == video_id))
        if me.account_id not in (row["author_id"], owner):
            raise errors.Forbidden("Only its author and the video's owner may do that.", type="not_the_owner")
        async with self._db.write() as conn:
            gone = await conn.execute(delete(video_comment).where(video_comment.c.id == comment_id))
            if gone.rowcount and row["disabled_reason"] is None:
                await self._count(conn, video_id, video.c.comments, -1)

    async def _count(self, conn: AsyncConnection, video_id: str, counter: Any, by: int) -> None:
        await conn.execute(update(video).where(video.c.id == video_id).values({counter: counter + by}))

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            query = select(video_comment.c.author_id).where(video_comment.c.id == target.id)
            return (await conn.execute(query)).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        changed = await conn.execute(
            update(video_comment)
            .where(video_comment.c.id == target.id, video_comment.c.disabled_reason.is_(None))
            .values(disabled_reason=reason[:200])
            .returning(video_comment.c.video_id)
        )
        for video_id in changed.scalars().all():
            await self._count(conn, video_id, video.c.comments, -1)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        changed = await conn.execute(
            update(video_comment)
            .where(video_comment.c.id == target.id, video_comment.c.disabled_reason.is_not(None))
            .values(disabled_reason=None)
            .returning(video_comment.c.video_id)
        )
        for video_id in changed.scalars().all():
            await self._count(conn, video_id, video.c.comments, 1)

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the rows."""
