"""What somebody deletes while a legal hold is on their account: nobody sees it any more, and its files stay until no hold is in force.

The row leaves its table as in any deletion, so that nothing that reads there has to know; what it said goes into `held_content`.
"""

import json
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.library.tables import IMAGE_PREFIX, VIDEO_PREFIX, held_content
from livecore.ports import Clock, Database, Holds, Storage

log = structlog.get_logger("library")

_PREFIXES = {"video": VIDEO_PREFIX, "image": IMAGE_PREFIX}
BATCH = 200


class HeldContent:
    def __init__(self, db: Database, clock: Clock, storage: Storage, holds: Holds) -> None:
        self._db = db
        self._clock = clock
        self._storage = storage
        self.holds = holds

    async def keep(self, conn: AsyncConnection, kind: str, row: Mapping[str, Any]) -> None:
        """Part of the transaction that deletes the row; who calls leaves its objects where they are."""
        values = {"kind": kind, "id": row["id"], "owner_id": row["owner_id"], "facts": json.dumps(dict(row))}
        await conn.execute(insert(held_content).values(**values, deleted_ms=self._clock.at_ms()))

    async def release(self) -> None:
        """Delete at last what no hold keeps any more; a kill in between is made good by the next turn."""
        held = await self.holds.accounts()
        query = select(held_content).where(held_content.c.owner_id.not_in(held)).limit(BATCH)
        while True:
            async with self._db.read() as conn:
                rows = [dict(row) for row in (await conn.execute(query)).mappings()]
            for row in rows:
                await self._storage.delete_prefix(f"{_PREFIXES[row['kind']].format(account=row['owner_id'])}{row['id']}/")
                async with self._db.write() as conn:
                    await conn.execute(delete(held_content).where(held_content.c.kind == row["kind"], held_content.c.id == row["id"]))
                log.info("held content deleted", kind=row["kind"])
            if len(rows) < BATCH:
                return
