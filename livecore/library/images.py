"""Pictures for posts and messages: made anew in sizes, without a trace of the file that came; seen by those who may."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ids import new_id
from livecore.library import fingerprints
from livecore.library.copies import Copies
from livecore.library.held import HeldContent
from livecore.library.tables import IMAGE_PREFIX, image
from livecore.ports import Clock, Database, Directory, PictureMaker, Principal, Relations, Storage, TakedownTarget

# The longest side: a tile of a list, a phone's width, a desktop's.
SIZES = (320, 1080, 2048)
ALT_LIMIT_CHARS = 500

Row = dict[str, Any]


class Images:
    """Keeps the `TakedownPort` of kind "image"."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        storage: Storage,
        relations: Relations,
        directory: Directory,
        copies: Copies,
        pictures: PictureMaker,
        held: HeldContent,
    ) -> None:
        self._db = db
        self._clock = clock
        self._storage = storage
        self._relations = relations
        self._directory = directory
        self._copies = copies
        self._pictures = pictures
        self._held = held

    async def make(self, owner_id: str, data: bytes, title: str, visibility: str) -> Row:
        """The row to be inserted by `keep`, its objects stored. Raises WrongMedia, Invalid, LegallyUnavailable (a copy of a removed one)."""
        digest = hashlib.sha256(data).hexdigest()
        await self._copies.check_digest(digest)
        made = await self._pictures.make(data, SIZES)
        if made.look is not None and made.mirror is not None:
            await self._copies.check_look("image", (made.look,), (made.mirror,))
        row = {
            "id": new_id(),
            "owner_id": owner_id,
            "title": title,
            "alt": "",
            "visibility": visibility,
            "width": made.width,
            "height": made.height,
            "size_bytes": len(data),
            "sha256": digest,
            "fingerprint": "" if made.look is None else fingerprints.written((made.look,)),
            "created_ms": self._clock.at_ms(),
        }
        for size, body in made.files.items():
            await self._storage.put(self.key(row, size), body)
        return row

    async def keep(self, conn: AsyncConnection, row: Row) -> None:
        await conn.execute(insert(image).values(**row))

    @staticmethod
    def key(row: Row, size: int) -> str:
        return f"{IMAGE_PREFIX.format(account=row['owner_id'])}{row['id']}/{size}.webp"

    async def get(self, viewer_id: str, image_id: str) -> Row:
        """A picture as `viewer_id` may see it. Raises NotFound, or LegallyUnavailable when it was taken down."""
        row = (await self.by_ids([image_id])).get(image_id)
        if row is None:
            raise errors.NotFound("There is no such picture.")
        if row["owner_id"] != viewer_id and (
            not await self._directory.is_active(row["owner_id"])
            or not await self._relations.allows(row["owner_id"], viewer_id, row["visibility"])
        ):
            raise errors.NotFound("There is no such picture.")
        if row["disabled_reason"] is not None:
            raise errors.LegallyUnavailable("This picture was removed.", type="removed")
        return row

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Keeps `ports.ShareGate`: whether it may stand in a post."""
        await self.get(me.account_id, content_id)

    async def by_ids(self, image_ids: Sequence[str]) -> dict[str, Row]:
        """Rows as they are, whoever asks."""
        if not image_ids:
            return {}
        async with self._db.read() as conn:
            rows = (await conn.execute(select(image).where(image.c.id.in_(image_ids)))).mappings()
            return {row["id"]: dict(row) for row in rows}

    async def _owned(self, me: Principal, image_id: str) -> Row:
        row = (await self.by_ids([image_id])).get(image_id)
        if row is None or row["owner_id"] != me.account_id:
            await self.get(me.account_id, image_id)
            raise errors.Forbidden("Only the owner may do that.", type="not_the_owner")
        return row

    async def change(self, me: Principal, image_id: str, changes: Mapping[str, Any]) -> Row:
        """Its words or its audience. Raises NotFound, Forbidden (not the owner)."""
        row = await self._owned(me, image_id)
        if changes:
            async with self._db.write() as conn:
                await conn.execute(update(image).where(image.c.id == image_id).values(**changes, version=image.c.version + 1))
        return row | dict(changes)

    async def delete(self, me: Principal, image_id: str) -> None:
        """Its objects stay as long as a legal hold is on its owner. Raises NotFound, Forbidden (not the owner)."""
        row = await self._owned(me, image_id)
        is_held = await self._held.holds.held(me.account_id)
        async with self._db.write() as conn:
            gone = await conn.execute(delete(image).where(image.c.id == image_id))
            if is_held and gone.rowcount:
                await self._held.keep(conn, "image", row)
        if is_held:
            return
        await self._storage.delete_prefix(f"{IMAGE_PREFIX.format(account=row['owner_id'])}{image_id}/")

    # -- takedown (ports.TakedownPort)

    async def owner_of(self, target: TakedownTarget) -> str | None:
        async with self._db.read() as conn:
            return (await conn.execute(select(image.c.owner_id).where(image.c.id == target.id))).scalar_one_or_none()

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        await conn.execute(update(image).where(image.c.id == target.id).values(disabled_reason=reason[:200], version=image.c.version + 1))
        await self._copies.block(conn, "image", target.id)

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None:
        await conn.execute(update(image).where(image.c.id == target.id).values(disabled_reason=None, version=image.c.version + 1))
        await self._copies.unblock(conn, "image", target.id)

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Nothing is cached: every request reads the row."""
