"""Calls: begun, rung, answered, ended. One person is in one call at a time.

The row is the truth: each step is one conditional update, so that of two devices that answer at once one does, and a call ends once
however many see it end.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.calls import rules, tables
from livecore.calls.rules import Facts
from livecore.ids import new_id
from livecore.ports import (
    CallBegun,
    Clock,
    Database,
    Directory,
    Job,
    Jobs,
    Limiter,
    Neighbours,
    Notifier,
    Principal,
    PrivateLives,
    Relations,
    Signals,
    Waker,
)

log = structlog.get_logger("calls")

SWEEP_JOB = "calls.sweep"
SWEEP_EVERY_S = 15.0


class Calls:
    """Keeps `ports.CallExchange` and `ports.Eraser`. `ring_s`: how long a call rings before it counts as missed."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        limiter: Limiter,
        relations: Relations,
        directory: Directory,
        signals: Signals,
        notifier: Notifier,
        neighbours: Neighbours,
        waker: Waker,
        ring_s: float,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._limiter = limiter
        self._relations = relations
        self._directory = directory
        self._signals = signals
        self._notifier = notifier
        self._neighbours = neighbours
        self._waker = waker
        self._ring_ms = int(ring_s * 1000)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._jobs.handle(SWEEP_JOB, self._sweep)
        await self._jobs.every(SWEEP_JOB, SWEEP_EVERY_S)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- what people do

    async def begin(self, me: Principal, username: str, video: bool) -> CallBegun:
        """Ring somebody. Where they are ringing me this answers their call.

        Raises NotFound, Forbidden (`not_accepting_calls`), Conflict (`self`, `in_call`), TooMany.
        """
        other = await self._directory.by_username(username)
        if other is None:
            raise errors.NotFound("There is nobody of that name.")
        if other == me.account_id:
            raise errors.Conflict("That is yourself.", type="self")
        await self._limiter.hit("call_per_account", me.account_id)
        await self._limiter.hit("call_per_pair", f"{me.account_id}:{other}")
        relation = await self._relations.between(me.account_id, other)
        if relation.i_block:
            raise errors.NotFound("There is nobody of that name.")
        if not relation.blocks_me and not await self._relations.allows(
            other, me.account_id, await self._directory.setting(other, "who_can_call")
        ):
            raise errors.Forbidden("They do not take calls from you.", type="not_accepting_calls")
        call_id, now_ms = new_id(), self._clock.at_ms()
        async with self._db.write() as conn:
            mine = await self._open(conn, me.account_id)
            crossing = next((one for one in mine if one.caller_id == other and one.state == "ringing" and not one.silent), None)
            if crossing is None and any(one.state == "active" or one.caller_id == me.account_id for one in mine):
                raise errors.Conflict("You are in a call.", type="in_call")
            if crossing is None:
                # Who is in a call, or being rung, is not rung by another.
                busy = not relation.blocks_me and bool(await self._open(conn, other))
                row = {
                    "id": call_id,
                    "caller_id": me.account_id,
                    "callee_id": other,
                    "video": video,
                    "state": "ended" if busy else "ringing",
                    "silent": relation.blocks_me,
                    "began_ms": now_ms,
                    "ended_ms": now_ms if busy else None,
                    "reason": "busy" if busy else None,
                }
                await conn.execute(tables.voice_call.insert().values(row))
        if crossing is not None:
            return CallBegun(crossing.id, await self.accept(me, crossing.id))
        if busy:
            await self._tell(me.account_id, "call:ended", {"call": call_id, "reason": "busy"})
            await self._tell_missed(call_id, me.account_id, other, video)
            return CallBegun(call_id, None)
        if not relation.blocks_me:
            card = (await self._directory.cards(other, [me.account_id])).get(me.account_id)
            peer = {"id": me.account_id, "username": me.username, "name": card and card.name, "avatar": card and card.avatar}
            await self._tell(other, "call:ringing", {"call": call_id, "from": peer, "video": video, "until": now_ms + self._ring_ms})
            self._spawn(self._waker.wake(other))
        self._spawn(self._miss_later(call_id))
        return CallBegun(call_id, None)

    async def accept(self, me: Principal, call_id: str) -> Mapping[str, str]:
        """Answer; what the one who answers publishes to and watches. The caller is told the same by `call:accepted`.

        Raises NotFound, Conflict (`call_answered`, `call_over`, `in_call`).
        """
        facts = await self._facts(call_id)
        rules.check_accept(facts, me.account_id)
        call = tables.voice_call
        async with self._db.write() as conn:
            if any(
                one.id != call_id and (one.state == "active" or one.caller_id == me.account_id)
                for one in await self._open(conn, me.account_id)
            ):
                raise errors.Conflict("You are in a call.", type="in_call")
            taken = update(call).where(call.c.id == call_id, call.c.state == "ringing")
            if not (await conn.execute(taken.values(state="active", answered_ms=self._clock.at_ms()))).rowcount:
                raise errors.Conflict("That call was answered or is over.", type="call_answered")
        try:
            live = await self._lives().meet(facts.caller_id, facts.callee_id)
        except errors.Problem:
            await self._end(facts, "lost")
            raise
        async with self._db.write() as conn:
            kept = update(call).where(call.c.id == call_id, call.c.state == "active").values(live_id=live.live_id)
            over = not (await conn.execute(kept)).rowcount
        if over:
            # The caller hung up while the live was made.
            await self._lives().end(live.live_id, "call_over")
            raise errors.Conflict("That call is over.", type="call_over")
        await self._tell(facts.caller_id, "call:accepted", {"call": call_id, "live": dict(live.for_account[facts.caller_id])})
        # Its other devices stop ringing.
        await self._tell(facts.callee_id, "call:answered", {"call": call_id})
        return live.for_account[me.account_id]

    async def end(self, me: Principal, call_id: str) -> None:
        """Hang up, decline or cancel; ending twice changes nothing."""
        facts = await self._facts(call_id)
        await self._end(facts, rules.reason_of_end(facts, me.account_id))

    async def page(self, me: Principal, before: str | None, limit: int) -> Sequence[Any]:
        """Calls of mine, the newest first, below `before`. A call that rang nowhere is the caller's alone."""
        call = tables.voice_call.c
        mine = or_(call.caller_id == me.account_id, (call.callee_id == me.account_id) & call.silent.is_(False))
        query = select(tables.voice_call).where(mine, call.state == "ended")
        hidden = await self._relations.blocked_either_way(me.account_id)
        if hidden:
            query = query.where(call.caller_id.not_in(hidden), call.callee_id.not_in(hidden))
        if before is not None:
            query = query.where(call.id < before)
        async with self._db.read() as conn:
            return (await conn.execute(query.order_by(call.id.desc()).limit(limit))).all()

    async def ringing(self, me: Principal) -> Sequence[Any]:
        """Calls that ring me now: for a device that was just woken."""
        call = tables.voice_call.c
        query = select(tables.voice_call).where(call.callee_id == me.account_id, call.state == "ringing", call.silent.is_(False))
        async with self._db.read() as conn:
            return (await conn.execute(query)).all()

    # -- what happens to them

    async def departed(self, live_id: str) -> None:
        """One of the two is gone from a call's live for longer than it may take to come back, or the live was ended."""
        call = tables.voice_call.c
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.voice_call).where(call.live_id == live_id, call.state == "active"))).first()
        if row is not None:
            await self._end(_facts(row), "lost")

    async def separate(self, one: str, other: str) -> None:
        """A block between two people: they are in no call any more."""
        async with self._db.read() as conn:
            open_now = await self._open(conn, one)
        for facts in open_now:
            if facts.other(one) == other:
                await self._end(facts, "left")

    async def erase(self, account_id: str) -> None:
        """Idempotent."""
        async with self._db.read() as conn:
            open_now = await self._open(conn, account_id)
        for facts in open_now:
            await self._end(facts, "left")
        call = tables.voice_call.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.voice_call).where(or_(call.caller_id == account_id, call.callee_id == account_id)))

    async def _end(self, facts: Facts, reason: rules.Reason) -> None:
        call = tables.voice_call
        statement = update(call).where(call.c.id == facts.id, call.c.state != "ended")
        async with self._db.write() as conn:
            values = {"state": "ended", "ended_ms": self._clock.at_ms(), "reason": reason}
            row = (await conn.execute(statement.values(values).returning(call.c.live_id, call.c.video, call.c.answered_ms))).first()
        if row is None:
            return
        if row.live_id is not None:
            await self._lives().end(row.live_id, "call_over")
        await self._tell(facts.caller_id, "call:ended", {"call": facts.id, "reason": reason})
        if not facts.silent:
            await self._tell(facts.callee_id, "call:ended", {"call": facts.id, "reason": reason})
            if row.answered_ms is None and reason in ("missed", "cancelled"):
                await self._tell_missed(facts.id, facts.caller_id, facts.callee_id, row.video)

    async def _tell_missed(self, call_id: str, caller_id: str, callee_id: str, video: bool) -> None:
        card = (await self._directory.cards(callee_id, [caller_id])).get(caller_id)
        if card is not None:
            async with self._db.write() as conn:
                data = {"call": call_id, "username": card.username, "video": video}
                await self._notifier.notify(conn, callee_id, "call_missed", data, key=f"call:{call_id}")

    async def _miss_later(self, call_id: str) -> None:
        await asyncio.sleep(self._ring_ms / 1000)
        await self._miss([call_id])

    async def _miss(self, call_ids: Sequence[str]) -> None:
        for call_id in call_ids:
            try:
                facts = await self._facts(call_id)
            except errors.NotFound:
                continue
            if facts.state == "ringing":
                await self._end(facts, "missed")

    async def _sweep(self, _job: Job) -> None:
        """Calls that still ring after the process that rang them died."""
        call = tables.voice_call.c
        query = select(call.id).where(call.state == "ringing", call.began_ms < self._clock.at_ms() - self._ring_ms).limit(500)
        async with self._db.read() as conn:
            due = list((await conn.execute(query)).scalars())
        await self._miss(due)

    def _lives(self) -> PrivateLives:
        lives = self._neighbours.private_lives
        if lives is None:
            raise errors.Unavailable("Calls are not carried here.")
        return lives

    async def _facts(self, call_id: str) -> Facts:
        async with self._db.read() as conn:
            row = (await conn.execute(select(tables.voice_call).where(tables.voice_call.c.id == call_id))).first()
        if row is None:
            raise errors.NotFound("There is no such call.")
        return _facts(row)

    async def _open(self, conn: AsyncConnection, account_id: str) -> list[Facts]:
        call = tables.voice_call.c
        mine = or_(call.caller_id == account_id, (call.callee_id == account_id) & call.silent.is_(False))
        return [_facts(row) for row in await conn.execute(select(tables.voice_call).where(mine, call.state != "ended"))]

    async def _tell(self, account_id: str, event: str, data: Mapping[str, Any]) -> None:
        await self._signals.to_account(account_id, event, data)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), errors.Problem):
            log.error("a call's step failed", exc_info=task.exception())


def _facts(row: Any) -> Facts:
    return Facts(row.id, row.caller_id, row.callee_id, row.state, row.silent)
