"""The hub: gives every committed item to the sockets of its readers, by number, and fills holes from the store.

The store is the truth and the bus is only a bell: it says that a conversation has moved, never what was said. A bell
that is lost or comes out of order shows as a hole in the numbers, or as a head that is behind the store's.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import select

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Bus, Database, Delivery
from livecore.rooms import tables
from livecore.rooms.events import EVENTS, wire
from livecore.rooms.items import Item
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.snapshots import Snapshots

log = structlog.get_logger("rooms")

BELL_TOPIC = "rooms.bell"
# Conversations whose last delivered number is remembered; one that is forgotten is picked up again at its next item.
HEADS_LIMIT = 50_000
NAMES_LIMIT = 50_000
# Receipts and the like of one conversation are told at most this often: a mark that moved again meanwhile replaces the last.
RECEIPTS_EVERY_S = 0.1
# In a larger conversation receipts would cost members × members events; there only the totals at reading tell.
RECEIPTS_MEMBERS_LIMIT = 50
CHECK_CHUNK = 500


class Outlet(Protocol):
    """The sockets of this process, and those of all; kept by signaling. Nothing here waits for a client."""

    def local(
        self,
        accounts: Iterable[str],
        event: str,
        data: Mapping[str, Any],
        *,
        skip: tuple[str, str] | None = None,
        author: str | None = None,
    ) -> None:
        """To each socket of these accounts in this process, but those of the device `skip` (account, device). `author`: whose words."""

    async def everywhere(self, accounts: Iterable[str], event: str, data: Mapping[str, Any]) -> None:
        """To each socket of these accounts in any process."""

    def present(self, account_id: str) -> bool:
        """Whether the account has a socket in this process."""


class Hub:
    def __init__(self, db: Database, bus: Bus, mailboxes: Mailboxes, snapshots: Snapshots, outlet: Outlet, *, shared: bool) -> None:
        self._db = db
        self._bus = bus
        self._mailboxes = mailboxes
        self._snapshots = snapshots
        self._outlet = outlet
        self._shared = shared
        self._node = new_id()
        self._heads: OrderedDict[str, int] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._catching: dict[str, int] = {}  # conversation → the head that is known to be there
        self._rung: set[str] = set()  # those that moved again since their reading began
        self._receipts: dict[tuple[str, str, str], int] = {}
        self._receipts_due: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: list[Callable[[], Awaitable[None]]] = []

    async def start(self) -> None:
        self._endings.append(await self._bus.subscribe(BELL_TOPIC, self._on_bell))
        leave = self._bus.on_gap(self.check_heads)

        async def end() -> None:
            leave()

        self._endings.append(end)

    async def close(self) -> None:
        for end in self._endings:
            await end()
        if self._receipts_due is not None:
            self._receipts_due.cancel()
        # They read the store: waited for and not cut off, since a connection left in the middle is lost to the pool.
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def knows(self, account_id: str, username: str) -> None:
        """Senders are named by their username on the wire."""
        self._names[account_id] = username
        self._names.move_to_end(account_id)
        while len(self._names) > NAMES_LIMIT:
            self._names.popitem(last=False)

    def on_items(self, items: list[Item]) -> None:
        """What this process committed, in its order."""
        bells: dict[str, tuple[int, int]] = {}
        for item in items:
            bells[item.conversation_id] = (bells.get(item.conversation_id, (item.seq, 0))[0], item.seq)
            self._take(item)
        if self._shared:
            for conversation_id, (first, last) in bells.items():
                self._spawn(self._bus.publish(BELL_TOPIC, orjson.dumps([self._node, "head", conversation_id, first, last])))

    async def changed(self, conversation_id: str) -> None:
        """Members, roles or title changed: forget what is known of it, in every process."""
        self._snapshots.drop(conversation_id)
        if self._shared:
            await self._bus.publish(BELL_TOPIC, orjson.dumps([self._node, "changed", conversation_id, 0, 0]))

    def receipt(self, conversation_id: str, account_id: str, kind: str, up_to: int) -> None:
        key = (conversation_id, account_id, kind)
        self._receipts[key] = max(up_to, self._receipts.get(key, 0))
        if self._receipts_due is None:
            loop = asyncio.get_running_loop()
            self._receipts_due = loop.call_later(RECEIPTS_EVERY_S, lambda: self._spawn(self._tell_receipts()))

    async def check_heads(self) -> None:
        """Compare what was delivered with the store: shows a last message whose bell was lost."""
        # A change of members may have been told meanwhile, too.
        self._snapshots.clear()
        known = list(self._heads)
        columns = tables.conversation.c
        for start in range(0, len(known), CHECK_CHUNK):
            async with self._db.read() as conn:
                rows = (await conn.execute(select(columns.id, columns.seq).where(columns.id.in_(known[start : start + CHECK_CHUNK])))).all()
            for row in rows:
                if row.seq > self._heads.get(row.id, row.seq):
                    self._catch_up(row.id, row.seq)

    def _take(self, item: Item) -> None:
        head = self._heads.get(item.conversation_id)
        if head is not None and item.seq <= head:
            return
        snapshot = self._snapshots.kept(item.conversation_id)
        hole = head is not None and item.seq != head + 1
        if hole or snapshot is None or item.account_id not in self._names or item.conversation_id in self._catching:
            if head is None:
                self._move(item.conversation_id, item.seq - 1)
            self._catch_up(item.conversation_id, item.seq)
            return
        self._give(item, snapshot.readers)

    def _give(self, item: Item, readers: list[str]) -> None:
        self._move(item.conversation_id, item.seq)
        to = [account for account in readers if account not in item.withheld] if item.withheld else readers
        if not self._anybody(to):
            return
        skip = (item.account_id, item.device_id) if item.kind == "message" else None
        self._outlet.local(to, EVENTS[item.kind], wire(item, self._names.get(item.account_id)), skip=skip, author=item.account_id)

    def _anybody(self, accounts: Iterable[str]) -> bool:
        """Whether one of them has a socket in this process."""
        present = self._outlet.present
        return any(present(account) for account in accounts)

    def _move(self, conversation_id: str, seq: int) -> None:
        self._heads[conversation_id] = seq
        self._heads.move_to_end(conversation_id)
        while len(self._heads) > HEADS_LIMIT:
            self._heads.popitem(last=False)

    def _catch_up(self, conversation_id: str, head: int) -> None:
        running = conversation_id in self._catching
        self._rung.add(conversation_id)
        self._catching[conversation_id] = max(head, self._catching.get(conversation_id, 0))
        if not running:
            self._spawn(self._read(conversation_id))

    async def _read(self, conversation_id: str) -> None:
        """Give what the store holds beyond what was given, until the known head is reached."""
        try:
            while self._heads.get(conversation_id, 0) < self._catching[conversation_id]:
                self._rung.discard(conversation_id)
                snapshot = await self._snapshots.get(conversation_id)
                if snapshot is None:
                    return
                if not self._anybody(snapshot.readers):
                    # Nobody here is to get it; who comes asks with `sync`.
                    self._move(conversation_id, self._catching[conversation_id])
                    return
                after = self._heads.get(conversation_id, self._catching[conversation_id] - 1)
                items, head = await self._mailboxes.items_after(conversation_id, after)
                # As it is by now: somebody may have come in or left with these items.
                snapshot = await self._snapshots.get(conversation_id)
                if snapshot is None:
                    return
                if not items and head <= after:
                    # A bell for what is not there. What came while this was read is looked at once more.
                    if conversation_id in self._rung:
                        continue
                    return
                unknown = {item.account_id for item in items} - set(self._names)
                for account_id, username in (await self._mailboxes.names(unknown)).items():
                    self.knows(account_id, username)
                for item in items:
                    if item.seq > self._heads.get(conversation_id, 0):
                        self._give(item, snapshot.readers)
                # What is not there any more every device has, or it was withheld or expired.
                self._move(conversation_id, max(head, self._heads.get(conversation_id, 0)))
        except errors.Unavailable:
            # Readers find it by `sync` or by the next head check.
            log.warning("the store was away while a hole was filled")
        finally:
            self._catching.pop(conversation_id, None)
            self._rung.discard(conversation_id)

    def _on_bell(self, delivery: Delivery) -> None:
        node, what, conversation_id, first, last = orjson.loads(delivery.data)
        if node == self._node:
            return
        if what == "changed":
            self._snapshots.drop(conversation_id)
            return
        if conversation_id not in self._heads:
            self._move(conversation_id, first - 1)
        if last <= self._heads[conversation_id]:
            return
        snapshot = self._snapshots.kept(conversation_id)
        if snapshot is not None and conversation_id not in self._catching and not self._anybody(snapshot.readers):
            self._move(conversation_id, last)
            return
        self._catch_up(conversation_id, last)

    async def _tell_receipts(self) -> None:
        self._receipts_due = None
        due, self._receipts = self._receipts, {}
        for (conversation_id, account_id, kind), up_to in due.items():
            snapshot = await self._snapshots.get(conversation_id)
            if snapshot is None or len(snapshot.members) > RECEIPTS_MEMBERS_LIMIT:
                continue
            if account_id not in self._names:
                for known, username in (await self._mailboxes.names({account_id})).items():
                    self.knows(known, username)
            data = {"conversation": conversation_id, "user": self._names.get(account_id), "kind": kind, "up_to": up_to}
            await self._outlet.everywhere([one for one in snapshot.readers if one != account_id], "message:receipt", data)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("fan-out failed", exc_info=task.exception())
