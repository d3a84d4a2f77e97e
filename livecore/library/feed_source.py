"""Videos as items of the feed. Keeps `ports.FeedSource`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from livecore.library.tables import video
from livecore.ports import Database, FeedEntry
from livecore.table_feed import TableFeed


class VideoFeed(TableFeed):
    kind = "video"

    def __init__(self, db: Database) -> None:
        columns = video.c
        shown = select(video).where(columns.published_ms.is_not(None), columns.status == "ready", columns.disabled_reason.is_(None))
        super().__init__(db, shown, entry, id=columns.id, owner=columns.owner_id, at_ms=columns.published_ms, visibility=columns.visibility)


def entry(row: Mapping[str, Any]) -> FeedEntry:
    return FeedEntry(
        "video",
        row["id"],
        row["owner_id"],
        row["published_ms"],
        row["visibility"],
        row,
        row["duration_ms"],
        row["watched_ms"],
        row["views"],
        row["likes"],
        row["comments"],
        row["shares"],
        tuple(row["tags"].split()),
    )
