"""Who is here, told to those who subscribed and may know. Changes are coalesced; a storm of reconnects is not passed on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Audience, Bus, Clock, Database, Delivery, Directory, Principal, Relations
from livecore.presence import tables
from livecore.presence.board import BEAT_EVERY_S, Board

log = structlog.get_logger("presence")

TOPIC = "presence"
# A change is told after this long, if it still stands: who reconnects within it never left.
TELL_AFTER_S = 2.0
# Beats of a process in one delivery.
BEATS_CHUNK = 500


class Outlet(Protocol):
    """One connection of this process; kept by signaling."""

    def to_connection(self, sid: str, event: str, data: dict[str, Any]) -> None: ...


class Presence:
    def __init__(
        self, db: Database, bus: Bus, clock: Clock, relations: Relations, directory: Directory, outlet: Outlet, *, shared: bool
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
        self._subscribed: dict[str, tuple[Principal, dict[str, str]]] = {}  # sid → who, watched account → username
        self._watchers: dict[str, set[str]] = {}  # account → sids
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writes: list[asyncio.Task[None]] = []
        self._endings: list[Callable[[], Awaitable[None]]] = []

    async def start(self) -> None:
        self._endings.append(await self._bus.subscribe(TOPIC, self._on_delivery))
        self._spawn(self._beat())

    async def close(self) -> None:
        for end in self._endings:
            await end()
        for timer in self._due.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._writes, return_exceptions=True)

    async def came(self, sid: str, principal: Principal) -> None:
        await self._count(principal.account_id, 1)

    async def left(self, sid: str, principal: Principal) -> None:
        self._unsubscribe(sid)
        await self._count(principal.account_id, -1)
        if not self._board.is_here(principal.account_id, self._clock.now()):
            # In a task of its own: what ends the connection may be cut short, a transaction must not.
            self._writes.append(asyncio.get_running_loop().create_task(self._note_seen(principal.account_id)))
            self._writes = [task for task in self._writes if not task.done()]

    async def set_status(self, principal: Principal, status: str, text: str | None) -> None:
        self._board.set_status(principal.account_id, status, text)
        self._changed(principal.account_id)
        if self._shared:
            await self._bus.publish(TOPIC, orjson.dumps([self._node, "status", principal.account_id, status, text]))

    async def subscribe(self, sid: str, principal: Principal, usernames: Sequence[str]) -> list[dict[str, Any]]:
        """Replace what the connection watches; answers how those stand now. Nobody's name is probed: unknown and hidden look alike."""
        self._unsubscribe(sid)
        watched: dict[str, str] = {}
        for username in usernames:
            account_id = await self._directory.by_username(username)
            if account_id is not None:
                watched[account_id] = username
        self._subscribed[sid] = (principal, watched)
        for account_id in watched:
            self._watchers.setdefault(account_id, set()).add(sid)
        by_name = {username: account_id for account_id, username in watched.items()}
        return [await self._shown(principal, by_name.get(username), username) for username in dict.fromkeys(usernames)]

    def watched(self, sid: str) -> list[str]:
        """Whom a connection subscribed to, by username."""
        _, watched = self._subscribed.get(sid, (None, {}))
        return list(watched.values())

    def is_here(self, account_id: str) -> bool:
        return self._board.status(account_id, self._clock.now())[0] != "offline"

    async def _shown(self, viewer: Principal, account_id: str | None, username: str) -> dict[str, Any]:
        hidden = {"user": username, "status": "offline", "text": None, "last_seen": None}
        if account_id is None:
            return hidden
        audience: Audience = await self._directory.setting(account_id, "visibility_last_seen")
        own: Audience = await self._directory.setting(viewer.account_id, "visibility_last_seen")
        # Reciprocal: who hides it from somebody does not see it of them.
        if not await self._relations.allows(account_id, viewer.account_id, audience):
            return hidden
        if not await self._relations.allows(viewer.account_id, account_id, own):
            return hidden
        status, text = self._board.status(account_id, self._clock.now())
        last_seen = None if status != "offline" else await self._last_seen(account_id)
        return {"user": username, "status": status, "text": text, "last_seen": last_seen}

    async def _last_seen(self, account_id: str) -> int | None:
        columns = tables.last_seen.c
        async with self._db.read() as conn:
            return (await conn.execute(select(columns.at_ms).where(columns.account_id == account_id))).scalar_one_or_none()

    async def _note_seen(self, account_id: str) -> None:
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        row = {"account_id": account_id, "at_ms": self._clock.at_ms()}
        statement = make(tables.last_seen).values(row).on_conflict_do_update(index_elements=["account_id"], set_={"at_ms": row["at_ms"]})
        try:
            async with self._db.write() as conn:
                await conn.execute(statement)
        except errors.Unavailable:
            log.warning("the store was away; a time of leaving was not noted")

    async def _count(self, account_id: str, step: int) -> None:
        count = self._board.connections(account_id, self._node) + step
        if self._board.beat(account_id, self._node, count, self._clock.now()):
            self._changed(account_id)
        if self._shared:
            await self._bus.publish(TOPIC, orjson.dumps([self._node, "beats", {account_id: count}]))

    def _changed(self, account_id: str) -> None:
        if account_id in self._watchers and account_id not in self._due:
            self._due[account_id] = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._tell_now, account_id)

    def _tell_now(self, account_id: str) -> None:
        self._due.pop(account_id, None)
        self._spawn(self._tell(account_id))

    async def _tell(self, account_id: str) -> None:
        for sid in list(self._watchers.get(account_id, ())):
            viewer, watched = self._subscribed[sid]
            shown = await self._shown(viewer, account_id, watched[account_id])
            if sid in self._subscribed:
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
                for account_id, count in part.items():
                    self._board.beat(account_id, self._node, count, now)
                if self._shared:
                    await self._bus.publish(TOPIC, orjson.dumps([self._node, "beats", part]))
            await asyncio.sleep(BEAT_EVERY_S)

    async def _on_delivery(self, delivery: Delivery) -> None:
        node, what, *args = orjson.loads(delivery.data)
        if node == self._node:
            return
        if what == "beats":
            for account_id, count in args[0].items():
                if self._board.beat(account_id, node, count, self._clock.now()):
                    self._changed(account_id)
        elif what == "status":
            self._board.set_status(args[0], args[1], args[2])
            self._changed(args[0])

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
