"""Videos as people watch them. Keeps `ports.Viewed`."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.among import among, members
from livecore.library.tables import video
from livecore.library.videos import Videos
from livecore.ports import Database, Taste, Watchable


class ViewedVideos:
    def __init__(self, db: Database, videos: Videos) -> None:
        self._videos = videos
        self._dialect = db.dialect
        columns = video.c
        self._tastes = db.prepare(
            select(columns.id, columns.owner_id, columns.tags, columns.duration_ms).where(among(db.dialect, columns.id, "ids"))
        )

    async def watchable(self, viewer_id: str, content_id: str) -> Watchable:
        row = await self._videos.get(viewer_id, content_id)
        return Watchable(row["owner_id"], row["duration_ms"], row["views"], row["watched_ms"])

    async def viewed(self, conn: AsyncConnection, content_id: str, views: int, watched_ms: int) -> bool:
        sums = {video.c.views: video.c.views + views, video.c.watched_ms: video.c.watched_ms + watched_ms}
        return bool((await conn.execute(update(video).where(video.c.id == content_id).values(sums))).rowcount)

    async def tastes(self, content_ids: Sequence[str]) -> Mapping[str, Taste]:
        rows = await self._tastes({"ids": members(self._dialect, content_ids)})
        return {row["id"]: Taste(row["owner_id"], row["tags"].split(), row["duration_ms"]) for row in rows}
