"""What everybody is told before they share: others may save and copy it. Said with each upload, and with a person's first message."""

from collections import OrderedDict

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from livecore.ports import Clock, Database
from livecore.trust.policies import SHARING_NOTICE
from livecore.trust.tables import sharing_told

# Whose first message is known without asking the database.
REMEMBERED = 50_000


class SharingNotices:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._first: OrderedDict[str, str] = OrderedDict()  # account → message

    @property
    def text(self) -> str:
        return SHARING_NOTICE

    async def with_message(self, account_id: str, message_id: str) -> str | None:
        """The text, if this is the account's first message; asked again about it (its answer was lost on the way) the text again."""
        first = self._first.get(account_id)
        if first is None:
            first = await self._note(account_id, message_id)
            self._first[account_id] = first
            if len(self._first) > REMEMBERED:
                self._first.popitem(last=False)
        return SHARING_NOTICE if first == message_id else None

    async def _note(self, account_id: str, message_id: str) -> str:
        query = select(sharing_told.c.message_id).where(sharing_told.c.account_id == account_id)
        async with self._db.read() as conn:
            known: str | None = (await conn.execute(query)).scalar_one_or_none()
        if known is not None:
            return known
        insert = sqlite.insert(sharing_told) if self._db.dialect == "sqlite" else postgresql.insert(sharing_told)
        values = {"account_id": account_id, "message_id": message_id, "at_ms": self._clock.at_ms()}
        async with self._db.write() as conn:
            await conn.execute(insert.values(**values).on_conflict_do_nothing(index_elements=["account_id"]))
            return str((await conn.execute(query)).scalar_one())
