"""How comments go, with what hangs on them."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.library.tables import comment_like, video, video_comment


async def drop_comments(conn: AsyncConnection, comment_ids: Sequence[str]) -> None:
    """Delete comments with the answers to them and their likes; counters follow."""
    columns = video_comment.c
    named = columns.id.in_(comment_ids) | columns.parent_id.in_(comment_ids)
    rows = (await conn.execute(select(columns.id, columns.video_id, columns.parent_id, columns.disabled_reason).where(named))).all()
    gone = {row.id for row in rows}
    for row in rows:
        if row.disabled_reason is None:
            await conn.execute(update(video).where(video.c.id == row.video_id).values({video.c.comments: video.c.comments - 1}))
            if row.parent_id is not None and row.parent_id not in gone:
                await conn.execute(update(video_comment).where(columns.id == row.parent_id).values({columns.replies: columns.replies - 1}))
    await conn.execute(delete(comment_like).where(comment_like.c.comment_id.in_(gone)))
    await conn.execute(delete(video_comment).where(columns.id.in_(gone)))
