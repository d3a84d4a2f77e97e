"""Children that hash passwords, so many at once and so many waiting, never more; nothing that they do keeps the event loop waiting.

A child runs in the kernel's idle class: on a core that both want, the loop has it the moment that it wakes. (A thread of that class could
be left waiting with the interpreter's lock in its hand; a nice one is let finish its slice, which adds some milliseconds.) The idle class
may wait for as long as others compute, so what it has not answered in time one child of ordinary priority does as well: on a
core that never rests sign-ins get slow, and still come to an end.
"""

import asyncio
import contextlib
import os
import sys
from collections import deque
from dataclasses import dataclass
from typing import cast

import structlog

from livecore import errors
from livecore.accounts import argon2_child

log = structlog.get_logger("accounts")

# At some 20 ms a hash and two at once, the last one in the queue waits for three seconds.
QUEUE_LIMIT = 256
# Twenty times what a hash takes: the core has not been free, and may not be.
PATIENCE_S = 0.4
# Beside a loop that never sleeps it has a tenth of the core: five hashes a second.
HURRIED_NICENESS = 10
# An order that takes two children with it is not given to a third.
DEATHS_LIMIT = 2
# Past this a child that was killed is not waited for: the kernel may be too busy to end an idle one.
END_WAIT_S = 2.0
# All that a Python interpreter may need of the environment; the settings that stand there too are none of a child's business.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")


@dataclass(eq=False)
class _Order:
    frame: bytes
    answer: asyncio.Future[bytes]
    hurried: bool = False
    deaths: int = 0


class _Child(asyncio.SubprocessProtocol):
    """One process and the order that it works on. `late`: it has worked on that one for longer than `PATIENCE_S`. `gone`: it hears no more."""

    def __init__(self, pool: "HashingChildren", priority: str) -> None:
        self.priority = priority
        self.order: _Order | None = None
        self.late = False
        self.gone = False
        self.ended = asyncio.Event()
        self._pool = pool
        self._patience: asyncio.TimerHandle | None = None
        self._transport: asyncio.SubprocessTransport | None = None  # None until it is started
        self._said = bytearray()

    async def start(self) -> None:
        arguments = (sys.executable, "-I", argon2_child.__file__, self.priority)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        try:
            # In the session of its parent: where the kernel groups tasks by session, an idle one in a session of its own yields to nobody.
            await asyncio.get_running_loop().subprocess_exec(lambda: self, *arguments, stderr=None, env=environment)
        except OSError as exc:
            log.error("no process for hashing passwords", failure=exc.strerror)
            self.gone = True
            self.ended.set()
            self._pool.lost(self, DEATHS_LIMIT, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        if self.order is not None:
            self._write(self.order)

    def take(self, order: _Order) -> None:
        self.order = order
        self._patience = asyncio.get_running_loop().call_later(PATIENCE_S, self._waited)
        if self._transport is not None:
            self._write(order)

    def _write(self, order: _Order) -> None:
        assert self._transport is not None
        pipe = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        pipe.write(order.frame)

    def _waited(self) -> None:
        self.late = True
        self._pool.serve()

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        self._said += cast("bytes", data)
        size = argon2_child.ANSWER.size
        if len(self._said) < size or len(self._said) < size + argon2_child.ANSWER.unpack_from(self._said)[0]:
            return
        answer = bytes(self._said[size:])
        self._said.clear()
        order = self.put_down()
        if order is not None and not order.answer.done():
            order.answer.set_result(answer)
        self._pool.serve()

    def put_down(self) -> _Order | None:
        order, self.order, self.late = self.order, None, False
        if self._patience is not None:
            self._patience.cancel()
        return order

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.gone = True  # its end is told of in a moment

    def process_exited(self) -> None:
        self.gone = True
        self.ended.set()
        assert self._transport is not None
        self._pool.lost(self, 1, self._transport.get_returncode())
        self._transport.close()

    async def end(self) -> None:
        if self._transport is not None and not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_WAIT_S):
                await self.ended.wait()
        if self._transport is not None:
            self._transport.close()


class HashingChildren:
    """`parallel` children at most, and the hurried one; each is started when there is work for it, and anew after it died."""

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._children: list[_Child] = []
        self._hurried: _Child | None = None
        self._waiting: deque[_Order] = deque()
        self._asked = 0
        self._starting: set[asyncio.Task[None]] = set()
        self._closed = False

    async def ask(self, frame: bytes) -> bytes:
        """The child's answer. Raises Unavailable: with `QUEUE_LIMIT` orders waiting, and when no child could do it."""
        if self._asked >= QUEUE_LIMIT or self._closed:
            raise errors.Unavailable("Too many people sign in at this moment.", retry_after_s=3)
        order = _Order(frame, asyncio.get_running_loop().create_future())
        self._asked += 1
        self._waiting.append(order)
        try:
            self.serve()
            answer = await order.answer
        finally:
            self._asked -= 1
        if not answer:
            raise errors.Unavailable("Passwords cannot be checked at this moment.", retry_after_s=3)
        return answer

    def serve(self) -> None:
        """Hand out what waits."""
        while (child := self._free()) is not None and (order := self._next()) is not None:
            child.take(order)
        order = self._overdue()
        if order is None:
            return
        if self._hurried is None:
            self._hurried = self._start(str(HURRIED_NICENESS))
        order.hurried = True
        self._hurried.take(order)

    def _next(self) -> _Order | None:
        while self._waiting:
            order = self._waiting.popleft()
            if not order.answer.done():  # else nobody waits for it any more
                return order
        return None

    def _free(self) -> _Child | None:
        for child in self._children:
            if child.order is None and not child.gone:
                return child
        if self._closed or not self._waiting or len(self._children) >= self._parallel:
            return None
        child = self._start("idle")
        self._children.append(child)
        return child

    def _overdue(self) -> _Order | None:
        """What the hurried child should do, if it is free: an order that is late, or with every child late the next one."""
        if self._closed or (self._hurried is not None and (self._hurried.order is not None or self._hurried.gone)):
            return None
        late = [child.order for child in self._children if child.late and child.order is not None]
        for order in late:
            if not order.hurried and not order.answer.done():
                return order
        return self._next() if late and len(late) == self._parallel else None

    def _start(self, priority: str) -> _Child:
        child = _Child(self, priority)
        task = asyncio.get_running_loop().create_task(child.start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return child

    def lost(self, child: _Child, deaths: int, status: int | None) -> None:
        """It ended, or did not start; what it worked on goes to the next, unless that would be one too many."""
        if not self._closed:
            log.warning("a process that hashes passwords ended", status=status)
        order = child.put_down()
        if child is self._hurried:
            self._hurried = None
        else:
            self._children.remove(child)
        if order is not None and not order.answer.done():
            order.deaths += deaths
            order.hurried = False
            if self._closed or order.deaths >= DEATHS_LIMIT:
                order.answer.set_result(b"")
            else:
                self._waiting.appendleft(order)
        self.serve()

    async def close(self) -> None:
        self._closed = True
        for order in self._waiting:
            if not order.answer.done():
                order.answer.set_result(b"")
        if self._starting:
            await asyncio.wait(self._starting)
        children = [*self._children, *([self._hurried] if self._hurried else [])]
        await asyncio.gather(*(child.end() for child in children))
