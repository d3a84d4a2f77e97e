"""A group's picture: made anew like every picture that comes in, small enough to lie beside the group's row."""

from sqlalchemy import delete, insert, select

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Clock, Database, PictureMaker, Principal
from livecore.rooms import rows, tables
from livecore.rooms.membership import Conversations

# One size serves lists and heads: some 20 KB.
SIZE_PX = 256


class GroupPictures:
    def __init__(self, db: Database, clock: Clock, pictures: PictureMaker, conversations: Conversations) -> None:
        self._db = db
        self._clock = clock
        self._pictures = pictures
        self._conversations = conversations

    async def put(self, principal: Principal, conversation_id: str, data: bytes) -> None:
        """For admins. Raises Forbidden, Conflict (`direct`), WrongMedia, Invalid."""
        await self._conversations.as_manager(principal, conversation_id)
        made = await self._pictures.make(data, (SIZE_PX,), square=True)
        row = {
            "conversation_id": conversation_id,
            "id": new_id(),
            "account_id": principal.account_id,
            "image": made.files[SIZE_PX],
            "set_ms": self._clock.at_ms(),
        }
        async with self._db.write() as conn:
            await rows.raise_version(conn, conversation_id)
            await conn.execute(delete(tables.picture).where(tables.picture.c.conversation_id == conversation_id))
            await conn.execute(insert(tables.picture).values(row))
        await self._conversations.tell_changed(conversation_id)

    async def remove(self, principal: Principal, conversation_id: str) -> None:
        await self._conversations.as_manager(principal, conversation_id)
        async with self._db.write() as conn:
            await rows.raise_version(conn, conversation_id)
            await conn.execute(delete(tables.picture).where(tables.picture.c.conversation_id == conversation_id))
        await self._conversations.tell_changed(conversation_id)

    async def read(self, account_id: str, conversation_id: str) -> tuple[str, bytes]:
        """Its id and its bytes, for members. Raises NotFound."""
        await self._conversations.get(account_id, conversation_id)
        columns = tables.picture.c
        async with self._db.read() as conn:
            row = (await conn.execute(select(columns.id, columns.image).where(columns.conversation_id == conversation_id))).one_or_none()
        if row is None:
            raise errors.NotFound("This group has no picture.")
        return row.id, bytes(row.image)
