"""What people do with videos: like and share. Each act and its counter change in one transaction."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.among import among, members
from livecore.ids import new_id
from livecore.library.tables import video, video_like, video_share
from livecore.library.videos import Videos
from livecore.ports import Clock, Database, Directory, Notifier, Principal

Channel = Literal["friend", "group", "broadcast", "link"]
Row = dict[str, Any]


class Reactions:
    """Every act needs the right to see the video."""

    def __init__(self, db: Database, clock: Clock, videos: Videos, directory: Directory, notifier: Notifier) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos
        self._directory = directory
        self._notifier = notifier
        self._liked = select(video_like.c.video_id).where(
            video_like.c.account_id == bindparam("me"), among(db.dialect, video_like.c.video_id, "ids")
        )

    async def liked(self, account_id: str, video_ids: Sequence[str]) -> frozenset[str]:
        """Which of these videos the account likes."""
        if not video_ids:
            return frozenset()
        async with self._db.read() as conn:
            return frozenset((await conn.execute(self._liked, {"me": account_id, "ids": members(self._db.dialect, video_ids)})).scalars())

    async def like(self, me: Principal, video_id: str) -> Row:
        """Liking twice changes nothing. Its owner is told once for the video, not for each like."""
        owner_id = (await self._videos.get(me.account_id, video_id))["owner_id"]
        is_told = owner_id != me.account_id and await self._directory.setting(owner_id, "notify_likes")
        try:
            async with self._db.write() as conn:
                await conn.execute(insert(video_like).values(video_id=video_id, account_id=me.account_id, created_ms=self._clock.at_ms()))
                await self._count(conn, video_id, video.c.likes, 1)
                if is_told:
                    await self._notifier.notify(conn, owner_id, "like", {"video": video_id}, key=f"like:{video_id}")
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

    async def _count(self, conn: AsyncConnection, video_id: str, counter: Any, by: int) -> None:
        await conn.execute(update(video).where(video.c.id == video_id).values({counter: counter + by}))
