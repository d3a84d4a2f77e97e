"""Lives on the air as items of the feed. Keeps `ports.FeedSource`."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from livecore.lives.tables import live
from livecore.ports import Database, FeedEntry
from livecore.table_feed import TableFeed


class LiveFeed(TableFeed):
    kind = "live"

    def __init__(self, db: Database) -> None:
        columns = live.c
        shown = select(live).where(columns.state == "live", columns.disabled_reason.is_(None))
        super().__init__(db, shown, entry, id=columns.id, owner=columns.owner_id, at_ms=columns.started_ms, visibility=columns.visibility)


def entry(row: Mapping[str, Any]) -> FeedEntry:
    return FeedEntry("live", row["id"], row["owner_id"], row["started_ms"], row["visibility"], row, views=row["views"])
