"""Two strangers who want to talk now: a direct conversation in which both let the other write, until they part."""

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from livecore import errors
from livecore.ports import Clock, Database, Keys
from livecore.rooms import rows, tables
from livecore.rooms.membership import Conversations


class Introductions:
    """Keeps the promise of `ports.Introductions`."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, conversations: Conversations) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._conversations = conversations

    async def introduce(self, one: str, other: str) -> tuple[str, bool]:
        pair = self._keys.blind("pair", ":".join(sorted((one, other))))
        columns = tables.conversation.c
        for _ in range(2):
            async with self._db.read() as conn:
                known = (await conn.execute(select(columns.id).where(columns.pair == pair))).scalar_one_or_none()
            if known is not None:
                return known, await self._open(known, True)
            try:
                return await self._begin(one, other, pair), True
            except IntegrityError:
                continue  # one of them began it at the same moment
        raise errors.Unavailable("The two could not be introduced.")

    async def part(self, conversation_id: str) -> None:
        await self._open(conversation_id, False)

    async def _begin(self, one: str, other: str, pair: bytes) -> str:
        at_ms = self._clock.at_ms()
        async with self._db.write() as conn:
            conversation_id = await rows.insert_conversation(conn, "direct", one, None, pair, at_ms)
            await rows.add_members(conn, conversation_id, 0, [(one, "member"), (other, "member")], at_ms, opened=True)
        await self._conversations.tell_new(conversation_id, [one, other])
        return conversation_id

    async def _open(self, conversation_id: str, opened: bool) -> bool:
        """Answers whether that changed anything."""
        member = tables.member.c
        values = {"open": True, "request": False} if opened else {"open": False}
        changing = update(tables.member).where(member.conversation_id == conversation_id, member.open.is_(not opened))
        async with self._db.write() as conn:
            changed = bool((await conn.execute(changing.values(values))).rowcount)
            if changed:
                await rows.raise_version(conn, conversation_id)
        if changed:
            await self._conversations.tell_changed(conversation_id)
        return changed
