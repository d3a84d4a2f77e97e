"""Comments under videos and posts, in threads one level deep: a comment and what answers it. Keeps the `TakedownPort` of kind "comment".

Every act needs the right to see the content; writing needs its owner's leave as well. Counters change in the transaction of the act.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.attention import Attention
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.mentions import Mentions
from livecore.ports import (
    Clock,
    ContentKind,
    Database,
    Directory,
    Discussed,
    Discussion,
    Limiter,
    Notifier,
    Principal,
    Relations,
    TakedownTarget,
)
from livecore.talk.rows import drop_comments
from livecore.talk.tables import comment_like, content_comment

COMMENT_LIMIT_CHARS = 500
# Under one video or post by one person within its life: more is not a conversation.
PER_PERSON_LIMIT = 500

Row = dict[str, Any]


class Comments:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        kinds: Mapping[str, Discussed],
        relations: Relations,
        directory: Directory,
        limiter: Limiter,
        attention: Attention,
        notifier: Notifier,
        mentions: Mentions,
    ) -> None:
        self._db = db
        self._clock = clock
        self._kinds = kinds
        self._relations = relations
        self._directory = directory
        self._limiter = limiter
        self._attention = attention
        self._notifier = notifier
        self._mentions = mentions

    async def may_comment(self, me: str, about: Discussion) -> bool:
        """Whether `me`, who sees the content, may write under it."""
        audience = about.who_can_comment or await self._directory.setting(about.owner_id, "who_can_comment")
        return await self._relations.allows(about.owner_id, me, audience)

    async def write(
        self, me: Principal, kind: ContentKind, content_id: str, text: str, parent_id: str | None, idempotency: str | None
    ) -> Row:
        """A comment, or an answer to one; an answer to an answer stands in the same thread. The same key again answers the first one.

        Raises:
            errors.Forbidden: `comments_limited`, the owner lets only others write.
            errors.Invalid: `parent` is no comment of this content.
            errors.Conflict: `too_many_comments` by this person here.
        """
        about = await self._kinds[kind].discussed(me.account_id, content_id)
        if not await self.may_comment(me.account_id, about):
            raise errors.Forbidden(f"The owner of this {kind} chose who may comment.", type="comments_limited")
        parent = await self._parent(me.account_id, content_id, parent_id) if parent_id is not None else None
        await self._limiter.hit("comment_per_account", me.account_id)
        await self._check_room(me.account_id, content_id)
        comment_id = new_id()
        thread_id = None if parent is None else parent["parent_id"] or parent["id"]
        mentioned = await self._mentions.of(me.account_id, text, about.owner_id, about.visibility)
        told = await self._told(me.account_id, about.owner_id, parent)
        row = {
            "id": comment_id,
            "kind": kind,
            "content_id": content_id,
            "author_id": me.account_id,
            "parent_id": thread_id,
            "text": text,
            "created_ms": self._clock.at_ms(),
            "idempotency": idempotency,
        }
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(content_comment).values(row))
                if not await self._kinds[kind].count(conn, content_id, "comments", 1):
                    raise errors.NotFound(f"There is no such {kind}.")
                if thread_id is not None:
                    await self._count_replies(conn, thread_id, 1)
                data = {kind: content_id, "comment": comment_id}
                for account_id, notice in told.items():
                    await self._notifier.notify(conn, account_id, notice, data, key=f"{notice}:{comment_id}")
                await self._mentions.tell(conn, mentioned - set(told), data, comment_id)
        except IntegrityError:
            return await self._one(content_comment.c.idempotency == idempotency)
        return await self._one(content_comment.c.id == comment_id)

    async def _check_room(self, me: str, content_id: str) -> None:
        columns = content_comment.c
        query = select(func.count()).where(columns.author_id == me, columns.content_id == content_id)
        async with self._db.read() as conn:
            if (await conn.execute(query)).scalar_one() >= PER_PERSON_LIMIT:
                raise errors.Conflict("You wrote as much here as one person may.", type="too_many_comments")

    async def _parent(self, me: str, content_id: str, parent_id: str) -> Row:
        try:
            parent = await self._one((content_comment.c.id == parent_id) & (content_comment.c.content_id == content_id))
        except errors.NotFound:
            parent = None
        if parent is None or parent["disabled_reason"] is not None or (await self._relations.between(me, parent["author_id"])).blocked:
            raise Invalid([FieldError("parent", "is no comment here")])
        return parent

    async def _told(self, me: str, owner_id: str, parent: Row | None) -> dict[str, str]:
        """Who hears of it and as what: whom it answers, and the content's owner."""
        wanted = {owner_id: "comment"} if parent is None else {owner_id: "comment", parent["author_id"]: "reply"}
        return {other: kind for other, kind in wanted.items() if await self._attention.wants(other, me, "notify_comments")}

    async def _one(self, where: Any) -> Row:
        async with self._db.read() as conn:
            row = (await conn.execute(select(content_comment).where(where))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such comment.")
        return dict(row)

    async def page(
        self, me: Principal, kind: ContentKind, content_id: str, thread_id: str | None, limit: int, position: str | None
    ) -> list[Row]:
        """Comments, newest first below the id `position`; or a thread's answers, oldest first above it. People blocked either way do
        not read one another."""
        await self._kinds[kind].discussed(me.account_id, content_id)
        columns = content_comment.c
        hidden = await self._relations.blocked_either_way(me.account_id)
        query = select(content_comment).where(columns.content_id == content_id, columns.disabled_reason.is_(None))
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

    async def _seen(self, me: Principal, kind: ContentKind, content_id: str, comment_id: str) -> Row:
        """A comment that `me` may see, under content that they may see."""
        await self._kinds[kind].discussed(me.account_id, content_id)
        row = await self._one((content_comment.c.id == comment_id) & (content_comment.c.content_id == content_id))
        if row["author_id"] != me.account_id and (
            row["disabled_reason"] is not None
            or not await self._directory.is_active(row["author_id"])
            or (await self._relations.between(me.account_id, row["author_id"])).blocked
        ):
            raise errors.NotFound("There is no such comment.")
        return row

    async def like(self, me: Principal, kind: ContentKind, content_id: str, comment_id: str) -> Row:
        """Liking twice changes nothing."""
        author_id = (await self._seen(me, kind, content_id, comment_id))["author_id"]
        is_told = await self._attention.wants(author_id, me.account_id, "notify_likes")
        like = {"comment_id": comment_id, "account_id": me.account_id, "content_id": content_id, "created_ms": self._clock.at_ms()}
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(comment_like).values(like))
                await self._count_likes(conn, comment_id, 1)
                if is_told:
                    data = {kind: content_id, "comment": comment_id}
                    await self._notifier.notify(conn, author_id, "comment_like", data, key=f"comment_like:{comment_id}")
        except IntegrityError:
            pass  # liked already
        return await self._one(content_comment.c.id == comment_id)

    async def unlike(self, me: Principal, kind: ContentKind, content_id: str, comment_id: str) -> Row:
        await self._seen(me, kind, content_id, comment_id)
        mine = (comment_like.c.comment_id == comment_id, comment_like.c.account_id == me.account_id)
        async with self._db.write() as conn:
            if (await conn.execute(delete(comment_like).where(*mine))).rowcount:
                await self._count_likes(conn, comment_id, -1)
        return await self._one(content_comment.c.id == comment_id)

    async def remove(self, me: Principal, kind: ContentKind, content_id: str, comment_id: str) -> None:
        """Its author and the content's owner may delete a comment; the answers to it go with it."""
        owner_id = (await self._kinds[kind].discussed(me.account_id, content_id)).owner_id
        row = await self._one((content_comment.c.id == comment_id) & (content_comment.c.content_id == content_id))
        if me.account_id not in (row["author_id"], owner_id):
            raise errors.Forbidden(f"Only its author and the {kind}'s owner may do that.", type="not_the_owner")
        async with self._db.write() as conn:
            await drop_comments(conn, self._kinds, [comment_id])

    # -- counters

    async def _count_replies(self, conn: AsyncConnection, comment_id: str, by: int) -> None:
        columns = content_comment.c
        await conn.execute(update(content_comment).where(columns.id == comment_id).values({columns.replies: columns.replies + by}))

    async def _count_likes(self, conn: AsyncConnection, comment_id: str, by: int) -> None:
        columns = content_comment.c
        await conn.execute(update(content_comment).where(columns.id == comment_id).values({columns.likes: columns.likes + by}))

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            query = select(content_comment.c.author_id).where(content_comment.c.id == target.id)
            return (await conn.execute(query)).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await self._set_disabled(conn, target.id, content_comment.c.disabled_reason.is_(None), reason[:200], -1)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await self._set_disabled(conn, target.id, content_comment.c.disabled_reason.is_not(None), None, 1)

    async def _set_disabled(self, conn: AsyncConnection, comment_id: str, before: Any, reason: str | None, by: int) -> None:
        columns = content_comment.c
        changed = await conn.execute(
            update(content_comment)
            .where(columns.id == comment_id, before)
            .values(disabled_reason=reason)
            .returning(columns.kind, columns.content_id, columns.parent_id)
        )
        for kind, content_id, parent_id in changed.all():
            await self._kinds[kind].count(conn, content_id, "comments", by)
            if parent_id is not None:
                await self._count_replies(conn, parent_id, by)

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the rows."""
