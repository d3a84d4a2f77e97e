"""Profile pictures: re-encoded, so that nothing of the file that came in goes out; in three sizes; seen by those who may."""

from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors, pictures
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.ids import new_id
from livecore.links import Grant, MediaLinks
from livecore.ports import Clock, Database, PictureMaker, Storage

log = structlog.get_logger("accounts")

SIZES = (64, 256, 512)
MEDIA_TYPES = pictures.MEDIA_TYPES
OUT_TYPE = pictures.OUT_TYPE


class Avatars:
    def __init__(
        self, db: Database, storage: Storage, clock: Clock, pictures: PictureMaker, links: MediaLinks, activity: ActivityLog
    ) -> None:
        self._db = db
        self._storage = storage
        self._clock = clock
        self._pictures = pictures
        self._links = links
        self._activity = activity

    # -- addresses

    def path(self, avatar_id: str) -> str:
        return f"/api/v1/avatars/{avatar_id}"

    def link(self, avatar_id: str, viewer: str | None) -> str | None:
        """A path that shows the picture to this viewer; whether they may is asked at each fetch, so it can be taken back."""
        if viewer is None:
            return None
        path = self.path(avatar_id)
        return f"{path}?token={self._links.sign_steadily(path, viewer)}"

    def grant_of(self, token: str, avatar_id: str) -> Grant:
        """Whom the link was given to, and until when. Raises Forbidden or Gone."""
        return self._links.check(token, self.path(avatar_id))

    # -- changing

    async def put(self, account_id: str, data: bytes) -> None:
        """Raises WrongMedia, Invalid. A picture that was taken down may be followed by another one."""
        made = await self._pictures.make(data, SIZES, square=True)
        avatar_id = new_id()
        for size, body in made.files.items():
            await self._storage.put(self._key(account_id, avatar_id, size), body)
        await self._replace(account_id, avatar_id)

    async def remove(self, account_id: str) -> None:
        await self._replace(account_id, None)

    async def _replace(self, account_id: str, avatar_id: str | None) -> None:
        columns = tables.account.c
        async with self._db.write() as conn:
            before = (await conn.execute(select(columns.avatar_id).where(columns.id == account_id))).scalar_one_or_none()
            if before is None and avatar_id is None:
                return
            changes = {"avatar_id": avatar_id, "avatar_disabled": False, "version": columns.version + 1}
            await conn.execute(update(tables.account).where(columns.id == account_id).values(changes))
            await self._activity.add(conn, account_id, "picture_changed" if avatar_id else "picture_removed")
        if before is not None:
            for size in SIZES:
                await self._storage.delete(self._key(account_id, before, size))

    def _key(self, account_id: str, avatar_id: str, size: int) -> str:
        return f"{tables.AVATARS.format(account=account_id)}{avatar_id}-{size}.webp"

    # -- reading

    async def owner_of(self, avatar_id: str) -> str | None:
        """The account whose present picture it is; None also after a takedown, so that the address shows nothing at once."""
        columns = tables.account.c
        query = select(columns.id).where(columns.avatar_id == avatar_id, columns.avatar_disabled.is_(False))
        async with self._db.read() as conn:
            return (await conn.execute(query)).scalar_one_or_none()

    async def read(self, account_id: str, avatar_id: str, size: int) -> bytes:
        try:
            return await self._storage.get(self._key(account_id, avatar_id, size))
        except KeyError as exc:
            raise errors.NotFound("There is no such picture.") from exc

    async def erase(self, account_id: str) -> None:
        await self._storage.delete_prefix(tables.AVATARS.format(account=account_id))
        self._links.forget(account_id)

    async def set_disabled(self, conn: AsyncConnection, account_id: str, disabled: bool) -> None:
        """Part of the caller's transaction: a takedown of the picture, or its end."""
        changes: dict[str, Any] = {"avatar_disabled": disabled, "version": tables.account.c.version + 1}
        await conn.execute(update(tables.account).where(tables.account.c.id == account_id).values(changes))
