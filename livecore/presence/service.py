"""Who is here, told to those who subscribed and may know. Changes are coalesced; a storm of reconnects is not passed on."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Audience, Bus, Clock, Database, Delivery, Devices, Directory, Principal, Relations
from livecore.presence import tables
from livecore.presence.board import BEAT_AGE_S, BEAT_EVERY_S, Board, Change
from livecore.presence.own_devices import AccountOutlet, OwnDevices
from livecore.presence.statuses import ONLINE, Statuses

log = structlog.get_logger("presence")

TOPIC = "presence"
# A change is told after this long, if it still stands: who reconnects within it never left.
TELL_AFTER_S = 2.0
# Beats of a process in one delivery.
BEATS_CHUNK = 500
# Who came and went in this process is told to the others together, this long after the first of them.
GATHER_S = 0.1


class Outlet(AccountOutlet, Protocol):
    """Connections of this process; kept by signaling."""

    def to_connection(self, sid: str, event: str, data: dict[str, Any]) -> None: ...


@dataclass(slots=True)
class _Watched:
    """`told`: status and text that the connection last heard; None before the first answer."""

    username: str
    told: tuple[str, str | None] | None = None


class Presence:
    def __init__(
        self,
        db: Database,
        bus: Bus,
        clock: Clock,
        relations: Relations,
        directory: Directory,
        devices: Devices,
        outlet: Outlet,
        *,
        shared: bool,
    ) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._relations = relations
        self._directory = directory
        self._outlet = outlet
        self._shared = shared
        self._node = new_id()
        self._board = Board()
        self._statuses = Statuses(db)
        self.own_devices = OwnDevices(self._board, clock, devices, outlet, self._spawn, lambda: TELL_AFTER_S)
        self._subscribed: dict[str, tuple[Principal, dict[str, _Watched]]] = {}  # sid → who, by watched account
        self._watchers: dict[str, set[str]] = {}  # account → sids
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._moved: dict[str, None] = {}  # accounts whose count here is not yet told to other processes
        # Accounts that left a moment ago, and until when they still stand as here for others. The longest gone first.
        self._leaving: dict[str, float] = {}
        self._gone: dict[str, int] = {}  # accounts that left, when: not yet written
        self._writing: asyncio.Task[None] | None = None
        self._gathering: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._endings: list[Callable[[], Awaitable[None]]] = []
        self._end_gaps: Callable[[], None] = lambda: None

    async def start(self) -> None:
        self._endings.append(await self._bus.subscribe(TOPIC, self._on_delivery))
        self._end_gaps = self._bus.on_gap(self._on_gap)
        self._spawn(self._beat())

    async def close(self) -> None:
        for end in self._endings:
            await end()
        self._end_gaps()
        for timer in self._due.values():
            timer.cancel()
        self.own_devices.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._gathering is not None:
            self._gathering.cancel()
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._note_gone()

    async def came(self, sid: str, principal: Principal) -> None:
        here = self._board.connections(principal.account_id, self._node)
        self._count(principal.account_id, (*here, principal.device_id))

    async def left(self, sid: str, principal: Principal) -> None:
        self._unsubscribe(sid)
        here = list(self._board.connections(principal.account_id, self._node))
        if principal.device_id in here:
            here.remove(principal.device_id)
        self._count(principal.account_id, tuple(here))
        if not self._board.is_here(principal.account_id, self._clock.now()):
            self._gone[principal.account_id] = self._clock.at_ms()
        if not self.own_devices.is_here(principal.account_id, principal.device_id):
            self.own_devices.gone(principal.device_id)
            self._gather()

    async def set_status(self, principal: Principal, status: str, text: str | None) -> None:
        """Stands until it is changed, on every device, whatever goes and comes."""
        await self._choose(principal.account_id, status, text)

    async def chosen(self, principal: Principal) -> tuple[str, str | None]:
        """One's own status and words as one set them, `invisible` included."""
        return (await self._statuses.of([principal.account_id]))[principal.account_id]

    async def _choose(self, account_id: str, status: str, text: str | None) -> None:
        await self._statuses.choose(account_id, status, text)
        self._changed(account_id)
        if self._shared:
            await self._bus.publish(TOPIC, orjson.dumps([self._node, "status", account_id]))

    async def erase(self, account_id: str) -> None:
        """Keeps the promise of `ports.Eraser`: no process remembers what the account chose."""
        await self._choose(account_id, *ONLINE)

    async def subscribe(self, sid: str, principal: Principal, usernames: Sequence[str]) -> list[dict[str, Any]]:
        """Replace what the connection watches; answers how those stand now. Nobody's name is probed: unknown and hidden look alike."""
        self._unsubscribe(sid)
        watched: dict[str, _Watched] = {}
        for username in usernames:
            account_id = await self._directory.by_username(username)
            if account_id is not None:
                watched[account_id] = _Watched(username)
        # What a subscription that came meanwhile watches is replaced, not joined.
        self._unsubscribe(sid)
        self._subscribed[sid] = (principal, watched)
        for account_id in watched:
            self._watchers.setdefault(account_id, set()).add(sid)
        # Together, before they are shown one by one.
        await self._statuses.of([account_id for account_id in watched if self._seems_here(account_id)])
        by_name = {one.username: account_id for account_id, one in watched.items()}
        answer = []
        for username in dict.fromkeys(usernames):
            account_id = by_name.get(username)
            shown = await self._shown(principal, account_id, username)
            if account_id is not None:
                watched[account_id].told = (shown["status"], shown["text"])
            answer.append(shown)
        return answer

    def watched(self, sid: str) -> list[str]:
        """Whom a connection subscribed to, by username."""
        _, watched = self._subscribed.get(sid, (None, {}))
        return [one.username for one in watched.values()]

    async def may_know(self, viewer_id: str, account_id: str) -> bool:
        """Whether one may know when the other is here. Reciprocal: who hides it from somebody does not see it of them."""
        audience: Audience = await self._directory.setting(account_id, "visibility_last_seen")
        own: Audience = await self._directory.setting(viewer_id, "visibility_last_seen")
        if not await self._relations.allows(account_id, viewer_id, audience):
            return False
        return await self._relations.allows(viewer_id, account_id, own)

    def is_here(self, account_id: str) -> bool:
        return self._board.is_here(account_id, self._clock.now())

    async def may_see(self, viewer_id: str, account_id: str) -> bool:
        """Whether one may be told of the other, who is here: as `may_know`, and never of who is invisible."""
        return await self.may_know(viewer_id, account_id) and (await self._statuses.of([account_id]))[account_id][0] != "invisible"

    async def _shown(self, viewer: Principal, account_id: str | None, username: str) -> dict[str, Any]:
        hidden = {"user": username, "status": "offline", "text": None, "last_seen": None}
        if account_id is None:
            return hidden
        if not await self.may_know(viewer.account_id, account_id):
            return hidden
        status, text = await self._status(account_id)
        last_seen = None if status != "offline" else await self._last_seen(account_id)
        return {"user": username, "status": status, "text": text, "last_seen": last_seen}

    async def _last_seen(self, account_id: str) -> int | None:
        if account_id in self._gone:
            return self._gone[account_id]
        columns = tables.last_seen.c
        async with self._db.read() as conn:
            return (await conn.execute(select(columns.at_ms).where(columns.account_id == account_id))).scalar_one_or_none()

    def _gather(self) -> None:
        """Tell the others and write, together with what comes in the next moment."""
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER_S, self._gathered)

    def _gathered(self) -> None:
        self._gathering = None
        moved, self._moved = list(self._moved), {}
        for start in range(0, len(moved), BEATS_CHUNK):
            part = {account_id: self._board.connections(account_id, self._node) for account_id in moved[start : start + BEATS_CHUNK]}
            self._spawn(self._bus.publish(TOPIC, orjson.dumps([self._node, "beats", part])))
        leaving = bool(self._gone) or self.own_devices.has_gone
        if leaving and (self._writing is None or self._writing.done()):
            # In a task of its own that nothing cuts short: a transaction must not be left in the middle.
            self._writing = asyncio.get_running_loop().create_task(self._note_gone())
        elif leaving:
            self._gather()

    async def _note_gone(self) -> None:
        """When they were last here, in one transaction."""
        while self._gone:
            gone = dict(itertools.islice(self._gone.items(), BEATS_CHUNK))
            make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
            statement = make(tables.last_seen).values([{"account_id": account_id, "at_ms": at_ms} for account_id, at_ms in gone.items()])
            statement = statement.on_conflict_do_update(index_elements=["account_id"], set_={"at_ms": statement.excluded.at_ms})
            try:
                async with self._db.write() as conn:
                    await conn.execute(statement)
            except errors.Unavailable:
                log.warning("the store was away; times of leaving were not noted", accounts=len(gone))
            for account_id, at_ms in gone.items():
                if self._gone.get(account_id) == at_ms:
                    del self._gone[account_id]
        await self.own_devices.note_gone()

    def _count(self, account_id: str, connections: tuple[str, ...]) -> None:
        """As they are now in this process."""
        self._beat_of(account_id, self._node, connections)
        if self._shared:
            self._moved[account_id] = None
            self._gather()

    def _beat_of(self, account_id: str, node: str, connections: tuple[str, ...]) -> None:
        now = self._clock.now()
        was_here = self._board.is_here(account_id, now)
        self._take(account_id, self._board.beat(account_id, node, connections, now), leaves=was_here)

    def _take(self, account_id: str, change: Change, *, leaves: bool) -> None:
        """`leaves`: whether the account, where it went, went just now."""
        if change.person:
            self._leaves_or_is_back(account_id, self._clock.now(), leaves=leaves)
            self._changed(account_id)
        for device_id in change.devices:
            self.own_devices.changed(account_id, device_id)

    def _leaves_or_is_back(self, account_id: str, now: float, *, leaves: bool) -> None:
        self._leaving.pop(account_id, None)
        if leaves:
            self._leaving[account_id] = now + TELL_AFTER_S
        while self._leaving and (oldest := next(iter(self._leaving.items())))[1] <= now:
            del self._leaving[oldest[0]]

    def _seems_here(self, account_id: str) -> bool:
        """Who left a moment ago is still here: so one who asks amid a storm of reconnects is not told of it twice."""
        now = self._clock.now()
        return self._board.is_here(account_id, now) or now < self._leaving.get(account_id, now)

    async def _status(self, account_id: str) -> tuple[str, str | None]:
        """What others may see: "offline" also stands for who is invisible. Nobody is here before the store was asked what they chose."""
        if not self._seems_here(account_id):
            return "offline", None
        status, text = (await self._statuses.of([account_id]))[account_id]
        return ("offline", None) if status == "invisible" else (status, text)

    def _changed(self, account_id: str) -> None:
        if account_id in self._watchers and account_id not in self._due:
            self._due[account_id] = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._tell_now, account_id)

    def _tell_now(self, account_id: str) -> None:
        self._due.pop(account_id, None)
        self._leaving.pop(account_id, None)
        self._spawn(self._tell(account_id))

    async def _tell(self, account_id: str) -> None:
        for sid in list(self._watchers.get(account_id, ())):
            viewer, watched = self._subscribed.get(sid, (None, {}))
            one = watched.get(account_id)
            if viewer is None or one is None:
                continue
            shown = await self._shown(viewer, account_id, one.username)
            now = (shown["status"], shown["text"])
            # Who came back before this was told never left.
            if sid in self._subscribed and now != one.told:
                one.told = now
                self._outlet.to_connection(sid, "presence:update", shown)

    def _unsubscribe(self, sid: str) -> None:
        _, watched = self._subscribed.pop(sid, (None, {}))
        for account_id in watched:
            sids = self._watchers.get(account_id)
            if sids is not None:
                sids.discard(sid)
                if not sids:
                    del self._watchers[account_id]

    async def _beat(self) -> None:
        """Say what this process has, again and again."""
        while True:
            mine = list(self._board.of_node(self._node).items())
            now = self._clock.now()
            for start in range(0, len(mine), BEATS_CHUNK):
                part = dict(mine[start : start + BEATS_CHUNK])
                for account_id, connections in part.items():
                    self._board.beat(account_id, self._node, connections, now)
                if self._shared:
                    await self._bus.publish(TOPIC, orjson.dumps([self._node, "beats", part]))
            self._age(now)
            await asyncio.sleep(BEAT_EVERY_S)

    def _age(self, now: float) -> None:
        """Those whose process says nothing any more went with it; when they were last here it could not write."""
        for account_id, change in self._board.age(now).items():
            self._take(account_id, change, leaves=False)
            if change.person:
                self._gone[account_id] = self._clock.at_ms() - round(BEAT_AGE_S * 1000)
        if self._gone:
            self._gather()

    def _on_delivery(self, delivery: Delivery) -> None:
        node, what, *args = orjson.loads(delivery.data)
        if node == self._node:
            return
        if what == "beats":
            for account_id, connections in args[0].items():
                self._beat_of(account_id, node, tuple(connections))
        elif what == "status":
            self._statuses.forget(args[0])
            self._changed(args[0])

    def _on_gap(self) -> None:
        """Bells may have been lost: what was chosen is asked of the store again, and told where it differs."""
        self._statuses.forget_all()
        for account_id in self._watchers:
            self._changed(account_id)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
