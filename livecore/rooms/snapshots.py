"""What the commit path knows of a conversation without asking the store: kind, members, version.

A snapshot may be old: the transaction compares its version with the row's, so an old one costs a second look and
never a wrong delivery.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.ports import Database
from livecore.rooms import tables
from livecore.rooms.items import ConversationKind

# A group of 1,000 takes some 200 KB; most conversations have two members.
SNAPSHOTS_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class MemberFacts:
    role: str
    opened: bool
    request: bool
    since_seq: int
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    id: str
    kind: ConversationKind
    title: str | None
    epoch: str
    version: int
    created_ms: int
    members: dict[str, MemberFacts]
    timer_s: int | None = None  # None: what is said does not disappear
    picture: str | None = None  # the picture's id; None: none

    @property
    def roles(self) -> dict[str, str]:
        """By account, in the order of joining."""
        return {account: facts.role for account, facts in self.members.items()}

    def other(self, account_id: str) -> str:
        """The other side of a direct conversation; oneself when nobody else is there."""
        return next((member for member in self.members if member != account_id), account_id)

    @property
    def readers(self) -> list[str]:
        """Those who get what is said here; the recipients of a broadcast list get direct messages instead."""
        return [account for account, facts in self.members.items() if facts.role != "recipient"]

    def readers_of(self, seq: int) -> list[str]:
        """Those who were there when that number was given."""
        return [account for account, facts in self.members.items() if facts.role != "recipient" and facts.since_seq < seq]


class Snapshots:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()

    async def get(self, conversation_id: str) -> Snapshot | None:
        kept = self._kept.get(conversation_id)
        if kept is not None:
            return kept
        async with self._db.read() as conn:
            found = await load(conn, conversation_id)
        if found is not None:
            self.put(found)
        return found

    def put(self, snapshot: Snapshot) -> None:
        kept = self._kept.get(snapshot.id)
        if kept is not None and kept.version > snapshot.version:
            return
        self._kept[snapshot.id] = snapshot
        self._kept.move_to_end(snapshot.id)
        while len(self._kept) > SNAPSHOTS_LIMIT:
            self._kept.popitem(last=False)

    def kept(self, conversation_id: str) -> Snapshot | None:
        return self._kept.get(conversation_id)

    def drop(self, conversation_id: str) -> None:
        self._kept.pop(conversation_id, None)

    def clear(self) -> None:
        self._kept.clear()


async def load(conn: AsyncConnection, conversation_id: str) -> Snapshot | None:
    """None when there is no such conversation."""
    query = (
        select(tables.conversation, tables.picture.c.id.label("picture"))
        .outerjoin(tables.picture, tables.picture.c.conversation_id == tables.conversation.c.id)
        .where(tables.conversation.c.id == conversation_id)
    )
    row: Any = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    columns = tables.member.c
    members = await conn.execute(
        select(tables.member).where(columns.conversation_id == conversation_id).order_by(columns.joined_ms, columns.account_id)
    )
    return Snapshot(
        row.id,
        row.kind,
        row.title,
        row.epoch,
        row.version,
        row.created_ms,
        {one.account_id: MemberFacts(one.role, one.open, one.request, one.since_seq, one.silenced_ms is not None) for one in members},
        row.timer_s,
        row.picture,
    )
