"""Waiting for a condition with a bound, instead of sleeping for a guess."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
# Long enough for a machine that is busy with something else; a test that needs it fails with what it waited for.
PATIENCE_S = 20.0


async def until(probe: Callable[[], T | Awaitable[T]], what: str = "", patience_s: float = PATIENCE_S) -> T:
    """The first true answer of `probe` (plain or coroutine function); fails naming `what` when it never comes."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = probe()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:.0f} s in vain for {what or probe}; last answer: {answer!r}")
        await asyncio.sleep(0.02)
