"""Two strangers who want to talk now: a direct conversation in which both let the other write, until they part."""

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.ports import Database, Keys
from livecore.rooms import tables
from livecore.rooms.membership import Conversations


class Introductions:
    """Keeps the promise of `ports.Introductions`."""

    def __init__(self, db: Database, keys: Keys, conversations: Conversations) -> None:
        self._db = db
        self._keys = keys
        self._conversations = conversations

    async def introduce(self, one: str, other: str) -> tuple[str, bool]:
        pair = self._keys.blind("pair", ":".join(sorted((one, other))))
        columns = tables.conversation.c
        for _ in range(2):
            async with self._db.read() as conn:
                known = (await conn.execute(select(columns.id).where(columns.pair == pair))).scalar_one_or_none()
            if known is not None:
                return known, await self._conversations.set_opened(known, True)
            try:
                return await self._conversations.begin_opened(one, other, pair), True
            except IntegrityError:
                continue  # one of them began it at the same moment
        raise errors.Unavailable("The two could not be introduced.")

    async def part(self, conversation_id: str) -> None:
        await self._conversations.set_opened(conversation_id, False)
