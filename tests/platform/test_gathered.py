"""Questions that come together go together, and nobody gets an answer that is older than the asking."""

import asyncio
from collections.abc import Mapping

import pytest

from livecore import errors
from livecore.gathered import GATHER_LIMIT, Gathered


class Store:
    """Answers with what was asked for, doubled; odd numbers are not there. `gate`: cleared, questions wait."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken = False

    async def load(self, keys: list[int]) -> Mapping[int, int]:
        self.asked.append(keys)
        await self.gate.wait()
        if self.broken:
            raise errors.Unavailable("away")
        return {key: key * 2 for key in keys if key % 2 == 0}


async def test_a_lone_question_goes_at_once_and_what_follows_goes_together() -> None:
    store = Store()
    gathered = Gathered(store.load)
    assert await asyncio.gather(*(gathered.get(key) for key in (2, 4, 5, 4, 6))) == [4, 8, None, 8, 12]
    assert store.asked == [[2], [4, 5, 6]]


async def test_more_than_the_limit_is_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine is at asking: only the limit ends a question.
    monkeypatch.setattr("livecore.gathered.GATHER_WINDOW_S", 60.0)
    store = Store()
    gathered = Gathered(store.load)
    await asyncio.gather(*(gathered.get(key) for key in range(1 + 2 * GATHER_LIMIT)))
    assert [len(keys) for keys in store.asked] == [1, GATHER_LIMIT, GATHER_LIMIT]


async def test_nobody_joins_a_question_that_is_under_way() -> None:
    store = Store()
    gathered = Gathered(store.load)
    store.gate.clear()
    first = asyncio.ensure_future(gathered.get(2))
    while not store.asked:
        await asyncio.sleep(0)
    second = asyncio.ensure_future(gathered.get(2))
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(first, second) == [4, 4]
    assert store.asked == [[2], [2]]


async def test_a_failure_reaches_all_who_asked_and_the_next_question_is_asked_anew() -> None:
    store = Store()
    gathered = Gathered(store.load)
    store.broken = True
    told = await asyncio.gather(*(gathered.get(key) for key in (2, 4, 6)), return_exceptions=True)
    assert [type(one) for one in told] == [errors.Unavailable] * 3
    store.broken = False
    assert await gathered.get(2) == 4


async def test_who_gives_up_takes_the_answer_from_nobody() -> None:
    store = Store()
    gathered = Gathered(store.load)
    await gathered.get(0)
    one, other = asyncio.ensure_future(gathered.get(2)), asyncio.ensure_future(gathered.get(2))
    await asyncio.sleep(0)
    one.cancel()
    assert await other == 4
    with pytest.raises(asyncio.CancelledError):
        await one
