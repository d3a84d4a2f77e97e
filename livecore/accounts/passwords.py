"""Passwords: argon2id (RFC 9106) by children of this process."""

import functools

import argon2

from livecore.accounts import argon2_child
from livecore.accounts.hashing import HashingChildren
from livecore.config import Settings

PASSWORD_MIN_CHARS = 8
# Longer ones are hashed no better; the bound keeps a body from being work.
PASSWORD_MAX_CHARS = 256
TIME_COST = 2


def check_password(password: str) -> str:
    """Raises ValueError. Length is what makes guessing hard (NIST SP 800-63B, 5.1.1)."""
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise ValueError(f"must have {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters")
    if len(set(password)) < 3:
        raise ValueError("is too easy to guess")
    return password


@functools.cache
def _nobody(memory_kib: int) -> str:
    """Verified against when there is no such account, so that its absence takes as long as a wrong password."""
    return argon2.PasswordHasher(TIME_COST, memory_kib, parallelism=1).hash("nobody has this password")


class Passwords:
    """Raises Unavailable (503 with Retry-After) when too many wait, or no child could be had."""

    def __init__(self, settings: Settings) -> None:
        self._memory_kib = settings.argon2_memory_kib
        self._children = HashingChildren(settings.argon2_parallel)
        self._nobody = _nobody(settings.argon2_memory_kib)
        self._present = self._nobody.rpartition("$")[0].rpartition("$")[0]  # type, version and cost

    async def hash(self, password: str) -> str:
        return (await self._ask("", password)).decode()

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether it is the password; with `hashed` None it does the same work and answers False."""
        return await self._ask(hashed or self._nobody, password) == argon2_child.RIGHT and hashed is not None

    def is_weaker(self, hashed: str) -> bool:
        """Whether parameters changed since this was hashed."""
        # One of today's has the same beginning and length; the library takes a fifth of what a sign-in costs beside its hash to say so.
        return hashed.rpartition("$")[0].rpartition("$")[0] != self._present or len(hashed) != len(self._nobody)

    async def _ask(self, hashed: str, password: str) -> bytes:
        return await self._children.ask(argon2_child.order(self._memory_kib, TIME_COST, hashed, password))

    async def close(self) -> None:
        await self._children.close()
