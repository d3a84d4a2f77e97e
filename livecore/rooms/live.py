"""Live rooms: lines that are never stored, viewers and reactions told at most twice a second. Keeps `ports.LiveRooms`.

Each process has the sockets that it has; lines go through the bus to all of them, counts are told by each process and
summed by each, and age out, so that a process that dies takes its viewers with it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import structlog

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Bus, Clock, Delivery, Limiter, LiveFacts, LiveGate, LiveModeration, Principal, Relations
from livecore.rooms.elsewhere import Elsewhere
from livecore.rooms.ring import REACTIONS_LIMIT, Line, Ring

log = structlog.get_logger("rooms")

TOPIC = "rooms.live."
# At most twice a second: the promise to clients.
TELL_EVERY_S = 0.5
# Taps of this process are passed on to the others at most this often: half a turn of telling.
GATHER_S = 0.25
# What a room has here is told to its other processes anew this often.
COUNT_EVERY_S = 5.0
# Whom a speaker's lines are kept from is asked anew after this, should the bell of a block be lost.
HIDDEN_AGE_S = 1.0
HIDDEN_LIMIT = 10_000
# Other processes answer who of somebody's friends they have in a room within this, or not at all.
WHO_PATIENCE_S = 0.3
# What people's service rings when a block comes or goes: account ids with spaces between them.
PEOPLE_TOPIC = "people.changed"


class LiveOutlet(Protocol):
    """Sockets in live rooms of this process; kept by signaling."""

    def to_live(
        self,
        live_id: str,
        event: str,
        data: Mapping[str, Any] | bytes,
        *,
        hidden_from: frozenset[str] = frozenset(),
        author: str | None = None,
    ) -> None:
        """`data` as bytes: JSON that was made elsewhere."""

    def live_size(self, live_id: str, without: str | None = None) -> int:
        """How many accounts are in the room, in this process."""

    def is_awaited(self, live_id: str) -> bool:
        """Whether somebody who was cut off may come back to the room."""

    def in_live(self, live_id: str, accounts: Iterable[str]) -> list[str]:
        """Which of these accounts are in the room, in this process."""

    def close_live(self, live_id: str) -> None: ...


@dataclass
class _Room:
    ring: Ring
    end: Callable[[], Awaitable[None]]  # ends the subscription
    host_id: str | None = None  # no viewer of it; None until somebody was admitted here
    pinned: Mapping[str, Any] | None = None  # a line, with its account
    pinned_ms: int = 0  # when it was pinned or taken off; of two, the later one stands
    told: int | None = None  # the count that clients were last told
    peak: int = 0  # the highest count that this process knew of
    kept_peak: int = 0  # as it was last given to `LiveGate.peaked`
    due: asyncio.TimerHandle | None = None  # the next telling
    tapped: Counter[str] = field(default_factory=Counter)  # reactions of this process that others were not yet told of
    taps_due: asyncio.TimerHandle | None = None
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
        self._rooms: dict[str, _Room] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[str, set[str]] = {}  # questions of this process for who is where, by number
        self._people_changes = 0  # how many were heard of: what was asked before one of them is not kept
        self._elsewhere = Elsewhere(bus, clock, self._all_here)
        self._node = self._elsewhere.node
        self._end_people: Callable[[], Awaitable[None]] | None = None
        # Set by the composition once lives are there.
        self.gate: LiveGate | None = None
        self.moderation: LiveModeration | None = None

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
            "pinned": _shown(room.pinned) if room.pinned is not None and room.pinned["account"] not in hidden else None,
            "role": await self._role(principal.account_id, facts),
            "slow_mode": facts.slow_mode_s,
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
        self._count(live_id, room)
        self._tell_soon(live_id, room)
        alone = not self._outlet.live_size(live_id) and not self._elsewhere.viewers(live_id)
        if alone and not room.ring.seq and not self._outlet.is_awaited(live_id):
            self._spawn(self._forget(live_id))

    async def say(self, principal: Principal, live_id: str, body: str, client_id: str | None) -> dict[str, Any]:
        await self._limiter.hit("live_line_per_account", principal.account_id)
        facts = await self._gate().may_say(principal.account_id, live_id)
        room = await self._room(live_id)
        if principal.account_id != facts.host_id:
            wait_s = room.ring.wait_s(principal.account_id, facts.slow_mode_s, self._clock.now())
            if wait_s > 0 and await self._role(principal.account_id, facts) == "viewer":
                raise errors.TooMany(wait_s, "Slow mode is on.", type="slow_mode")
        line_id, sent_at = new_id(), self._clock.at_ms()
        line = {"live": live_id, "id": line_id, "client_id": client_id, "sender": principal.username, "body": body, "sent_at": sent_at}
        # Each process numbers its lines: it adds that to the bytes, and reads the first line of the envelope alone.
        head = orjson.dumps(["line", self._node, [line_id, principal.account_id]])
        await self._bus.publish(TOPIC + live_id, head + b"\n" + orjson.dumps(line))
        return {"id": line_id, "sent_at": sent_at}

    async def react(self, principal: Principal, live_id: str, emoji: str, count: int = 1) -> None:
        """Taps (`count` of them, each taken off the rate) are gathered here: however many there are, other processes get one message of them in each turn of telling."""
        await self._limiter.hit("live_reaction_per_account", principal.account_id, cost=count)
        await self._gate().may_join(principal.account_id, live_id)
        room = await self._room(live_id)
        room.ring.react(emoji, count)
        if self._shared:
            if emoji in room.tapped or len(room.tapped) < REACTIONS_LIMIT:
                room.tapped[emoji] += count
            if room.taps_due is None:
                room.taps_due = asyncio.get_running_loop().call_later(GATHER_S, self._pass_taps, live_id, room)
        self._tell_soon(live_id, room)

    def _pass_taps(self, live_id: str, room: _Room) -> None:
        room.taps_due = None
        taps, room.tapped = room.tapped, Counter()
        self._spawn(self._bus.publish(TOPIC + live_id, orjson.dumps(["reactions", self._node, taps])))

    async def pin(self, principal: Principal, live_id: str, line_id: str | None) -> None:
        """Keep a line in sight of all, or (None) no longer. For host and moderators; one that is not remembered any more is NotFound."""
        facts = await self._gate().may_join(principal.account_id, live_id)
        await self._check_moderates(principal.account_id, facts)
        room = await self._room(live_id)
        line = room.ring.find(line_id) if line_id is not None else None
        if line_id is not None and line is None:
            raise errors.NotFound("This line is not remembered any more.")
        pinned = line.shown() | {"account": line.account} if line is not None else None
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["pin", self._node, [pinned, self._clock.at_ms()]]))

    async def remove(self, principal: Principal, live_id: str, line_id: str) -> None:
        """Take a line away for all. For its author, the host and moderators."""
        facts = await self._gate().may_join(principal.account_id, live_id)
        room = await self._room(live_id)
        line = room.ring.find(line_id)
        if line is None or line.account != principal.account_id:
            await self._check_moderates(principal.account_id, facts)
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["gone", self._node, line_id]))

    async def _role(self, account_id: str, facts: LiveFacts) -> str:
        if account_id == facts.host_id:
            return "host"
        moderates = self.moderation is not None and await self.moderation.moderates(account_id, facts.id)
        return "moderator" if moderates else "viewer"

    async def _check_moderates(self, account_id: str, facts: LiveFacts) -> None:
        if await self._role(account_id, facts) == "viewer":
            raise errors.Forbidden("Only the host and moderators may do that.", type="not_a_moderator")

    async def friends(self, principal: Principal, live_id: str) -> list[str]:
        """Account ids of friends who watch, in any process; those of processes that do not answer in time are left out. The host is in
        the room and does not watch."""
        facts = await self._gate().may_join(principal.account_id, live_id)
        asked = [one for one in await self._relations.friends_of(principal.account_id) if one != facts.host_id]
        found = set(self._outlet.in_live(live_id, asked))
        if self._shared and asked:
            await self._room(live_id)
            number = new_id()
            self._answers[number] = found
            try:
                await self._bus.publish(TOPIC + live_id, orjson.dumps(["who", self._node, [number, asked]]))
                await asyncio.sleep(WHO_PATIENCE_S)
            finally:
                del self._answers[number]
        return sorted(found)

    async def tell(self, live_id: str, event: str, data: Mapping[str, Any]) -> None:
        """An event that is no line, to all who are in the room, in every process."""
        self._outlet.to_live(live_id, event, data)
        if self._shared:
            await self._bus.publish(TOPIC + live_id, orjson.dumps(["event", self._node, [event, dict(data)]]))

    async def viewers(self, live_id: str) -> int:
        room = self._rooms.get(live_id)
        return self._count(live_id, room) if room is not None else self._elsewhere.viewers(live_id)

    async def peak(self, live_id: str) -> int:
        room = self._rooms.get(live_id)
        return room.peak if room is not None else 0

    async def end(self, live_id: str, data: Mapping[str, Any]) -> None:
        """Tell the room `live:ended` and forget its lines, in every process."""
        await self._room(live_id)
        await self._bus.publish(TOPIC + live_id, orjson.dumps(["end", self._node, dict(data)]))

    async def start(self) -> None:
        self._end_people = await self._bus.subscribe(PEOPLE_TOPIC, self._on_people_changed)
        if self._shared:
            await self._elsewhere.start()

    async def close(self) -> None:
        await self._elsewhere.close()
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
            if room.taps_due is not None:
                room.taps_due.cancel()
            await self._keep_peak(live_id, room)
            await room.end()

    async def _keep_peak(self, live_id: str, room: _Room) -> None:
        """At most as often as clients are told, and only while it rises."""
        if room.peak > room.kept_peak and self.gate is not None:
            room.kept_peak = room.peak
            await self.gate.peaked(live_id, room.peak)

    def _on_delivery(self, live_id: str, delivery: Delivery) -> Awaitable[None] | None:
        room = self._rooms.get(live_id)
        if room is None:
            return None
        head, _, said = delivery.data.partition(b"\n")
        what, node, data = orjson.loads(head)
        if what == "line":
            line_id, account_id = data
            kept = room.hidden.get(account_id)
            if kept is None or self._clock.now() - kept[1] >= HIDDEN_AGE_S:
                # Awaited by the bus, so that lines leave in their order.
                return self._ask_and_give(live_id, room, line_id, account_id, said)
            self._give(live_id, room, room.ring.add(line_id, account_id, said), kept[0])
        elif what == "reactions":
            if node != self._node:
                for emoji, count in data.items():
                    room.ring.react(emoji, count)
                self._tell_soon(live_id, room)
        elif what == "count":
            if node != self._node:
                here, pinned = data
                self._elsewhere.told(node, live_id, int(here))
                self._count(live_id, room)
                self._tell_soon(live_id, room)
                # How a process whose room opened later learns what is pinned.
                return self._pinned(live_id, room, *pinned)
        elif what == "pin":
            return self._pinned(live_id, room, *data)
        elif what == "gone":
            room.ring.remove(data)
            self._outlet.to_live(live_id, "live:removed", {"live": live_id, "id": data})
            if room.pinned is not None and room.pinned["id"] == data:
                return self._pinned(live_id, room, None, room.pinned_ms + 1)
        elif what == "who":
            number, asked = data
            here = self._outlet.in_live(live_id, asked)
            if here and node != self._node:
                return self._bus.publish(TOPIC + live_id, orjson.dumps(["here", self._node, [number, here]]))
        elif what == "here":
            self._answers.get(data[0], set()).update(data[1])
        elif what == "event":
            if node != self._node:
                self._outlet.to_live(live_id, *data)
        elif what == "end":
            self._elsewhere.forget(live_id)
            self._outlet.to_live(live_id, "live:ended", {"live": live_id} | data)
            self._outlet.close_live(live_id)
            self._spawn(self._forget(live_id))
        return None

    async def _ask_and_give(self, live_id: str, room: _Room, line_id: str, account_id: str, said: bytes) -> None:
        changes = self._people_changes
        hidden = await self._relations.blocked_either_way(account_id)
        if len(room.hidden) > HIDDEN_LIMIT:
            room.hidden.clear()
        if changes == self._people_changes:
            room.hidden[account_id] = (hidden, self._clock.now())
        self._give(live_id, room, room.ring.add(line_id, account_id, said), hidden)

    def _give(self, live_id: str, room: _Room, line: Line, hidden: frozenset[str]) -> None:
        self._outlet.to_live(live_id, "live:message", line.data, hidden_from=hidden, author=line.account)

    def _on_people_changed(self, delivery: Delivery) -> None:
        self._people_changes += 1
        changed = delivery.data.decode().split()
        for room in self._rooms.values():
            for account_id in changed:
                room.hidden.pop(account_id, None)

    async def _pinned(self, live_id: str, room: _Room, line: Mapping[str, Any] | None, at_ms: int) -> None:
        if at_ms <= room.pinned_ms:
            return
        room.pinned, room.pinned_ms = line, at_ms
        hidden = await self._relations.blocked_either_way(str(line["account"])) if line is not None else frozenset[str]()
        self._outlet.to_live(live_id, "live:pinned", {"live": live_id, "line": _shown(line)}, hidden_from=hidden)

    def _count(self, live_id: str, room: _Room) -> int:
        count = self._here(live_id, room) + self._elsewhere.viewers(live_id)
        room.peak = max(room.peak, count)
        return count

    def _here(self, live_id: str, room: _Room) -> int:
        return self._outlet.live_size(live_id, room.host_id)

    def _all_here(self) -> dict[str, int]:
        return {live_id: here for live_id, room in self._rooms.items() if (here := self._here(live_id, room))}

    def _tell_soon(self, live_id: str, room: _Room) -> None:
        if room.due is None:
            room.due = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell, live_id, room)

    def _tell(self, live_id: str, room: _Room) -> None:
        room.due = None
        count = self._count(live_id, room)
        if count != room.told:
            room.told = count
            self._outlet.to_live(live_id, "live:viewers", {"live": live_id, "viewers": count})
        self._spawn(self._keep_peak(live_id, room))
        reactions = room.ring.take_reactions()
        if reactions:
            self._outlet.to_live(live_id, "live:reactions", {"live": live_id, "reactions": reactions})
        if self._shared:
            here = self._here(live_id, room)
            self._spawn(self._bus.publish(TOPIC + live_id, orjson.dumps(["count", self._node, [here, [room.pinned, room.pinned_ms]]])))
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


def _shown(line: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without the account, which is not for clients."""
    return None if line is None else {key: value for key, value in line.items() if key != "account"}
