"""The status that people chose: in the store, so that every process knows it, also one that starts later; read through a cache."""

from collections import OrderedDict
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from livecore.ports import Database
from livecore.presence import tables

# Accounts whose status a process remembers; the longest unused goes first. Some 200 bytes each.
CACHED_LIMIT = 100_000
# Accounts in one query.
CHUNK = 500

Status = tuple[str, str | None]
# Of who chose nothing.
ONLINE: Status = ("online", None)


class Statuses:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, Status] = OrderedDict()
        # What is being read: whoever forgets an account meanwhile takes its mark away, and what was read is not remembered.
        self._reading: dict[str, object] = {}

    async def of(self, account_ids: Iterable[str]) -> dict[str, Status]:
        """Raises `errors.Unavailable` rather than guess."""
        answer, unknown = {}, []
        for account_id in account_ids:
            if account_id in self._known:
                self._known.move_to_end(account_id)
                answer[account_id] = self._known[account_id]
            else:
                unknown.append(account_id)
        for start in range(0, len(unknown), CHUNK):
            answer |= await self._read(unknown[start : start + CHUNK])
        return answer

    async def _read(self, account_ids: list[str]) -> dict[str, Status]:
        mark = object()
        self._reading |= dict.fromkeys(account_ids, mark)
        columns = tables.chosen_status.c
        try:
            async with self._db.read() as conn:
                query = select(columns.account_id, columns.status, columns.text).where(columns.account_id.in_(account_ids))
                found: dict[str, Status] = {account_id: (status, text) for account_id, status, text in await conn.execute(query)}
            answer = {account_id: found.get(account_id, ONLINE) for account_id in account_ids}
            self._known.update((account_id, status) for account_id, status in answer.items() if self._reading.get(account_id) is mark)
            while len(self._known) > CACHED_LIMIT:
                self._known.popitem(last=False)
            return answer
        finally:
            for account_id in account_ids:
                if self._reading.get(account_id) is mark:
                    del self._reading[account_id]

    async def choose(self, account_id: str, status: str, text: str | None) -> None:
        table = tables.chosen_status
        async with self._db.write() as conn:
            if (status, text) == ONLINE:
                await conn.execute(delete(table).where(table.c.account_id == account_id))
            else:
                make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
                chosen = {"status": status, "text": text}
                statement = make(table).values(account_id=account_id, **chosen)
                await conn.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=chosen))
        self.forget(account_id)

    def forget(self, account_id: str) -> None:
        """It changed: the store is asked again before it is shown."""
        self._known.pop(account_id, None)
        self._reading.pop(account_id, None)

    def forget_all(self) -> None:
        self._known.clear()
        self._reading.clear()
