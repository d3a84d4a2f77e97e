"""The service of posts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.errors import FieldError, Invalid
from livecore.feed.tables import post
from livecore.ids import new_id
from livecore.mentions import Mentions
from livecore.ports import Audience, Clock, Database, Directory, Discussion, Principal, Relations, ShareGate, TakedownTarget, Talk, ViewRows
from livecore.wording import tags_of

# A post is read at a glance, not a page.
TEXT_LIMIT = 2000
# Posts erased in one transaction: others write in between.
ERASE_BATCH = 500

Row = dict[str, Any]


@dataclass(frozen=True)
class NewPost:
    text: str
    visibility: Audience = "everyone"
    images: Sequence[str] = ()
    video_id: str | None = None
    who_can_comment: Audience | None = None


class Posts:
    """Keeps the `TakedownPort` of kind "post", `ports.Discussed` and an `Eraser`."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        relations: Relations,
        directory: Directory,
        mentions: Mentions,
        images: ShareGate,
        videos: ShareGate,
        talk: Talk,
        views: ViewRows,
    ) -> None:
        self._db = db
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._mentions = mentions
        self._images = images
        self._videos = videos
        self._talk = talk
        self._views = views

    async def create(self, me: Principal, new: NewPost, idempotency: str | None) -> Row:
        """A new post; the same key again answers the first one. Raises Invalid for a video or a picture that its author does not see."""
        post_id = new_id()
        if new.video_id is not None:
            await self._check(me, self._videos, "video", new.video_id)
        for image_id in new.images:
            await self._check(me, self._images, "images", image_id)
        told = await self._mentions.of(me.account_id, new.text, me.account_id, new.visibility)
        try:
            async with self._db.write() as conn:
                await conn.execute(
                    insert(post).values(
                        id=post_id,
                        author_id=me.account_id,
                        text=new.text,
                        tags=" ".join(tags_of(new.text)),
                        images=" ".join(new.images),
                        video_id=new.video_id,
                        visibility=new.visibility,
                        who_can_comment=new.who_can_comment,
                        created_ms=self._clock.at_ms(),
                        idempotency=idempotency,
                        version=1,
                    )
                )
                await self._mentions.tell(conn, told, {"post": post_id}, post_id)
        except IntegrityError:
            return await self._one(post.c.idempotency == idempotency)
        return await self._one(post.c.id == post_id)

    async def _check(self, me: Principal, gate: ShareGate, field: str, content_id: str) -> None:
        try:
            await gate.check_share(me, content_id)
        except errors.Problem as problem:
            raise Invalid([FieldError(field, "names what you do not see")]) from problem

    async def change(self, me: Principal, post_id: str, version: int | None, values: Mapping[str, Any]) -> Row:
        """Its text, its audience, or who may comment. Raises NotFound, Forbidden (not the author), StaleTag."""
        row = await self._owned(me, post_id)
        changes: dict[str, Any] = dict(values)
        told: frozenset[str] = frozenset()
        text: str = changes["text"] if "text" in changes else row["text"]
        if "text" in changes:
            changes |= {"tags": " ".join(tags_of(text)), "edited_ms": self._clock.at_ms()}
            told = await self._mentions.of(me.account_id, text, me.account_id, changes.get("visibility") or row["visibility"])
        if not text and not row["images"] and row["video_id"] is None:
            raise Invalid([FieldError("text", "may be empty only beside pictures or a video")])
        async with self._db.write() as conn:
            await self._check_version(conn, post_id, version)
            if changes:
                await conn.execute(update(post).where(post.c.id == post_id).values(**changes, version=post.c.version + 1))
                await self._mentions.tell(conn, told, {"post": post_id}, post_id)
        return await self._one(post.c.id == post_id)

    async def _one(self, where: Any) -> Row:
        async with self._db.read() as conn:
            row = (await conn.execute(select(post).where(where))).mappings().one_or_none()
        if row is None:
            raise errors.NotFound("There is no such post.")
        return dict(row)

    async def get(self, viewer_id: str, post_id: str) -> Row:
        """Raises NotFound for those who may not read it, LegallyUnavailable when it was taken down."""
        row = await self._one(post.c.id == post_id)
        if row["author_id"] == viewer_id:
            return row
        is_there = await self._directory.is_active(row["author_id"])
        if not is_there or not await self._relations.allows(row["author_id"], viewer_id, row["visibility"]):
            raise errors.NotFound("There is no such post.")
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This post was removed.", type="removed")
        return row

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Keeps `ports.ShareGate`; one's own post that was taken down is not handed on either."""
        if (await self.get(me.account_id, content_id))["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This post was removed.", type="removed")

    async def delete(self, me: Principal, post_id: str, version: int | None) -> None:
        """Raises NotFound, Forbidden (not the author), StaleTag."""
        await self._owned(me, post_id)
        async with self._db.write() as conn:
            await self._check_version(conn, post_id, version)
            await self._drop(conn, [post_id])

    async def _check_version(self, conn: AsyncConnection, post_id: str, version: int | None) -> None:
        known = (await conn.execute(select(post.c.version).where(post.c.id == post_id))).scalar_one_or_none()
        if known is None:
            raise errors.NotFound("There is no such post.")
        if version is not None and known != version:
            raise errors.StaleTag()

    async def _drop(self, conn: AsyncConnection, post_ids: Sequence[str]) -> None:
        await self._talk.drop(conn, post_ids)
        await self._views.drop(conn, post_ids)
        await conn.execute(delete(post).where(post.c.id.in_(post_ids)))

    async def erase(self, account_id: str) -> None:
        """See `ports.Eraser`: what others wrote about the account's posts goes with them."""
        while True:
            async with self._db.write() as conn:
                ids = (await conn.execute(select(post.c.id).where(post.c.author_id == account_id).limit(ERASE_BATCH))).scalars().all()
                await self._drop(conn, ids)
            if len(ids) < ERASE_BATCH:
                return

    async def _owned(self, me: Principal, post_id: str) -> Row:
        row = await self.get(me.account_id, post_id)
        if row["author_id"] != me.account_id:
            raise errors.Forbidden("Only its author may do that.", type="not_the_owner")
        return row

    async def of(self, viewer_id: str, author_id: str, limit: int, before: tuple[int, str] | None) -> list[Row]:
        """An account's posts, newest first, as far as the viewer may read them."""
        query = select(post).where(post.c.author_id == author_id)
        if viewer_id != author_id:
            if not await self._directory.is_active(author_id):
                return []
            audiences = [a for a in ("everyone", "contacts", "friends") if await self._relations.allows(author_id, viewer_id, a)]
            query = query.where(post.c.visibility.in_(audiences), post.c.disabled_reason.is_(None))
        if before is not None:
            query = query.where(_before(before))
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(post.c.created_ms.desc(), post.c.id.desc()).limit(limit))).mappings()
            return [dict(row) for row in rows]

    async def by_ids(self, post_ids: Sequence[str]) -> dict[str, Row]:
        if not post_ids:
            return {}
        async with self._db.read() as conn:
            rows = (await conn.execute(select(post).where(post.c.id.in_(post_ids)))).mappings()
            return {row["id"]: dict(row) for row in rows}

    # -- what is said about them (ports.Discussed)

    async def discussed(self, viewer_id: str, content_id: str) -> Discussion:
        row = await self.get(viewer_id, content_id)
        return Discussion(row["author_id"], row["visibility"], row["who_can_comment"])

    async def count(self, conn: AsyncConnection, content_id: str, counter: Literal["likes", "comments"], by: int) -> bool:
        column = post.c[counter]
        counted = await conn.execute(update(post).where(post.c.id == content_id).values({column: column + by}))
        return bool(counted.rowcount)

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            return (await conn.execute(select(post.c.author_id).where(post.c.id == target.id))).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await conn.execute(update(post).where(post.c.id == target.id).values(disabled_reason=reason[:200], version=post.c.version + 1))

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await conn.execute(update(post).where(post.c.id == target.id).values(disabled_reason=None, version=post.c.version + 1))

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the row."""


def _before(before: tuple[int, str]) -> Any:
    at_ms, post_id = before
    return or_(post.c.created_ms < at_ms, and_(post.c.created_ms == at_ms, post.c.id < post_id))
