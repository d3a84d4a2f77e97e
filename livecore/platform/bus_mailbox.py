"""What every bus has in a process: bounded mailboxes with their handlers, and who wants to be told of gaps."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from livecore.platform.metrics import Metrics
from livecore.ports import Delivery

log = structlog.get_logger("bus")

# Some seconds of a hot platform for one handler. A bell may be lost, memory may not: the oldest goes.
MAILBOX_LIMIT = 4096
# Subscribers read the store again after a gap: not more often than this, however many processes tell of the same outage.
GAP_EVERY_S = 1.0

Handler = Callable[[Delivery], Awaitable[None] | None]
GapCallback = Callable[[], Awaitable[None] | None]


class BusMetrics:
    def __init__(self, metrics: Metrics) -> None:
        self.dropped = metrics.counter("bus_dropped", "Deliveries lost because a handler was slow or the server away.", ("reason",))
        self.received = metrics.counter("bus_received", "Deliveries to this process by kind of topic, its own included.", ("kind",))
        self.failed = metrics.counter("bus_handler_failed", "Deliveries whose handler raised.")
        self.gaps = metrics.counter("bus_gaps", "Times after which subscribers were told that deliveries may be lost.")


class Gaps:
    """Who wants to be told that deliveries may have been lost."""

    def __init__(self, metrics: BusMetrics) -> None:
        self._callbacks: dict[object, GapCallback] = {}
        self._metrics = metrics
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._told = float("-inf")  # monotonic seconds of the last call

    def add(self, callback: GapCallback) -> Callable[[], None]:
        mark = object()
        self._callbacks[mark] = callback

        def remove() -> None:
            self._callbacks.pop(mark, None)

        return remove

    def tell(self) -> None:
        """Call the callbacks now, or at the end of the second in which they were called last."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(max(loop.time(), self._told + GAP_EVERY_S), self._tell_now)

    def _tell_now(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        self._told = loop.time()
        self._metrics.gaps.inc()
        for callback in list(self._callbacks.values()):
            task = loop.create_task(self._call(callback))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, callback: GapCallback) -> None:
        try:
            outcome = callback()
            if outcome is not None:
                await outcome
        except Exception:
            log.exception("a gap callback failed")

    async def close(self) -> None:
        self._callbacks.clear()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Mailbox:
    """What one handler has not yet taken, oldest first; runs the handler, one delivery at a time."""

    def __init__(self, handler: Handler, gaps: Gaps, metrics: BusMetrics) -> None:
        self._handler = handler
        self._gaps = gaps
        self._metrics = metrics
        self._waiting: deque[Delivery] = deque()
        self._task: asyncio.Task[None] | None = None  # while a coroutine of the handler runs
        self._scheduled = False  # a call of `_run` is on the loop, or `_task` runs
        self._lost = False  # deliveries were dropped since the mailbox was last empty
        self.closed = False

    def put(self, delivery: Delivery) -> None:
        if self.closed:
            return
        if len(self._waiting) >= MAILBOX_LIMIT:
            self._waiting.popleft()
            self._metrics.dropped.labels("slow_handler").inc()
            self._lost = True
        self._waiting.append(delivery)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Plain handlers run here, without a task; the first coroutine moves the rest into one."""
        while self._waiting:
            outcome = self._call(self._waiting.popleft())
            if outcome is not None:
                self._task = asyncio.get_running_loop().create_task(self._drain(outcome))
                return
        self._emptied()

    async def _drain(self, outcome: Awaitable[None] | None) -> None:
        while True:
            if outcome is not None:
                try:
                    await outcome
                except Exception:
                    self._fault()
            if not self._waiting:
                break
            outcome = self._call(self._waiting.popleft())
        self._task = None
        self._emptied()

    def _call(self, delivery: Delivery) -> Awaitable[None] | None:
        try:
            return self._handler(delivery)
        except Exception:
            self._fault()
            return None

    def _fault(self) -> None:
        self._metrics.failed.inc()
        log.exception("a bus handler failed")

    def _emptied(self) -> None:
        self._scheduled = False
        if self._lost:
            self._lost = False
            self._gaps.tell()

    async def close(self) -> None:
        """No delivery begins after this; one that runs is cancelled, unless it is the caller."""
        self.closed = True
        self._waiting.clear()
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
