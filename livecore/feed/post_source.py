"""Posts as items of the feed. Keeps `ports.FeedSource`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from livecore.feed.tables import post
from livecore.feed.viewed import length_ms
from livecore.ports import Database, FeedEntry
from livecore.table_feed import TableFeed


class PostFeed(TableFeed):
    kind = "post"

    def __init__(self, db: Database) -> None:
        columns = post.c
        shown = select(post).where(columns.disabled_reason.is_(None))
        super().__init__(db, shown, entry, id=columns.id, owner=columns.author_id, at_ms=columns.created_ms, visibility=columns.visibility)


def entry(row: Mapping[str, Any]) -> FeedEntry:
    return FeedEntry(
        "post",
        row["id"],
        row["author_id"],
        row["created_ms"],
        row["visibility"],
        row,
        length_ms(row),
        row["watched_ms"],
        row["views"],
        likes=row["likes"],
        comments=row["comments"],
        shares=row["shares"],
        tags=tuple(row["tags"].split()),
    )
