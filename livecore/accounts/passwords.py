"""Passwords: argon2id (RFC 9106) in threads, so many at once and so many waiting, never more."""

import asyncio
import contextlib
import functools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from livecore import errors
from livecore.config import Settings

PASSWORD_MIN_CHARS = 8
# Longer ones are hashed no better; the bound keeps a body from being work.
PASSWORD_MAX_CHARS = 256
TIME_COST = 2
# At some 30 ms a hash and two at once, the last one in the queue waits for four seconds.
QUEUE_LIMIT = 256
# Of a core that both want, the loop (chat with it) gets nine tenths when it has something to do; it seldom does for long.
NICE = 10


def check_password(password: str) -> str:
    """Raises ValueError. Length is what makes guessing hard (NIST SP 800-63B, 5.1.1)."""
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise ValueError(f"must have {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters")
    if len(set(password)) < 3:
        raise ValueError("is too easy to guess")
    return password


def _hasher(memory_kib: int) -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=TIME_COST, memory_cost=memory_kib, parallelism=1)


@functools.cache
def _nobody(memory_kib: int) -> str:
    """Verified against when there is no such account, so that its absence takes as long as a wrong password."""
    return _hasher(memory_kib).hash("nobody has this password")


def _step_back() -> None:
    """Let this thread have the processor after others: Linux keeps a niceness for each thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Passwords:
    """When `QUEUE_LIMIT` hashes wait, the next is refused with 503 and Retry-After."""

    def __init__(self, settings: Settings) -> None:
        self._argon2 = _hasher(settings.argon2_memory_kib)
        self._threads = ThreadPoolExecutor(settings.argon2_parallel, thread_name_prefix="argon2", initializer=_step_back)
        self._waiting = 0
        self._nobody = _nobody(settings.argon2_memory_kib)

    async def hash(self, password: str) -> str:
        return str(await self._run(self._argon2.hash, password))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; with `hashed` None it does the same work and answers False."""
        right = bool(await self._run(self._check, hashed or self._nobody, password))
        return right and hashed is not None

    def is_weaker(self, hashed: str) -> bool:
        """Whether parameters rose since this was hashed."""
        return self._argon2.check_needs_rehash(hashed)

    def _check(self, hashed: str, password: str) -> bool:
        try:
            return self._argon2.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: object, *arguments: str) -> object:
        if self._waiting >= QUEUE_LIMIT:
            raise errors.Unavailable("Too many people sign in at this moment.", retry_after_s=3)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)  # type: ignore[arg-type]  # callables of strings
        finally:
            self._waiting -= 1

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
