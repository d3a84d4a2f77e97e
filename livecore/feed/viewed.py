"""Posts as people read and look at them. Keeps `ports.Viewed`."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.among import among, members
from livecore.feed.posts import Posts
from livecore.feed.tables import post
from livecore.ports import Database, Taste, Watchable

# People read some 240 words a minute to themselves (Brysbaert 2019), six letters each with the space.
LETTER_MS = 42
# A picture is looked at for so long; most are left sooner.
PICTURE_MS = 8_000
# What says "yes" is looked at, too.
LEAST_MS = 2_000


def length_ms(row: Mapping[str, Any]) -> int:
    """What a post's text and pictures take to be read and seen: nobody's time on it counts for more. A video that it shows counts as
    that video."""
    return max(LEAST_MS, LETTER_MS * len(row["text"]) + PICTURE_MS * len(row["images"].split()))


class ViewedPosts:
    def __init__(self, db: Database, posts: Posts) -> None:
        self._posts = posts
        self._dialect = db.dialect
        columns = post.c
        self._tastes = db.prepare(
            select(columns.id, columns.author_id, columns.tags, columns.text, columns.images).where(among(db.dialect, columns.id, "ids"))
        )

    async def watchable(self, viewer_id: str, content_id: str) -> Watchable:
        row = await self._posts.get(viewer_id, content_id)
        return Watchable(row["author_id"], length_ms(row), row["views"], row["watched_ms"], has_curve=False)

    async def viewed(self, conn: AsyncConnection, content_id: str, views: int, watched_ms: int) -> bool:
        sums = {post.c.views: post.c.views + views, post.c.watched_ms: post.c.watched_ms + watched_ms}
        return bool((await conn.execute(update(post).where(post.c.id == content_id).values(sums))).rowcount)

    async def tastes(self, content_ids: Sequence[str]) -> Mapping[str, Taste]:
        rows = await self._tastes({"ids": members(self._dialect, content_ids)})
        return {row["id"]: Taste(row["author_id"], row["tags"].split(), length_ms(row)) for row in rows}
