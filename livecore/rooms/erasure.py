"""What the end of an account means for conversations: groups go on, direct ones keep the other side, nothing hangs on it."""

from sqlalchemy import delete, select

from livecore.ports import Database
from livecore.rooms import tables
from livecore.rooms.attachments import Attachments
from livecore.rooms.membership import Conversations
from livecore.rooms.writer import Writer


class ConversationEraser:
    """Keeps `ports.Eraser`."""

    def __init__(self, db: Database, conversations: Conversations, attachments: Attachments, writer: Writer) -> None:
        self._db = db
        self._conversations = conversations
        self._attachments = attachments
        self._writer = writer

    async def erase(self, account_id: str) -> None:
        """Idempotent. What the account said and nobody has yet goes too, with its keys where nothing else is under them."""
        member, message = tables.member.c, tables.message.c
        async with self._db.read(slow=True) as conn:
            rows = (await conn.execute(select(member.conversation_id).where(member.account_id == account_id))).all()
        async with self._db.write() as conn:
            # Before the groups are told that somebody left, so that nobody keeps the picture's id.
            await conn.execute(delete(tables.picture).where(tables.picture.c.account_id == account_id))
        for row in rows:
            await self._conversations.remove_account(row.conversation_id, account_id)
        async with self._db.write(slow=True) as conn:
            gone = await conn.execute(
                delete(tables.message).where(message.sender_id == account_id).returning(message.scope, message.conversation_id)
            )
            emptied = {one.scope: one.conversation_id for one in gone}
        self._writer.retire(emptied)
        await self._attachments.erase(account_id)
