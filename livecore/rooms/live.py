"""Live rooms: lines that are never stored, viewers and reactions told at most twice a second. Keeps `ports.LiveRooms`.

Each process has the sockets that it has; lines go through the bus to all of them, counts are told by each process and
summed by each, and age out, so that a process that dies takes its viewers with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import structlog

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Bus, Clock, Delivery, Limiter, LiveGate, Principal, Relations
from livecore.rooms.ring import Ring

log = structlog.get_logger("rooms")

TOPIC = "rooms.live."
# At most twice a second: the promise to clients.
TELL_EVERY_S = 0.5
# Another process's count is told anew this often and forgotten after three times that.
COUNT_EVERY_S = 5.0
# Whom a speaker's lines are kept from is asked anew after this, should the bell of a block be lost.
HIDDEN_AGE_S = 1.0
HIDDEN_LIMIT = 10_000
# What people's service rings when a block comes or goes: account ids with spaces between them.
PEOPLE_TOPIC = "people.changed"


class LiveOutlet(Protocol):
    """Sockets in live rooms of this process; kept by signaling."""

    def to_live(
        self,
        live_id: str,
        event: str,
        data: Mapping[str, Any],
        *,
        hidden_from: frozenset[str] = frozenset(),
        author: str | None = None,
    ) -> None: ...

    def live_size(self, live_id: str, without: str | None = None) -> int:
        """How many accounts are in the room, in this process."""

    def in_live(self, live_id: str, accounts: Iterable[str]) -> list[str]:
        """Which of these accounts are in the room, in this process."""

    def close_live(self, live_id: str) -> None: ...


@dataclass
class _Room:
    ring: Ring
    end: Callable[[], Awaitable[None]]  # ends the subscription
    host_id: str | None = None  # no viewer of it; None until somebody was admitted here
    others: dict[str, tuple[int, float]] = field(default_factory=dict)  # node → viewers, when told
    told: int | None = None  # the count that clients were last told
    due: asyncio.TimerHandle | None = None  # the next telling
    hidden: dict[str, tuple[frozenset[str], float]] = field(default_factory=dict)  # who sees no lines of whom, when asked


class LiveHub:
    def __init__(
        self, bus: Bus, clock: Clock, limiter: Limiter, relations: Relations, outlet: LiveOutlet, *, lines: int, shared: bool
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._limiter = limiter
        self._relations = relations
        self._outlet = outlet
        self._lines = lines
        self._shared = shared
        self._node = new_id()
        self._rooms: dict[str, _Room] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._people_changes = 0  # how many were heard of: what was asked before one of them is not kept
        self._end_people: Callable[[], Awaitable[None]] | None = None
        self.gate: LiveGate | None = None  # set by the composition once lives are there

    def _gate(self) -> LiveGate:
        if self.gate is None:
            raise errors.NotFound("There is no such live.")
        return self.gate

    async def admit(self, principal: Principal, live_id: str) -> dict[str, Any]:
        """What a join answers. The caller puts the socket into the room afterwards and says `moved`."""
        gate = self._gate()
        facts = await gate.may_join(principal.account_id, live_id)
        room = await self._room(live_id)
        room.host_id = facts.host_id
        hidden = await self._relations.blocked_either_way(principal.account_id)
        return {
            "live": live_id,
            "title": facts.title,
            "state": facts.state,
            "epoch": room.ring.epoch,
            "seq": room.ring.seq,
            "messages": room.ring.lines(hidden),
            "viewers": self._count(live_id, room),
            "publications": await gate.joined(principal.account_id, live_id),
        }

    async def readmit(self, principal: Principal, live_id: str) -> None:
        """Somebody comes back to a room. Raises as a join does."""
        room = await self._room(live_id)
        room.host_id = (await self._gate().may_join(principal.account_id, live_id)).host_id

    def moved(self, live_id: str) -> None:
        """Somebody came or went in this process."""
        room = self._rooms.get(live_id)
        if room is None:
            return
        self._tell_soon(live_id, room)
        if not self._outlet.live_size(live_id) and not room.ring.seq and not room.others:
            self._spawn(self._forget(live_id))

    async def say(self, principal: Principal, live_id: str, body: str, client_id: str | None) -> dict[str, Any]:
        await self._limiter.hit("live_line_per_account", principal.account_id)
        facts = await self._gate().may_say(principal.account_id, live_id)
        room = await self._room(live_id)
        if principal.account_id != facts.host_id:
            wait_s = room.ring.wait_s(principal.account_id, facts.slow_mode_s, self._clock.now())
            if wait_s > 0:
                raise errors.TooMany(wait_s, "Slow mode is on.", type="slow_mode")
        line = {
            "live": live_id,
            "id": new_id(),
            "client_id": client_id,
            "sender": principal.username,
            "account": principal.account_id,
            "body": body,
            "sent_at": self._clock.at_ms(),
        }
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["line", self._node, line]))
        return {"id": line["id"], "sent_at": line["sent_at"]}

    async def react(self, principal: Principal, live_id: str, emoji: str) -> None:
        await self._limiter.hit("live_line_per_account", principal.account_id)
        await self._gate().may_join(principal.account_id, live_id)
        await self._room(live_id)
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["reaction", self._node, emoji]))

    async def viewers(self, live_id: str) -> int:
        room = self._rooms.get(live_id)
        return self._count(live_id, room) if room is not None else 0

    async def end(self, live_id: str, data: Mapping[str, Any]) -> None:
        """Tell the room `live:ended` and forget its lines, in every process."""
        await self._room(live_id)
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["end", self._node, dict(data)]))

    async def start(self) -> None:
        self._end_people = await self._bus.subscribe(PEOPLE_TOPIC, self._on_people_changed)

    async def close(self) -> None:
        if self._end_people is not None:
            await self._end_people()
        for live_id in list(self._rooms):
            await self._forget(live_id)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _room(self, live_id: str) -> _Room:
        room = self._rooms.get(live_id)
        if room is not None:
            return room
        lock = self._opening.setdefault(live_id, asyncio.Lock())
        async with lock:
            room = self._rooms.get(live_id)
            if room is None:
                end = await self._bus.subscribe(TOPIC + live_id, lambda delivery: self._on_delivery(live_id, delivery))
                room = self._rooms[live_id] = _Room(Ring(new_id()[-12:], self._lines), end)
        self._opening.pop(live_id, None)
        return room

    async def _forget(self, live_id: str) -> None:
        room = self._rooms.pop(live_id, None)
        if room is not None:
            if room.due is not None:
                room.due.cancel()
            await room.end()

    def _on_delivery(self, live_id: str, delivery: Delivery) -> Awaitable[None] | None:
        room = self._rooms.get(live_id)
        if room is None:
            return None
        what, node, data = orjson.loads(delivery.data)
        if what == "line":
            kept = room.hidden.get(data["account"])
            if kept is None or self._clock.now() - kept[1] >= HIDDEN_AGE_S:
                # Awaited by the bus, so that lines leave in their order.
                return self._ask_and_give(live_id, room, data)
            self._give(live_id, room, data, kept[0])
        elif what == "reaction":
            room.ring.react(data)
            self._tell_soon(live_id, room)
        elif what == "count":
            if node != self._node:
                room.others[node] = (int(data), self._clock.now())
                self._tell_soon(live_id, room)
        elif what == "end":
            self._outlet.to_live(live_id, "live:ended", {"live": live_id} | data)
            self._outlet.close_live(live_id)
            self._spawn(self._forget(live_id))
        return None

    async def _ask_and_give(self, live_id: str, room: _Room, line: dict[str, Any]) -> None:
        changes = self._people_changes
        hidden = await self._relations.blocked_either_way(line["account"])
        if len(room.hidden) > HIDDEN_LIMIT:
            room.hidden.clear()
        if changes == self._people_changes:
            room.hidden[line["account"]] = (hidden, self._clock.now())
        self._give(live_id, room, line, hidden)

    def _give(self, live_id: str, room: _Room, line: dict[str, Any], hidden: frozenset[str]) -> None:
        numbered = room.ring.add(line)
        author = numbered["account"]
        shown = {key: value for key, value in numbered.items() if key != "account"}
        self._outlet.to_live(live_id, "live:message", shown, hidden_from=hidden, author=author)

    def _on_people_changed(self, delivery: Delivery) -> None:
        self._people_changes += 1
        changed = delivery.data.decode().split()
        for room in self._rooms.values():
            for account_id in changed:
                room.hidden.pop(account_id, None)

    def _count(self, live_id: str, room: _Room) -> int:
        now = self._clock.now()
        room.others = {node: one for node, one in room.others.items() if now - one[1] < 3 * COUNT_EVERY_S}
        return self._here(live_id, room) + sum(count for count, _ in room.others.values())

    def _here(self, live_id: str, room: _Room) -> int:
        return self._outlet.live_size(live_id, room.host_id)

    def _tell_soon(self, live_id: str, room: _Room) -> None:
        if room.due is None:
            room.due = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell, live_id, room)

    def _tell(self, live_id: str, room: _Room) -> None:
        room.due = None
        count = self._count(live_id, room)
        if count != room.told:
            room.told = count
            self._outlet.to_live(live_id, "live:viewers", {"live": live_id, "viewers": count})
        reactions = room.ring.take_reactions()
        if reactions:
            self._outlet.to_live(live_id, "live:reactions", {"live": live_id, "reactions": reactions})
        if self._shared:
            here = self._here(live_id, room)
            self._spawn(self._bus.publish(TOPIC + live_id, orjson.dumps(["count", self._node, here])))
            if here:
                room.due = asyncio.get_running_loop().call_later(COUNT_EVERY_S, self._tell, live_id, room)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a live room failed", exc_info=task.exception())
