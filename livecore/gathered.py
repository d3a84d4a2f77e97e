"""One question to the store for all who ask it in a storm, as thousands do who reconnect at once.

The first question goes at once; what is asked within the window after it waits for the window's end and goes together. So nobody
who comes alone waits, and a storm costs a question each window.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

# Keys in one question: it holds the event loop for some milliseconds.
GATHER_LIMIT = 200
# Long enough for some tens of a storm's connections, and not felt by one of them.
GATHER_WINDOW_S = 0.02


class Gathered(Generic[K, V]):
    """`load(keys)` answers for those that it finds. What it raises, everybody who asked with it gets.

    Nobody joins a question that is under way: what it reads may be older than the asking.
    """

    def __init__(self, load: Callable[[list[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._load = load
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._asked_at = float("-inf")  # loop time of the last question
        self._due: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, key: K) -> V | None:
        """None where nothing was found."""
        answer = self._waiting.get(key)
        if answer is None:
            loop = asyncio.get_running_loop()
            answer = self._waiting[key] = loop.create_future()
            open_until = self._asked_at + GATHER_WINDOW_S
            if len(self._waiting) >= GATHER_LIMIT or loop.time() >= open_until:
                self._ask()
            elif self._due is None:
                self._due = loop.call_at(open_until, self._ask)
        # Shielded: one who gives up does not take the answer from the others.
        return await asyncio.shield(answer)

    def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        waiting, self._waiting = self._waiting, {}
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._asked_at = loop.time()
        task = loop.create_task(self._answer(waiting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, waiting: dict[K, "asyncio.Future[V | None]"]) -> None:
        try:
            found = await self._load(list(waiting))
        except BaseException as exc:
            for answer in waiting.values():
                if not answer.done():
                    answer.set_exception(exc if isinstance(exc, Exception) else asyncio.CancelledError())
                    answer.exception()  # whoever asked may be gone
            if not isinstance(exc, Exception):
                raise
            return
        for key, answer in waiting.items():
            if not answer.done():
                answer.set_result(found.get(key))
