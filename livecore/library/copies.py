"""What was taken down is not uploaded again: exact copies by their digest, near ones by what they look like."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.library import fingerprints
from livecore.library.tables import blocked_copy, image, video
from livecore.ports import Clock, Database

_TABLES: dict[str, Any] = {"video": video, "image": image}
# Compared in one turn of the event loop: a millisecond or two, of videos some 0.3 ms each.
AT_ONCE = {"video": 8, "image": 500}
# Looked through for near copies of one item, newest first: a moderator's question, not a person's.
FIND_LIMIT = 20_000


class Copies:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def check_digest(self, sha256: str) -> None:
        """Raises LegallyUnavailable for the very bytes of something that was taken down."""
        async with self._db.read() as conn:
            known = (await conn.execute(select(blocked_copy.c.kind).where(blocked_copy.c.sha256 == sha256).limit(1))).first()
        if known is not None:
            raise refusal()

    async def check_look(self, kind: str, *looks: Sequence[int]) -> None:
        """`looks`: an item's, and its mirror image's. Raises LegallyUnavailable for what looks like something that was taken down. However much that is, others have their turns
        in between."""
        columns, last = blocked_copy.c, ""
        while True:
            query = select(columns.target_id, columns.fingerprint).where(columns.kind == kind, columns.target_id > last)
            async with self._db.read() as conn:
                known = (await conn.execute(query.order_by(columns.target_id).limit(AT_ONCE[kind]))).all()
            known_looks = [fingerprints.read(one.fingerprint) for one in known]
            if any(_same(kind, look, one) for one in known_looks for look in looks):
                raise refusal()
            if len(known) < AT_ONCE[kind]:
                return
            last = known[-1].target_id
            await asyncio.sleep(0)

    async def block(self, conn: AsyncConnection, kind: str, target_id: str) -> None:
        """Part of the transaction that takes something down."""
        table = _TABLES[kind]
        row = (await conn.execute(select(table.c.sha256, table.c.fingerprint).where(table.c.id == target_id))).one_or_none()
        await self.unblock(conn, kind, target_id)
        if row is not None and row.sha256 is not None:
            values = {
                "kind": kind,
                "target_id": target_id,
                "sha256": row.sha256,
                "fingerprint": row.fingerprint or "",
                "at_ms": self._clock.at_ms(),
            }
            await conn.execute(insert(blocked_copy).values(**values))

    async def unblock(self, conn: AsyncConnection, kind: str, target_id: str) -> None:
        await conn.execute(delete(blocked_copy).where(blocked_copy.c.kind == kind, blocked_copy.c.target_id == target_id))

    async def looked_at(self, conn: AsyncConnection, kind: str, target_id: str, fingerprint: str) -> None:
        """What it looks like is known now; if it was taken down meanwhile, its copies are refused from now on."""
        await conn.execute(
            update(blocked_copy).where(blocked_copy.c.kind == kind, blocked_copy.c.target_id == target_id).values(fingerprint=fingerprint)
        )

    async def of(self, kind: str, target_id: str) -> list[str]:
        """Ids of exact and near copies of an item, newest first, as far back as FIND_LIMIT. Raises NotFound."""
        table = _TABLES[kind]
        query = select(table.c.id, table.c.sha256, table.c.fingerprint)
        async with self._db.read() as conn:
            me = (await conn.execute(query.where(table.c.id == target_id))).one_or_none()
            if me is None:
                raise errors.NotFound("There is no such item.")
            others = (await conn.execute(query.where(table.c.id != target_id).order_by(table.c.created_ms.desc()).limit(FIND_LIMIT))).all()
        look, found = fingerprints.read(me.fingerprint or ""), []
        for number, other in enumerate(others):
            if number % AT_ONCE[kind] == 0:
                await asyncio.sleep(0)
            if (me.sha256 is not None and other.sha256 == me.sha256) or _same(kind, look, fingerprints.read(other.fingerprint or "")):
                found.append(other.id)
        return found


def _same(kind: str, one: Sequence[int], other: Sequence[int]) -> bool:
    if kind == "video":
        return fingerprints.same_video(one, other)
    return bool(one and other) and fingerprints.same_picture(one[0], other[0])


def refusal() -> errors.LegallyUnavailable:
    return errors.LegallyUnavailable("This was removed from here, and copies of it are not taken.", type="removed_copy")
