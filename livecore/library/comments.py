"""Comments under videos, in threads one level deep: a comment and what answers it. Keeps the `TakedownPort` of kind "comment".

Every act needs the right to see the video; writing needs its owner's leave as well. Counters change in the transaction of the act.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.library.comment_rows import drop_comments
from livecore.library.tables import comment_like, video, video_comment
from livecore.library.videos import Videos
from livecore.mentions import Mentions
from livecore.ports import Clock, Database, Directory, Limiter, Notifier, Principal, Relations, TakedownTarget

COMMENT_LIMIT_CHARS = 500
# Under one video by one person within its life: more is not a conversation.
PER_PERSON_LIMIT = 500

Row = dict[str, Any]


class Comments:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        videos: Videos,
        relations: Relations,
        directory: Directory,
        limiter: Limiter,
        notifier: Notifier,
        mentions: Mentions,
    ) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos
        self._relations = relations
        self._directory = directory
        self._limiter = limiter
        self._notifier = notifier
        self._mentions = mentions

    async def may_comment(self, me: str, row: Row) -> bool:
        """Whether `me`, who sees the video, may write under it."""
        audience = row["who_can_comment"] or await self._directory.setting(row["owner_id"], "who_can_comment")
        return await self._relations.allows(row["owner_id"], me, audience)

    async def write(self, me: Principal, video_id: str, text: str, parent_id: str | None, idempotency: str | None) -> Row:
        """A comment, or an answer to one; an answer to an answer stands in the same thread. The same key again answers the first one.

        Raises:
            errors.Forbidden: `comments_limited`, the owner lets only others write.
            errors.Invalid: `parent` is no comment of this video.
        """
        seen = await self._videos.get(me.account_id, video_id)
        if not await self.may_comment(me.account_id, seen):
            raise errors.Forbidden("The owner of this video chose who may comment.", type="comments_limited")
        parent = await self._parent(me.account_id, video_id, parent_id) if parent_id is not None else None
        await self._limiter.hit("comment_per_account", me.account_id)
        comment_id = new_id()
        thread_id = None if parent is None else parent["parent_id"] or parent["id"]
        mentioned = await self._mentions.of(me.account_id, text, seen["owner_id"], seen["visibility"])
        told = await self._told(me.account_id, seen["owner_id"], parent)
        row = {
            "id": comment_id,
            "video_id": video_id,
            "author_id": me.account_id,
            "parent_id": thread_id,
            "text": text,
            "created_ms": self._clock.at_ms(),
            "idempotency": idempotency,
        }
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(video_comment).values(row))
                await self._count(conn, video_id, 1)
                if thread_id is not None:
                    await self._count_replies(conn, thread_id, 1)
                data = {"video": video_id, "comment": comment_id}
                for account_id, kind in told.items():
                    await self._notifier.notify(conn, account_id, kind, data, key=f"{kind}:{comment_id}")
                await self._mentions.tell(conn, mentioned - set(told), data, comment_id)
        except IntegrityError:
            return await self._one(video_comment.c.idempotency == idempotency)
        return await self._one(video_comment.c.id == comment_id)

    async def _parent(self, me: str, video_id: str, parent_id: str) -> Row:
        try:
            parent = await self._one((video_comment.c.id == parent_id) & (video_comment.c.video_id == video_id))
        except errors.NotFound:
            parent = None
        if parent is None or parent["disabled_reason"] is not None or (await self._relations.between(me, parent["author_id"])).blocked:
            raise Invalid([FieldError("parent", "is no comment under this video")])
        return parent

    async def _told(self, me: str, owner_id: str, parent: Row | None) -> dict[str, str]:
        """Who hears of it and as what: whom it answers, and the video's owner."""
        wanted = {owner_id: "comment"} if parent is None else {owner_id: "comment", parent["author_id"]: "reply"}
        told = {}
        for account_id, kind in wanted.items():
            if account_id == me or (await self._relations.between(me, account_id)).blocked:
                continue
            if await self._directory.is_active(account_id) and await self._directory.setting(account_id, "notify_comments"):
                told[account_id] = kind
        return told

    async def _one(self, where: Any) -> Row:
        async with self._db.read() as conn:
            row = (await conn.execute(select(video_comment).where(where))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such comment.")
        return dict(row)

    async def page(self, me: Principal, video_id: str, thread_id: str | None, limit: int, position: str | None) -> list[Row]:
        """Comments, newest first below the id `position`; or a thread's answers, oldest first above it. People blocked either way do
        not read one another."""
        await self._videos.get(me.account_id, video_id)
        columns = video_comment.c
        hidden = await self._relations.blocked_either_way(me.account_id)
        query = select(video_comment).where(columns.video_id == video_id, columns.disabled_reason.is_(None))
        query = query.where(columns.parent_id.is_(None) if thread_id is None else columns.parent_id == thread_id)
        if hidden:
            query = query.where(columns.author_id.not_in(hidden))
        if position is not None:
            query = query.where(columns.id < position if thread_id is None else columns.id > position)
        query = query.order_by(columns.id.desc() if thread_id is None else columns.id).limit(limit)
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def liked(self, me: str, comment_ids: Sequence[str]) -> frozenset[str]:
        if not comment_ids:
            return frozenset()
        columns = comment_like.c
        async with self._db.read() as conn:
            query = select(columns.comment_id).where(columns.account_id == me, columns.comment_id.in_(comment_ids))
            return frozenset((await conn.execute(query)).scalars())

    async def _seen(self, me: Principal, video_id: str, comment_id: str) -> tuple[Row, Row]:
        """The video and a comment under it that `me` may see."""
        seen = await self._videos.get(me.account_id, video_id)
        row = await self._one((video_comment.c.id == comment_id) & (video_comment.c.video_id == video_id))
        if row["author_id"] != me.account_id and (
            row["disabled_reason"] is not None or (await self._relations.between(me.account_id, row["author_id"])).blocked
        ):
            raise errors.NotFound("There is no such comment.")
        return seen, row

    async def like(self, me: Principal, video_id: str, comment_id: str) -> Row:
        """Liking twice changes nothing."""
        _, row = await self._seen(me, video_id, comment_id)
        author_id = row["author_id"]
        is_told = author_id != me.account_id and await self._directory.setting(author_id, "notify_likes")
        like = {"comment_id": comment_id, "account_id": me.account_id, "video_id": video_id, "created_ms": self._clock.at_ms()}
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(comment_like).values(like))
                await self._count_likes(conn, comment_id, 1)
                if is_told:
                    data = {"video": video_id, "comment": comment_id}
                    await self._notifier.notify(conn, author_id, "comment_like", data, key=f"comment_like:{comment_id}")
        except IntegrityError:
            pass  # liked already
        return await self._one(video_comment.c.id == comment_id)

    async def unlike(self, me: Principal, video_id: str, comment_id: str) -> Row:
        await self._seen(me, video_id, comment_id)
        mine = (comment_like.c.comment_id == comment_id, comment_like.c.account_id == me.account_id)
        async with self._db.write() as conn:
            if (await conn.execute(delete(comment_like).where(*mine))).rowcount:
                await self._count_likes(conn, comment_id, -1)
        return await self._one(video_comment.c.id == comment_id)

    async def remove(self, me: Principal, video_id: str, comment_id: str) -> None:
        """Its author and the video's owner may delete a comment; the answers to it go with it."""
        owner_id = (await self._videos.get(me.account_id, video_id))["owner_id"]
        row = await self._one((video_comment.c.id == comment_id) & (video_comment.c.video_id == video_id))
        if me.account_id not in (row["author_id"], owner_id):
            raise errors.Forbidden("Only its author and the video's owner may do that.", type="not_the_owner")
        async with self._db.write() as conn:
            await drop_comments(conn, [comment_id])

    # -- counters

    async def _count(self, conn: AsyncConnection, video_id: str, by: int) -> None:
        await conn.execute(update(video).where(video.c.id == video_id).values({video.c.comments: video.c.comments + by}))

    async def _count_replies(self, conn: AsyncConnection, comment_id: str, by: int) -> None:
        columns = video_comment.c
        await conn.execute(update(video_comment).where(columns.id == comment_id).values({columns.replies: columns.replies + by}))

    async def _count_likes(self, conn: AsyncConnection, comment_id: str, by: int) -> None:
        columns = video_comment.c
        await conn.execute(update(video_comment).where(columns.id == comment_id).values({columns.likes: columns.likes + by}))

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            query = select(video_comment.c.author_id).where(video_comment.c.id == target.id)
            return (await conn.execute(query)).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await self._set_disabled(conn, target.id, video_comment.c.disabled_reason.is_(None), reason[:200], -1)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await self._set_disabled(conn, target.id, video_comment.c.disabled_reason.is_not(None), None, 1)

    async def _set_disabled(self, conn: AsyncConnection, comment_id: str, before: Any, reason: str | None, by: int) -> None:
        columns = video_comment.c
        changed = await conn.execute(
            update(video_comment)
            .where(columns.id == comment_id, before)
            .values(disabled_reason=reason)
            .returning(columns.video_id, columns.parent_id)
        )
        for video_id, parent_id in changed.all():
            await self._count(conn, video_id, by)
            if parent_id is not None:
                await self._count_replies(conn, parent_id, by)

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the rows."""
