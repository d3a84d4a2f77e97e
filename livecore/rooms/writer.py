"""The gathering writer: one transaction takes everything that arrived during the last one, and a lone message leaves at once.

    submit → line → seal → one transaction → answers and the hub → (bodies gone?) keys destroyed

Sealing, committing and the retiring of keys follow each other in one task, so in this process no body is sealed under
a key that is being destroyed; against other processes the transaction checks that the scope is still the current one.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from livecore import errors
from livecore.ids import new_id
from livecore.ports import Clock, Keys
from livecore.rooms.items import Batch, Committed, Draft, Item, Mark, Sent, Waiting
from livecore.rooms.scopes import Scopes
from livecore.rooms.store import Store

log = structlog.get_logger("rooms")

# In one transaction: enough to spread an fsync over many, few enough that the first one's wait stays in milliseconds.
BATCH_LIMIT = 1000
# In line: two seconds of work at the rate that the store reaches. More is refused with `unavailable`.
LINE_LIMIT = 20_000
# A key outlives its last body by at most this (and one transaction): short enough to keep the promise, long enough that
# a busy conversation does not make a key for each message.
RETIRE_AFTER_S = 0.25
# A batch is sealed anew when another process changed a scope meanwhile; more turns than this mean that something is wrong.
TURNS_LIMIT = 8
# After this many failed tries to destroy keys the rest waits for the next start, which looks for keys without bodies.
RETIRE_RETRY_S = 2.0


class MembersChanged(Exception):
    """The conversation's members changed since the rules were checked: check them again."""


def context_of(conversation_id: str, message_id: str) -> str:
    """What a sealed body is bound to."""
    return f"message:{conversation_id}:{message_id}"


class Writer:
    """`on_items` gets each batch's new items in their order, in the commit's own task; `on_deleted` is told that bodies went.

    `on_known(conversation, seq)`: sent before and asked for again; `on_doubt`: drafts of which it is not known whether they were committed.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        clock: Clock,
        on_items: Callable[[list[Item]], None],
        on_deleted: Callable[[], Awaitable[None]],
        on_known: Callable[[str, int], None] | None = None,
        on_doubt: Callable[[list[Draft]], None] | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._on_items = on_items
        self._on_deleted = on_deleted
        self._on_known = on_known
        self._on_doubt = on_doubt
        self._line: deque[Waiting] = deque()
        self._bell = asyncio.Event()
        self._scopes = Scopes()
        self._emptied: dict[str, str] = {}
        self._retire_due: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="rooms-writer")

    async def close(self) -> None:
        """Writes what is in line, destroys what is due, then ends."""
        self._closing = True
        self._bell.set()
        if self._task is not None:
            await self._task
            self._task = None

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def send(self, draft: Draft) -> Sent:
        """Raises MembersChanged, NotFound (the conversation is gone) or Unavailable."""
        answer: Sent = await self._submit(draft)
        return answer

    async def mark(self, mark: Mark) -> int | None:
        """The member's high-water mark afterwards, None for who is no member. Raises Unavailable."""
        reached: int | None = await self._submit(mark)
        return reached

    def retire(self, scopes: dict[str, str]) -> None:
        """Bodies under these keys were deleted elsewhere (expiry, erasure): destroy the keys if nothing is left under them."""
        if scopes:
            self._emptied |= scopes
            self._bell.set()

    async def _submit(self, what: Draft | Mark) -> Any:
        if self._closing or len(self._line) >= LINE_LIMIT:
            raise errors.Unavailable("Too many messages wait to be written.")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._line.append(Waiting(what, answer))
        self._bell.set()
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._line:
                if self._closing:
                    await self._retire()
                    return
                await self._pause(loop.time())
            if self._line:
                waiting = [self._line.popleft() for _ in range(min(len(self._line), BATCH_LIMIT))]
                await self._write(waiting)
                # Who was answered may have more to say: together with what waits already, not in turns with it.
                await asyncio.sleep(0)
            if self._emptied and self._retire_due is None:
                self._retire_due = loop.time() + RETIRE_AFTER_S
            if self._retire_due is not None and loop.time() >= self._retire_due:
                await self._retire()

    async def _pause(self, now: float) -> None:
        self._bell.clear()
        if self._line or self._closing:
            return
        if self._retire_due is None:
            await self._bell.wait()
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), max(0.0, self._retire_due - now))

    async def _write(self, waiting: list[Waiting]) -> None:
        for _ in range(TURNS_LIMIT):
            batch = Batch([one.what for one in waiting if isinstance(one.what, Draft)])
            batch.marks = [one.what for one in waiting if isinstance(one.what, Mark)]
            try:
                await self._seal(batch.drafts)
                done = await self._store.commit(batch, self._clock.at_ms())
            except errors.Unavailable as problem:
                self._fail(waiting, problem)
                return
            except Exception as exc:
                # A fault of ours must neither end the writer nor leave somebody waiting.
                log.exception("a batch of messages could not be written")
                self._fail(waiting, exc)
                return
            waiting = self._settle(waiting, batch, done)
            if not waiting:
                return
        self._fail(waiting, errors.Unavailable("The conversation is too busy."))

    async def _seal(self, drafts: list[Draft]) -> None:
        at_ms = self._clock.at_ms()
        fresh: list[str] = []
        for draft in drafts:
            scope = self._scopes.take(draft.conversation_id, at_ms, new_id())
            if draft.scope != scope.name:
                draft.scope, draft.sealed = scope.name, b""
            draft.fresh = not scope.stored
            if draft.fresh:
                fresh.append(scope.name)
        if fresh:
            await self._keys.prepare(fresh)
        for draft in drafts:
            if not draft.sealed:
                draft.sealed = await self._keys.seal(draft.scope, draft.content, context_of(draft.conversation_id, draft.id))

    def _settle(self, waiting: list[Waiting], batch: Batch, done: Committed) -> list[Waiting]:
        """Answers those that are through; those to be tried under another key come back."""
        again: list[Waiting] = []
        items = [item for _, item in done.new]
        for item in items:
            self._scopes.adopt(item.conversation_id, done.heads[item.conversation_id].scope)
        if items:
            self._on_items(items)
        self._emptied |= done.emptied
        outcomes, reached = iter(done.outcomes), iter(done.reached)
        for one in waiting:
            if isinstance(one.what, Mark):
                _answer(one, next(reached))
                continue
            outcome = next(outcomes)
            if outcome == "scope":
                # The key that this was sealed under may be orphaned: made again by the sealing after it was destroyed.
                self._emptied[one.what.scope] = one.what.conversation_id
                self._scopes.adopt(one.what.conversation_id, done.heads[one.what.conversation_id].scope)
                again.append(one)
            elif outcome == "version":
                _refuse(one, MembersChanged())
            elif outcome is None:
                _refuse(one, errors.NotFound("There is no such conversation."))
            else:
                if outcome.id != one.what.id and self._on_known is not None:
                    # Perhaps nobody was told of it: the first answer was lost, or the process that gave it.
                    self._on_known(outcome.conversation_id, outcome.seq)
                _answer(one, outcome)
        return again

    def _fail(self, waiting: list[Waiting], problem: Exception) -> None:
        """Whether it was committed is not known, so the scopes it named are not used again; a client asks again by its id."""
        for one in waiting:
            if isinstance(one.what, Draft):
                self._scopes.drop(one.what.conversation_id)
                if one.what.scope:
                    self._emptied[one.what.scope] = one.what.conversation_id
            _refuse(one, problem)
        drafts = [one.what for one in waiting if isinstance(one.what, Draft)]
        if drafts and self._on_doubt is not None:
            self._on_doubt(drafts)

    async def _retire(self) -> None:
        self._retire_due = None
        emptied, self._emptied = self._emptied, {}
        if not emptied:
            return
        try:
            gone = await self._store.retire(emptied)
            for scope in gone:
                self._scopes.drop(emptied[scope], scope)
            if gone:
                await self._keys.destroy(gone)
                await self._store.forget(gone)
            await self._on_deleted()
        except errors.Unavailable:
            self._emptied = emptied | self._emptied
            if not self._closing:
                self._retire_due = asyncio.get_running_loop().time() + RETIRE_RETRY_S
        except Exception:
            log.exception("keys of delivered messages could not be destroyed; the next start tries again")


def _answer(one: Waiting, result: Any) -> None:
    if not one.answer.done():
        one.answer.set_result(result)


def _refuse(one: Waiting, problem: Exception) -> None:
    if not one.answer.done():
        one.answer.set_exception(problem)
