"""How views go with what was viewed. Keeps `ports.ViewRows`."""

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.viewing.tables import content_part, content_source, content_view


class Rows:
    async def drop(self, conn: AsyncConnection, content_ids: Sequence[str]) -> None:
        for table in (content_view, content_part, content_source):
            await conn.execute(delete(table).where(table.c.content_id.in_(content_ids)))
