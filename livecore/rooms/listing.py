"""Conversations as one of their members sees them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.ports import Database, Directory, PersonCard, Principal, Relations
from livecore.rooms import tables
from livecore.rooms.snapshots import Snapshot, Snapshots, load


@dataclass(frozen=True)
class View:
    """A conversation as one of its members sees it. `request`: "asked" (waits for my yes), "waiting" (for theirs), None."""

    snapshot: Snapshot
    cards: dict[str, PersonCard]
    role: str
    request: str | None
    seq: int
    received_seq: int
    read_seq: int
    held: int
    unread: int  # messages of others after read_seq, held or not
    silenced: bool
    muted_until_ms: int | None
    archived: bool
    pinned_ms: int | None


class Listing:
    def __init__(self, db: Database, relations: Relations, directory: Directory, snapshots: Snapshots) -> None:
        self._db = db
        self._relations = relations
        self._directory = directory
        self._snapshots = snapshots

    async def view(self, principal: Principal, conversation_id: str) -> View:
        found = await self._views(principal, [conversation_id])
        if not found:
            raise errors.NotFound("There is no such conversation.")
        return found[0]

    async def page(self, principal: Principal, before: str | None, limit: int) -> Sequence[View]:
        """Newest first, below the conversation id `before`."""
        columns = tables.member.c
        talk = tables.conversation.c
        # A direct one that was put away comes back with its next message.
        away = (talk.kind == "direct") & (columns.since_seq > 0) & (talk.seq <= columns.since_seq)
        query = (
            select(columns.conversation_id)
            .join(tables.conversation, talk.id == columns.conversation_id)
            .where(columns.account_id == principal.account_id, columns.role != "recipient", ~away)
        )
        if before is not None:
            query = query.where(columns.conversation_id < before)
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(columns.conversation_id.desc()).limit(limit))
            wanted = [row.conversation_id for row in rows]
        return await self._views(principal, wanted)

    async def _views(self, principal: Principal, ids: Sequence[str]) -> Sequence[View]:
        me = principal.account_id
        talk, line, held = tables.conversation.c, tables.member.c, tables.message.c
        found: dict[str, tuple[Snapshot, int]] = {}
        async with self._db.read() as conn:
            heads = {row.id: row.seq for row in await conn.execute(select(talk.id, talk.seq).where(talk.id.in_(ids)))}
            marks = {
                row.conversation_id: row
                for row in await conn.execute(select(tables.member).where(line.account_id == me, line.conversation_id.in_(ids)))
            }
            counted = await conn.execute(
                select(held.conversation_id, func.count().label("held"))
                .join(tables.member, (line.conversation_id == held.conversation_id) & (line.account_id == me))
                .where(held.conversation_id.in_(ids), held.seq > line.read_seq, held.sender_id != me, held.kind == "message")
                .group_by(held.conversation_id)
            )
            waiting = {row.conversation_id: row.held for row in counted}
            unread = await self._unread(conn, me, ids)
            for one in ids:
                snapshot = await load(conn, one)
                if snapshot is not None and one in marks:
                    self._snapshots.put(snapshot)
                    found[one] = (snapshot, heads[one])
        people = {account for snapshot, _ in found.values() for account in snapshot.members}
        cards = await self._directory.cards(me, people)
        views = []
        for one, (snapshot, seq) in found.items():
            mark = marks[one]
            request = "asked" if mark.request else "waiting" if any(m.request for m in snapshot.members.values()) else None
            shown = {account: cards[account] for account in snapshot.members if account in cards}
            views.append(
                View(
                    snapshot,
                    shown,
                    mark.role,
                    request,
                    seq,
                    mark.received_seq,
                    mark.read_seq,
                    waiting.get(one, 0),
                    unread.get(one, 0),
                    mark.silenced_ms is not None,
                    mark.muted_until_ms,
                    mark.archived_ms is not None,
                    mark.pinned_ms,
                )
            )
        return views

    async def _unread(self, conn: AsyncConnection, me: str, ids: Sequence[str]) -> dict[str, int]:
        """From the numbers of what was sent, which outlive the bodies; without those whom I block, whose messages I am not given."""
        line, said = tables.member.c, tables.sent.c
        barred = await self._relations.blocked_either_way(me)
        shut = [account for account in barred if (await self._relations.between(me, account)).i_block]
        query = (
            select(said.conversation_id, func.count().label("unread"))
            .join(tables.member, (line.conversation_id == said.conversation_id) & (line.account_id == me))
            .where(said.conversation_id.in_(ids), said.seq > line.read_seq, said.account_id != me, said.taken_back.is_(False))
            .group_by(said.conversation_id)
        )
        if shut:
            query = query.where(said.account_id.not_in(shut))
        return {row.conversation_id: row.unread for row in await conn.execute(query)}
