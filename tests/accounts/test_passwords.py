import asyncio
from collections.abc import AsyncIterator

import argon2
import pytest

from livecore.accounts import hashing
from livecore.accounts.passwords import Passwords, check_password
from livecore.config import Settings
from livecore.errors import Unavailable


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(Settings())
    yield made
    await made.close()


async def test_a_hash_is_argon2id_with_the_parameters_asked_for(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse battery")
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(hashed, "correct horse battery")
    assert not await passwords.verify(hashed, "correct horse batterY")


async def test_nobody_has_no_password(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "nobody has this password")


async def test_a_hash_that_is_none_is_not_right(passwords: Passwords) -> None:
    assert not await passwords.verify("plain text", "plain text")


async def test_a_hash_of_weaker_parameters_is_known(passwords: Passwords) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse battery")
    assert passwords.is_weaker(weak)
    assert passwords.is_weaker("plain text")
    shorter = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, hash_len=16).hash("correct horse battery")
    assert passwords.is_weaker(shorter)
    assert not passwords.is_weaker(await passwords.hash("correct horse battery"))


async def test_one_too_many_in_the_queue_is_told_when_to_come_back(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "QUEUE_LIMIT", 3)
    waiting = [asyncio.create_task(passwords.hash(f"password number {n}")) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await passwords.hash("the fourth one")
    assert int(refused.value.headers["Retry-After"]) > 0
    assert len(set(await asyncio.gather(*waiting))) == 3
    assert await passwords.hash("there is room again")


@pytest.mark.parametrize("password", ["short", "x" * 257, "aaaaaaaaaa", "abababababab"])
def test_what_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"must|easy"):
        check_password(password)
