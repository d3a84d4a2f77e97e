"""Shares of videos, counted once for each key: the act and its counter change in one transaction."""

from typing import Any, Literal

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.ids import new_id
from livecore.library.tables import video, video_share
from livecore.library.videos import Videos
from livecore.ports import Clock, Database, Principal

Channel = Literal["friend", "group", "broadcast", "link"]
Row = dict[str, Any]


class VideoShares:
    """Sharing needs the right to see the video."""

    def __init__(self, db: Database, clock: Clock, videos: Videos) -> None:
        self._db = db
        self._clock = clock
        self._videos = videos

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
                await conn.execute(update(video).where(video.c.id == video_id).values({video.c.shares: video.c.shares + 1}))
        except IntegrityError:
            pass  # the same key: counted already
        return await self._videos.row(video_id)
