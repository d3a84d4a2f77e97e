"""The hub: gives every committed item to the sockets of its readers, by number, and fills holes from the store.

The store is the truth and the bus is only a bell: it says that a conversation has moved. A bell may bring the packet that all its
readers get, which is written to their sockets as it is when it is the next number. One that is lost or comes out of order shows as a
hole in the numbers, or as a head that is behind the store's.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import select

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Bus, Database, Delivery
from livecore.rooms import tables
from livecore.rooms.bells import Bell, Word, bell_of, unpack
from livecore.rooms.events import EVENTS, wire
from livecore.rooms.items import Item
from livecore.rooms.listening import Listening
from livecore.rooms.mailboxes import Mailboxes
from livecore.rooms.snapshots import Snapshots

log = structlog.get_logger("rooms")

# A channel each conversation: its bells and words.
CHANNEL_PREFIX = "rooms.conversation."
# To every process: members, roles or title of a conversation changed. Seldom, and whoever kept its members has to know.
CHANGED_TOPIC = "rooms.changed"
# Conversations whose last delivered number is remembered; one that is forgotten is picked up again at its next item.
HEADS_LIMIT = 200_000
NAMES_LIMIT = 50_000
# Receipts and the like of one conversation are told at most this often: a mark that moved again meanwhile replaces the last.
RECEIPTS_EVERY_S = 0.1
# In a larger conversation receipts would cost members × members events; there only the totals at reading tell.
RECEIPTS_MEMBERS_LIMIT = 50
CHECK_CHUNK = 500
# Bells and store away at once: looked again as long as it takes.
CHECK_RETRY_S = 1.0


class Event(Protocol):
    """An event encoded once for all who get it."""

    def payload(self) -> bytes:
        """The packet that other processes are given."""


class Outlet(Protocol):
    """The sockets of this process, and those of all; kept by signaling. Nothing here waits for a client."""

    def made(self, event: str, data: Mapping[str, Any]) -> Event: ...

    def received(self, event: str, payload: bytes) -> Event:
        """One that another process encoded."""

    def local(self, accounts: Iterable[str], event: Any, *, skip: tuple[str, str] | None = None, author: str | None = None) -> None:
        """An `Event` to each socket of these accounts in this process, but those of the device `skip` (account, device).

        `author`: whose words.
        """

    async def everywhere(self, accounts: Iterable[str], event: str, data: Mapping[str, Any]) -> None:
        """To each socket of these accounts in any process: one channel each, so for one or a few."""

    def present(self, account_id: str) -> bool:
        """Whether the account has a socket in this process."""


class Hub:
    def __init__(self, db: Database, bus: Bus, mailboxes: Mailboxes, snapshots: Snapshots, outlet: Outlet, *, shared: bool) -> None:
        self._db = db
        self._bus = bus
        self._channels = bus.channels(CHANNEL_PREFIX, self._on_bell)
        self._listening = Listening(db, self._channels, self._entered)
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
        self._endings.append(await self._bus.subscribe(CHANGED_TOPIC, self._on_changed))
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

    async def came(self, account_id: str) -> None:
        """A socket of the account is about to be let in here: from the return on nothing rings unheard. Raises Unavailable."""
        if self._shared:
            await self._listening.came(account_id)

    def left(self, account_id: str) -> None:
        if self._shared:
            self._listening.left(account_id)

    def _entered(self, conversation_id: str, seq: int | None) -> None:
        # What is remembered from an earlier time may be behind: who comes now asks for that with `sync`.
        if seq is not None:
            self._move(conversation_id, max(seq, self._heads.get(conversation_id, 0)))

    def knows(self, account_id: str, username: str) -> None:
        """Senders are named by their username on the wire."""
        self._names[account_id] = username
        self._names.move_to_end(account_id)
        while len(self._names) > NAMES_LIMIT:
            self._names.popitem(last=False)

    def on_items(self, items: list[Item]) -> None:
        """What this process committed, in its order."""
        for item in items:
            event = None
            if self._shared:
                name = EVENTS[item.kind]
                if item.account_id in self._names:
                    event = self._outlet.made(name, wire(item, self._names[item.account_id]))
                bell = bell_of(self._node, item, name, event.payload() if event is not None else b"")
                self._channels.publish(item.conversation_id, bell.pack())
            self._take(item, event)

    def moved(self, conversation_id: str, seq: int) -> None:
        """The store is at `seq` or beyond: give what was not given here. Of what nobody here was ever given, `sync` is asked."""
        if seq > self._heads.get(conversation_id, seq):
            self._catch_up(conversation_id, seq)

    def ring(self, conversation_id: str, seq: int, *, is_new: bool = False) -> None:
        """The same in every process. `is_new`: nobody was given `seq`, so it is given also where no head is remembered."""
        if is_new and conversation_id not in self._heads:
            self._move(conversation_id, seq - 1)
        self.moved(conversation_id, seq)
        if self._shared:
            self._channels.publish(conversation_id, Bell(self._node, conversation_id, seq, seq, version=0).pack())

    async def changed(self, conversation_id: str, *, came: Sequence[str] = (), went: str | None = None) -> None:
        """Members, roles or title changed: forget what is known of it, in every process. `came`, `went`: readers."""
        self._snapshots.drop(conversation_id)
        if self._shared:
            await self._bus.publish(CHANGED_TOPIC, orjson.dumps([self._node, conversation_id, list(came), went]))
            if came or went is not None:
                # Not waited for: what is said before this process listens is given once it does.
                self._spawn(self._members_moved(conversation_id, came, went))

    async def _members_moved(self, conversation_id: str, came: Sequence[str], went: str | None) -> None:
        if went is not None:
            self._listening.parted(conversation_id, went)
        try:
            here = await self._listening.joined(conversation_id, came) if came else ()
            if here:
                await self._give_missed(conversation_id, here)
        except errors.Unavailable:
            log.warning("the store was away while members changed")

    async def _give_missed(self, conversation_id: str, here: Sequence[str]) -> None:
        """What was said between their coming in and this process's listening."""
        snapshot = await self._snapshots.get(conversation_id)
        since = [snapshot.members[one].since_seq for one in here if one in snapshot.members] if snapshot is not None else []
        if not since:
            return
        columns = tables.conversation.c
        async with self._db.read() as conn:
            seq = (await conn.execute(select(columns.seq).where(columns.id == conversation_id))).scalar_one_or_none()
        self._move(conversation_id, max(min(since), self._heads.get(conversation_id, 0)))
        if seq is not None and seq > self._heads[conversation_id]:
            self._catch_up(conversation_id, seq)

    async def tell_readers(self, conversation_id: str, event: str, data: Mapping[str, Any]) -> None:
        """An event without a number, to all who read there, in every process."""
        snapshot = await self._snapshots.get(conversation_id)
        if snapshot is not None:
            self.tell(conversation_id, snapshot.readers, event, data)

    def tell(self, conversation_id: str, accounts: Sequence[str], event: str, data: Mapping[str, Any]) -> None:
        """The same, to those of its readers."""
        made = self._outlet.made(event, data)
        self._outlet.local(accounts, made)
        if self._shared:
            self._channels.publish(conversation_id, Word(self._node, conversation_id, event, accounts, made.payload()).pack())

    def receipt(self, conversation_id: str, account_id: str, kind: str, up_to: int) -> None:
        key = (conversation_id, account_id, kind)
        self._receipts[key] = max(up_to, self._receipts.get(key, 0))
        if self._receipts_due is None:
            loop = asyncio.get_running_loop()
            self._receipts_due = loop.call_later(RECEIPTS_EVERY_S, lambda: self._spawn(self._tell_receipts()))

    async def check_heads(self) -> None:
        """Compare what was delivered with the store: shows a last message whose bell was lost."""
        while True:
            try:
                await self._check_heads()
                return
            except errors.Unavailable:
                log.warning("the store was away after bells were lost")
                await asyncio.sleep(CHECK_RETRY_S)

    async def _check_heads(self) -> None:
        # A change of members may have been told meanwhile, too.
        self._snapshots.clear()
        for conversation_id, here in (await self._listening.again()).items() if self._shared else ():
            await self._give_missed(conversation_id, here)
        known = list(self._heads)
        columns = tables.conversation.c
        for start in range(0, len(known), CHECK_CHUNK):
            async with self._db.read() as conn:
                rows = (await conn.execute(select(columns.id, columns.seq).where(columns.id.in_(known[start : start + CHECK_CHUNK])))).all()
            for row in rows:
                if row.seq > self._heads.get(row.id, row.seq):
                    self._catch_up(row.id, row.seq)

    def _take(self, item: Item, event: Event | None = None) -> None:
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
        self._give(item, snapshot.readers, event)

    def _give(self, item: Item, readers: list[str], event: Event | None = None) -> None:
        """`event`: the item, if it is encoded already."""
        self._move(item.conversation_id, item.seq)
        to = [account for account in readers if account not in item.withheld] if item.withheld else readers
        if not self._anybody(to):
            return
        skip = (item.account_id, item.device_id) if item.kind == "message" else None
        if event is None:
            event = self._outlet.made(EVENTS[item.kind], wire(item, self._names.get(item.account_id)))
        self._outlet.local(to, event, skip=skip, author=item.account_id)

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
                        self._give(item, snapshot.readers_of(item.seq))
                # What is not there any more every device has, or it was withheld or expired.
                self._move(conversation_id, max(head, self._heads.get(conversation_id, 0)))
        except errors.Unavailable:
            # Readers find it by `sync` or by the next head check.
            log.warning("the store was away while a hole was filled")
        finally:
            self._catching.pop(conversation_id, None)
            self._rung.discard(conversation_id)

    def _on_changed(self, delivery: Delivery) -> None:
        node, conversation_id, came, went = orjson.loads(delivery.data)
        if node != self._node:
            self._snapshots.drop(conversation_id)
            if came or went is not None:
                self._spawn(self._members_moved(conversation_id, came, went))

    def _on_bell(self, delivery: Delivery) -> None:
        bell = unpack(delivery.data)
        # Names may share a channel, and what was left goes on ringing for a moment.
        if bell.node == self._node or bell.conversation_id not in self._listening:
            return
        if isinstance(bell, Word):
            if self._anybody(bell.accounts):
                self._outlet.local(bell.accounts, self._outlet.received(bell.event, bell.payload))
            return
        conversation_id = bell.conversation_id
        if conversation_id not in self._heads:
            self._move(conversation_id, bell.first - 1)
        head = self._heads[conversation_id]
        if bell.last <= head:
            return
        snapshot = self._snapshots.kept(conversation_id)
        if snapshot is not None and snapshot.version < bell.version:
            # Somebody came or left before this, and that bell is still on its way.
            self._snapshots.drop(conversation_id)
            snapshot = None
        if snapshot is None or conversation_id in self._catching:
            self._catch_up(conversation_id, bell.last)
        elif not self._anybody(snapshot.readers):
            self._move(conversation_id, bell.last)
        elif bell.payload and bell.first == bell.last == head + 1:
            self._give_packet(bell, snapshot.readers)
        else:
            self._catch_up(conversation_id, bell.last)

    def _give_packet(self, bell: Bell, readers: list[str]) -> None:
        """As it came, without the store."""
        self._move(bell.conversation_id, bell.last)
        to = [account for account in readers if account not in bell.withheld] if bell.withheld else readers
        skip = (bell.account_id, bell.device_id) if bell.device_id else None
        self._outlet.local(to, self._outlet.received(bell.event, bell.payload), skip=skip, author=bell.account_id)

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
            self.tell(conversation_id, [one for one in snapshot.readers if one != account_id], "message:receipt", data)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("fan-out failed", exc_info=task.exception())
