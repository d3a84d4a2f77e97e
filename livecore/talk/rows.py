"""How comments and likes go, with what hangs on them; counters follow in the same transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.ports import Database, Discussed
from livecore.talk.tables import comment_like, content_comment, content_like

# Comments dropped in one transaction when an account goes: others write in between.
DROP_BATCH = 200


async def drop_comments(conn: AsyncConnection, kinds: Mapping[str, Discussed], comment_ids: Sequence[str]) -> None:
    """Delete comments with the answers to them and their likes."""
    columns = content_comment.c
    named = columns.id.in_(comment_ids) | columns.parent_id.in_(comment_ids)
    wanted = select(columns.id, columns.kind, columns.content_id, columns.parent_id, columns.disabled_reason).where(named)
    rows = (await conn.execute(wanted)).all()
    gone = {row.id for row in rows}
    for row in rows:
        if row.disabled_reason is None:
            await kinds[row.kind].count(conn, row.content_id, "comments", -1)
            if row.parent_id is not None and row.parent_id not in gone:
                answered = update(content_comment).where(columns.id == row.parent_id)
                await conn.execute(answered.values({columns.replies: columns.replies - 1}))
    await conn.execute(delete(comment_like).where(comment_like.c.comment_id.in_(gone)))
    await conn.execute(delete(content_comment).where(columns.id.in_(gone)))


class TalkRows:
    """Keeps `ports.Talk` and an `Eraser`."""

    def __init__(self, db: Database, kinds: Mapping[str, Discussed]) -> None:
        self._db = db
        self._kinds = kinds

    async def drop(self, conn: AsyncConnection, content_ids: Sequence[str]) -> None:
        for table in (content_like, comment_like, content_comment):
            await conn.execute(delete(table).where(table.c.content_id.in_(content_ids)))

    async def erase(self, account_id: str) -> None:
        """Counters forget what the account did; its comments go with the answers to them."""
        columns = content_comment.c
        async with self._db.write() as conn:
            mine = content_like.c.account_id == account_id
            for row in (await conn.execute(select(content_like.c.kind, content_like.c.content_id).where(mine))).all():
                await self._kinds[row.kind].count(conn, row.content_id, "likes", -1)
            await conn.execute(delete(content_like).where(mine))
            mine = comment_like.c.account_id == account_id
            liked = (await conn.execute(select(comment_like.c.comment_id).where(mine))).scalars().all()
            await conn.execute(update(content_comment).where(columns.id.in_(liked)).values({columns.likes: columns.likes - 1}))
            await conn.execute(delete(comment_like).where(mine))
        while True:
            async with self._db.write() as conn:
                written = select(columns.id).where(columns.author_id == account_id).limit(DROP_BATCH)
                comment_ids = (await conn.execute(written)).scalars().all()
                await drop_comments(conn, self._kinds, comment_ids)
            if len(comment_ids) < DROP_BATCH:
                return
