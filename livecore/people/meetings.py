"""Meeting somebody new: a queue of those who wait, the matcher's pairs carried out, and the meeting's end."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy import or_, select, update

from livecore import errors
from livecore.ids import new_id
from livecore.people import tables
from livecore.people.matcher import MODES, WINDOW, Mode, Seeker, next_change_ms, pairs
from livecore.people.relations import RelationStore
from livecore.ports import Clock, Database, Directory, MatchQueue, Neighbours, Principal, Traits, Waiting

log = structlog.get_logger("people")

# Whom one met within this time is a recent partner.
RECENT_MS = 2 * 3600 * 1000
RECENT_LIMIT = 50
# How often a process with somebody waiting looks again where another process may have put somebody into the queue.
LOOK_EVERY_S = 1.0
# Another process tells of a pair within milliseconds of taking both out of the queue.
LOST_MS = 3000
# Pairs refused in one round (a block, a review) before the round is left to the next look.
REFUSALS_LIMIT = 200


@dataclass(frozen=True)
class _Held:
    """Somebody of this process who waits: in which socket, with what ticket."""

    sid: str
    waiting: Waiting


class Meetings:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        queue: MatchQueue,
        relations: RelationStore,
        directory: Directory,
        traits: Traits,
        neighbours: Neighbours,
        *,
        shared: bool,
    ) -> None:
        self._db = db
        self._clock = clock
        self._queue = queue
        self._relations = relations
        self._directory = directory
        self._traits = traits
        self._neighbours = neighbours
        self._shared = shared
        self._held: dict[str, _Held] = {}
        self._unknown_since: dict[str, int] = {}  # tickets of this process that the queue does not know
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="meetings")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for account_id, held in list(self._held.items()):
            with contextlib.suppress(errors.Unavailable):
                await self._queue.leave(account_id, held.waiting.ticket)

    # -- who waits

    async def enter(self, me: Principal, sid: str, mode: Mode, interests: Sequence[str] | None, languages: Sequence[str] | None) -> None:
        """Wait for somebody; a meeting that is on ends ("next"). What is not given is taken from the profile, but of who limits the use of
        their data.

        Raises Forbidden (`meeting_closed`), Unavailable (`queue_full`).
        """
        account_id = me.account_id
        await self.end_of(account_id, "next")
        reviews = self._neighbours.reviews
        if reviews is not None and await reviews.under_review([account_id]):
            # Why is not told: it would tell them that, and when, they were reported.
            raise errors.Forbidden("Meeting new people is not open to you at the moment.", type="meeting_closed")
        own = (await self._traits.of([account_id]))[account_id]
        if await self._directory.setting(account_id, "restrict"):
            own = replace(own, interests=(), languages=())
        waiting = Waiting(
            account_id=account_id,
            ticket=new_id(),
            mode=mode,
            since_ms=self._clock.at_ms(),
            interests=tuple(own.interests if interests is None else interests),
            languages=tuple(own.languages if languages is None else languages),
            recent=tuple(await self._recent(account_id)),
        )
        await self._queue.enter(waiting, self._clock.at_ms())
        self._held[account_id] = _Held(sid, waiting)
        self._wake.set()

    async def leave(self, account_id: str, reason: str = "left") -> None:
        """Out of the queue, and out of a meeting that is on."""
        await self._step_out(account_id)
        await self.end_of(account_id, reason)

    async def gone(self, sid: str, account_id: str) -> None:
        """The socket that waits is closed."""
        held = self._held.get(account_id)
        if held is not None and held.sid == sid:
            with contextlib.suppress(errors.Unavailable):
                await self._step_out(account_id)

    async def _step_out(self, account_id: str) -> None:
        held = self._held.pop(account_id, None)
        # Without a ticket of this process's own the entry of another process goes: the same person on another node.
        await self._queue.leave(account_id, held.waiting.ticket if held is not None else None)

    async def _recent(self, account_id: str) -> list[str]:
        meeting = tables.meeting.c
        mine = or_(meeting.one_id == account_id, meeting.other_id == account_id)
        query = select(meeting.one_id, meeting.other_id).where(mine, meeting.met_ms > self._clock.at_ms() - RECENT_MS)
        async with self._db.read() as conn:
            rows = (await conn.execute(query.order_by(meeting.met_ms.desc()).limit(RECENT_LIMIT))).all()
        return list(dict.fromkeys(row.other_id if row.one_id == account_id else row.one_id for row in rows))

    # -- pairing

    async def _run(self) -> None:
        while True:
            wait_s = await self._turn()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)
            self._wake.clear()

    async def _turn(self) -> float | None:
        """Pair whom one can; answers after how many seconds to look again, None = when somebody comes."""
        if not self._held:
            return None
        soonest: float | None = LOOK_EVERY_S if self._shared else None
        try:
            await self._beat(self._clock.at_ms())
            for mode in MODES:
                left = await self._round(mode)
                change_ms = next_change_ms(left, self._clock.at_ms())
                if change_ms is not None:
                    due_s = max(0.02, (change_ms - self._clock.at_ms()) / 1000)
                    soonest = due_s if soonest is None else min(soonest, due_s)
        except errors.Unavailable:
            log.warning("the queue of those who wait is away")
            return LOOK_EVERY_S
        return soonest

    async def _beat(self, now_ms: int) -> None:
        """Say who waits here. Whom the queue does not know for a while, and of whom no pairing was told, it has lost (a process that stood
        still, a Redis that began anew): they wait again, at their old place."""
        unknown = await self._queue.beat([held.waiting for held in self._held.values()], now_ms)
        tickets = [held.waiting.ticket for account_id in unknown if (held := self._held.get(account_id)) is not None]
        self._unknown_since = {ticket: self._unknown_since.get(ticket, now_ms) for ticket in tickets}
        for held in list(self._held.values()):
            if now_ms - self._unknown_since.get(held.waiting.ticket, now_ms) >= LOST_MS:
                await self._queue.enter(held.waiting, now_ms)

    async def _round(self, mode: Mode) -> list[Seeker]:
        """Pair in one mode until nobody is left who fits; answers who still waits."""
        refused: set[frozenset[str]] = set()
        while True:
            seekers = [_seeker(waiting) for waiting in await self._queue.waiting(mode, WINDOW, self._clock.at_ms())]
            found = pairs(seekers, self._clock.at_ms(), refused)
            if not found or len(refused) > REFUSALS_LIMIT:
                return seekers
            for one, other in found:
                if not await self._may_meet(one.account_id, other.account_id):
                    refused.add(frozenset((one.account_id, other.account_id)))
                elif await self._queue.claim(mode, (one.account_id, one.ticket), (other.account_id, other.ticket)):
                    self._forget(one)
                    self._forget(other)
                    await self._meet(mode, one, other)

    def _forget(self, seeker: Seeker) -> None:
        held = self._held.get(seeker.account_id)
        if held is not None and held.waiting.ticket == seeker.ticket:
            del self._held[seeker.account_id]

    async def _may_meet(self, one: str, other: str) -> bool:
        standing = await self._relations.between(one, other)
        # Friends have met.
        if standing.blocked or standing.friends:
            return False
        if not await self._directory.is_active(one) or not await self._directory.is_active(other):
            return False
        if other in await self._neighbours.muted_by(one) or one in await self._neighbours.muted_by(other):
            return False
        reviews = self._neighbours.reviews
        return reviews is None or not (await reviews.under_review([one, other]) or other in await reviews.reported_either_way(one))

    async def _meet(self, mode: Mode, one: Seeker, other: Seeker) -> None:
        try:
            await self._begin(mode, one, other)
        except errors.Problem as problem:
            # Neither is left in the dark: they are told, and may enter again.
            log.warning("a meeting could not begin", problem=problem.type)
            await self._tell(one.account_id, "match:ended", {"meeting": None, "reason": "failed"})
            await self._tell(other.account_id, "match:ended", {"meeting": None, "reason": "failed"})

    async def _begin(self, mode: Mode, one: Seeker, other: Seeker) -> None:
        introductions, lives = self._neighbours.introductions, self._neighbours.private_lives
        if introductions is None or (mode == "video" and lives is None):
            raise errors.Unavailable("Nobody can be introduced here.")
        people = (one.account_id, other.account_id)
        conversation_id, opened = await introductions.introduce(*people)
        live = await lives.meet(*people) if mode == "video" and lives is not None else None
        meeting_id = new_id()
        row = {
            "id": meeting_id,
            "one_id": people[0],
            "other_id": people[1],
            "mode": mode,
            "conversation_id": conversation_id,
            "opened": opened,
            "live_id": live.live_id if live is not None else None,
            "met_ms": self._clock.at_ms(),
        }
        async with self._db.write() as conn:
            await conn.execute(tables.meeting.insert().values(row))
        # A block that came while this was made found no meeting to end.
        if not await self._may_meet(*people):
            await self._end(row, "left", told=())
            return
        for me, peer in (people, people[::-1]):
            # Interests stand beside the status message: a meeting must not tell what the profile would not.
            shows = await self._relations.allows(peer, me, await self._directory.setting(peer, "visibility_status"))
            common = sorted(one.interests & other.interests) if shows else []
            card = (await self._directory.cards(me, [peer])).get(peer)
            if card is None:
                await self._end(row, "left", told=people)
                return
            found: dict[str, Any] = {
                "meeting": meeting_id,
                "mode": mode,
                "peer": {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar, "interests": common},
                "conversation": conversation_id,
            }
            if live is not None:
                found["live"] = dict(live.for_account[me])
            await self._tell(me, "match:found", found)

    # -- the end

    async def end_of(self, account_id: str, reason: str) -> None:
        """End the meetings that this person is in; the other is told."""
        meeting = tables.meeting.c
        mine = or_(meeting.one_id == account_id, meeting.other_id == account_id)
        for row in await self._open(mine):
            await self._end(row, reason, told=[row["one_id"], row["other_id"]])

    async def separate(self, one: str, other: str) -> None:
        """A block or a report between two people: they are not together any more."""
        meeting = tables.meeting.c
        both = (meeting.one_id == one) & (meeting.other_id == other) | (meeting.one_id == other) & (meeting.other_id == one)
        for row in await self._open(both):
            await self._end(row, "left", told=[one, other])

    async def departed(self, live_id: str) -> None:
        """Somebody is gone from a meeting's live for longer than it may take to come back."""
        for row in await self._open(tables.meeting.c.live_id == live_id):
            await self._end(row, "left", told=[row["one_id"], row["other_id"]])

    async def erase(self, account_id: str) -> None:
        """Keeps the promise of `ports.Eraser`."""
        await self.leave(account_id)

    async def _open(self, condition: Any) -> list[Mapping[str, Any]]:
        query = select(tables.meeting).where(condition, tables.meeting.c.ended_ms.is_(None))
        async with self._db.read() as conn:
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def _end(self, row: Mapping[str, Any], reason: str, *, told: Sequence[str]) -> None:
        meeting = tables.meeting.c
        statement = update(tables.meeting).where(meeting.id == row["id"], meeting.ended_ms.is_(None))
        async with self._db.write() as conn:
            if not (await conn.execute(statement.values(ended_ms=self._clock.at_ms()))).rowcount:
                return
        if row["live_id"] is not None and self._neighbours.private_lives is not None:
            await self._neighbours.private_lives.end(row["live_id"], "meeting_over")
        one, other = row["one_id"], row["other_id"]
        # Who became friends goes on talking; for strangers the conversation is shut again, as their settings say.
        if row["opened"] and self._neighbours.introductions is not None and not (await self._relations.between(one, other)).friends:
            await self._neighbours.introductions.part(row["conversation_id"])
        for account_id in told:
            await self._tell(account_id, "match:ended", {"meeting": row["id"], "reason": reason})

    async def _tell(self, account_id: str, event: str, data: Mapping[str, Any]) -> None:
        if self._neighbours.signals is not None:
            await self._neighbours.signals.to_account(account_id, event, data)


def _seeker(waiting: Waiting) -> Seeker:
    return Seeker(
        waiting.account_id,
        waiting.ticket,
        "video" if waiting.mode == "video" else "chat",
        waiting.since_ms,
        frozenset(waiting.interests),
        frozenset(waiting.languages),
        frozenset(waiting.recent),
    )
