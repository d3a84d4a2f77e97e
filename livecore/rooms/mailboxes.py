"""What is held for each device: from its sign-in on, until it has it, leaves, or the time is over."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import String, delete, exists, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.among import among, members
from livecore.gathered import Gathered
from livecore.ports import Clock, Database, Directory, KeyDestroyed, Keys, Principal
from livecore.rooms import bodies, tables
from livecore.rooms.catchup import Held, Place, resume
from livecore.rooms.events import wire
from livecore.rooms.items import Item
from livecore.rooms.timers import held_ms
from livecore.rooms.writer import Writer, context_of

log = structlog.get_logger("rooms")

# Items in one answer: about a screenful for each of some conversations, and below a client's patience to decode.
PAGE_ITEMS = 200
# What an answer may weigh, so that it passes every client's frame limit.
PAGE_BYTES = 512 * 1024
NOBODY = ""
# Devices known to be held for: some 200 bytes each, a question to the store less at each connection.
ATTACHED_LIMIT = 50_000


class Mailboxes:
    def __init__(self, db: Database, keys: Keys, clock: Clock, directory: Directory, writer: Writer, ttl_s: int, *, shared: bool) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._directory = directory
        self._writer = writer
        self._ttl_ms = ttl_s * 1000
        self._shared = shared
        self._attached: OrderedDict[tuple[str, str], None] = OrderedDict()
        box = tables.mailbox.c
        self._boxes_of = select(box.account_id, box.device_id).where(among(db.dialect, box.account_id, "accounts"))
        self._boxes: Gathered[tuple[str, str], bool] = Gathered(self._read_boxes)

    async def _read_boxes(self, asked: list[tuple[str, str]]) -> Mapping[tuple[str, str], bool]:
        accounts = members(self._db.dialect, {account_id for account_id, _ in asked})
        async with self._db.read() as conn:
            return {(row.account_id, row.device_id): True for row in await conn.execute(self._boxes_of, {"accounts": accounts})}

    async def attach(self, account_id: str, device_id: str) -> None:
        """Hold messages for this device from now on. An account's first one takes over what waited for it."""
        if (account_id, device_id) in self._attached:
            return
        if await self._boxes.get((account_id, device_id)):
            self._remember(account_id, device_id)
            return
        box, columns = tables.mailbox.c, tables.device_cursor.c
        async with self._db.write() as conn:
            make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
            row = {"account_id": account_id, "device_id": device_id, "since_ms": self._clock.at_ms()}
            made = await conn.execute(make(tables.mailbox).values(row).on_conflict_do_nothing().returning(box.device_id))
            if made.first() is None:
                return
            await conn.execute(
                update(tables.device_cursor)
                .where(columns.account_id == account_id, columns.device_id == NOBODY)
                .values(device_id=device_id)
            )
            await conn.execute(_cursors_at_head(account_id, device_id))
        self._remember(account_id, device_id)

    def _remember(self, account_id: str, device_id: str) -> None:
        """Another process may remove a device, so this is remembered where there is one process alone."""
        if not self._shared:
            self._attached[account_id, device_id] = None
            while len(self._attached) > ATTACHED_LIMIT:
                self._attached.popitem(last=False)

    async def device_added(self, account_id: str, device_id: str) -> None:
        await self.attach(account_id, device_id)

    async def device_removed(self, account_id: str, device_id: str) -> None:
        """Hold nothing for it any more. What waits for an account's last device goes on waiting for its next one."""
        self._attached.pop((account_id, device_id), None)
        box, columns = tables.mailbox.c, tables.device_cursor.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.mailbox).where(box.account_id == account_id, box.device_id == device_id))
            others = await conn.execute(select(box.device_id).where(box.account_id == account_id).limit(1))
            mine = (columns.account_id == account_id, columns.device_id == device_id)
            if others.first() is None:
                await conn.execute(update(tables.device_cursor).where(*mine).values(device_id=NOBODY))
                return
            gone = await conn.execute(delete(tables.device_cursor).where(*mine).returning(columns.conversation_id))
            emptied = await bodies.delete_delivered(conn, [row.conversation_id for row in gone])
        self._writer.retire(emptied)

    async def sync(
        self, principal: Principal, places: Mapping[str, Place], *, only: str | None = None, after: int = 0
    ) -> dict[str, dict[str, Any]]:
        """For every conversation of this device: what is held after the place that the device names.

        All numbers up to `upto` that are not there were not for this device or are gone; `more` asks to come again.
        `only`: that conversation alone, after `after`.
        """
        await self.attach(principal.account_id, principal.device_id)
        answer: dict[str, dict[str, Any]] = {}
        items_left, bytes_left = PAGE_ITEMS, PAGE_BYTES
        async with self._db.read() as conn:
            for conversation_id, held in (await self._held(conn, principal, only)).items():
                place = Place(held.epoch, after) if only is not None and after else places.get(conversation_id)
                start = resume(place, held)
                told: dict[str, Any] = {"epoch": held.epoch, "messages": [], "upto": max(start.after, held.head), "more": False}
                if start.reset:
                    told["reset"] = True
                answer[conversation_id] = told
                if start.after >= held.head:
                    continue
                if items_left <= 0 or bytes_left <= 0:
                    told |= {"upto": start.after, "more": True}
                    continue
                items, upto = await self._read(conn, principal, conversation_id, held, start.after, items_left)
                kept: list[Item] = []
                for item in items:
                    if bytes_left <= 0:
                        upto = kept[-1].seq
                        break
                    bytes_left -= len(item.content)
                    kept.append(item)
                items_left -= len(kept)
                told |= {"upto": upto, "more": upto < held.head}
                since_ms = self._clock.at_ms() - held_ms(self._ttl_ms, held.timer_s)
                if any(item.sent_ms <= since_ms for item in kept):
                    # Its time is over although it still lies there: it goes with the next sweep, unread.
                    told["reset"] = True
                    kept = [item for item in kept if item.sent_ms > since_ms]
                told["messages"] = kept
        names = await self.names({item.account_id for told in answer.values() for item in told["messages"]})
        for told in answer.values():
            told["messages"] = [wire(item, names.get(item.account_id)) for item in told["messages"]]
        return answer

    async def held_after(self, principal: Principal, conversation_id: str, after: int) -> dict[str, Any]:
        """One conversation's answer as in `sync`, for a device that has everything up to `after`. Raises NotFound."""
        answer = await self.sync(principal, {}, only=conversation_id, after=after)
        if conversation_id not in answer:
            raise errors.NotFound("There is no such conversation.")
        return answer[conversation_id]

    async def names(self, account_ids: set[str]) -> dict[str, str]:
        """Usernames of those accounts that are still there."""
        if not account_ids:
            return {}
        return {card.id: card.username for card in (await self._directory.cards(None, account_ids)).values()}

    async def items_after(self, conversation_id: str, after: int) -> tuple[list[Item], int]:
        """What is held of a conversation after a number, for whoever it is, and the head: how a fan-out fills a hole."""
        async with self._db.read() as conn:
            query = select(tables.conversation.c.epoch, tables.conversation.c.seq).where(tables.conversation.c.id == conversation_id)
            row = (await conn.execute(query)).one_or_none()
            if row is None:
                return [], after
            columns = tables.message.c
            rows = await conn.execute(
                select(tables.message)
                .where(columns.conversation_id == conversation_id, columns.seq > after, columns.seq <= row.seq)
                .order_by(columns.seq)
                .limit(PAGE_ITEMS + 1)
            )
            found = rows.all()
            shut = tables.withheld.c
            kept_from = (
                await conn.execute(select(shut.seq, shut.account_id).where(shut.conversation_id == conversation_id, shut.seq > after))
            ).all()
        barred: dict[int, set[str]] = {}
        for line in kept_from:
            barred.setdefault(line.seq, set()).add(line.account_id)
        opened = [await self._open(one, row.epoch, frozenset(barred.get(one.seq, ()))) for one in found[:PAGE_ITEMS]]
        head = row.seq if len(found) <= PAGE_ITEMS else found[PAGE_ITEMS - 1].seq
        return [item for item in opened if item is not None], head

    async def _held(self, conn: AsyncConnection, principal: Principal, only: str | None = None) -> dict[str, Held]:
        talk, cursor = tables.conversation.c, tables.device_cursor.c
        query = (
            select(talk.id, talk.epoch, talk.seq, talk.timer_s, cursor.seq.label("cursor"), cursor.since_seq, cursor.lost_seq)
            .join(tables.device_cursor, cursor.conversation_id == talk.id)
            .where(cursor.account_id == principal.account_id, cursor.device_id == principal.device_id)
            .order_by(talk.id)
        )
        if only is not None:
            query = query.where(talk.id == only)
        return {row.id: Held(row.epoch, row.seq, row.cursor, row.since_seq, row.lost_seq, row.timer_s) for row in await conn.execute(query)}

    async def _read(
        self, conn: AsyncConnection, principal: Principal, conversation_id: str, held: Held, after: int, limit: int
    ) -> tuple[list[Item], int]:
        """Items for this device and the number up to which that is all."""
        columns, shut = tables.message.c, tables.withheld.c
        kept_from = exists().where(
            shut.conversation_id == columns.conversation_id, shut.seq == columns.seq, shut.account_id == principal.account_id
        )
        own = (columns.sender_id == principal.account_id) & (columns.sender_device == principal.device_id)
        rows = (
            await conn.execute(
                select(tables.message)
                .where(columns.conversation_id == conversation_id, columns.seq > after, columns.seq <= held.head, ~kept_from, ~own)
                .order_by(columns.seq)
                .limit(limit + 1)
            )
        ).all()
        opened = [await self._open(row, held.epoch) for row in rows[:limit]]
        return [item for item in opened if item is not None], held.head if len(rows) <= limit else rows[limit - 1].seq

    async def _open(self, row: Any, epoch: str, withheld: frozenset[str] = frozenset()) -> Item | None:
        try:
            content = await self._keys.open(row.scope, row.sealed, context_of(row.conversation_id, row.id))
        except KeyDestroyed:
            return None  # delivered or expired between the two reads
        return Item(
            row.conversation_id,
            epoch,
            row.seq,
            row.kind,
            row.id,
            row.sender_id,
            row.sender_device,
            None,
            row.target_id,
            row.sent_ms,
            content,
            withheld,
        )


def _cursors_at_head(account_id: str, device_id: str) -> Any:
    """Cursors of a new device where it has none yet: it holds from the present head on."""
    member, talk, cursor = tables.member.c, tables.conversation.c, tables.device_cursor.c
    has_one = exists().where(
        cursor.conversation_id == member.conversation_id, cursor.account_id == account_id, cursor.device_id == device_id
    )
    source = (
        select(member.conversation_id, member.account_id, literal(device_id, String(128)), talk.seq, talk.seq, literal(0))
        .join(tables.conversation, talk.id == member.conversation_id)
        .where(member.account_id == account_id, member.role != "recipient", ~has_one)
    )
    return insert(tables.device_cursor).from_select(["conversation_id", "account_id", "device_id", "seq", "since_seq", "lost_seq"], source)
