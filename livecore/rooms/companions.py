"""Who is in a conversation with whom. Keeps `ports.Companions`."""

from sqlalchemy import select

from livecore.ports import Database
from livecore.rooms import tables


class Companionship:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def share_conversation(self, one: str, other: str) -> bool:
        """Broadcast lists are left out: their recipients do not know of one another, nor that there is a list."""
        mine, theirs = tables.member.alias(), tables.member.alias()
        query = (
            select(mine.c.conversation_id)
            .join(theirs, theirs.c.conversation_id == mine.c.conversation_id)
            .join(tables.conversation, tables.conversation.c.id == mine.c.conversation_id)
            .where(mine.c.account_id == one, theirs.c.account_id == other, tables.conversation.c.kind != "broadcast")
            .where(mine.c.request.is_(False), theirs.c.request.is_(False))
            .limit(1)
        )
        async with self._db.read() as conn:
            return (await conn.execute(query)).first() is not None
