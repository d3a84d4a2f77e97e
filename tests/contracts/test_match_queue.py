"""What every queue of those who wait promises (`ports.MatchQueue`): in memory and in Redis."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from livecore import errors
from livecore.platform.match_queue import SILENT_MS, MemoryMatchQueue, RedisMatchQueue, make_match_queue
from livecore.ports import MatchQueue, Waiting
from tests.servers import RedisServer

NOW_MS = 1_700_000_000_000


def waiting(name: str, *, mode: str = "chat", since_ms: int = NOW_MS, ticket: str = "") -> Waiting:
    return Waiting(name, ticket or f"ticket-{name}", mode, since_ms, ["chess"], ["de"], ["zoe"])


@pytest.fixture(params=["memory", "redis"])
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[MatchQueue]:
    made = make_match_queue(request.getfixturevalue("redis_url") if request.param == "redis" else "", limit=3)
    yield made
    await made.close()


async def names(queue: MatchQueue, mode: str = "chat", limit: int = 10, at_ms: int = NOW_MS) -> list[str]:
    return [one.account_id for one in await queue.waiting(mode, limit, at_ms)]


async def test_the_oldest_come_first_with_what_they_said(queue: MatchQueue) -> None:
    await queue.enter(waiting("late", since_ms=NOW_MS + 5), NOW_MS)
    await queue.enter(waiting("early", since_ms=NOW_MS - 5), NOW_MS)
    await queue.enter(waiting("film", mode="video"), NOW_MS)
    assert await names(queue) == ["early", "late"]
    assert await names(queue, limit=1) == ["early"]
    assert await names(queue, "video") == ["film"]
    (film,) = await queue.waiting("video", 10, NOW_MS)
    assert (film.ticket, list(film.interests), list(film.languages), list(film.recent)) == ("ticket-film", ["chess"], ["de"], ["zoe"])


async def test_an_account_waits_once_whatever_the_mode(queue: MatchQueue) -> None:
    await queue.enter(waiting("anna"), NOW_MS)
    await queue.enter(waiting("anna", mode="video", ticket="second"), NOW_MS)
    assert (await names(queue), await names(queue, "video")) == ([], ["anna"])


async def test_leaving_needs_the_ticket_or_none(queue: MatchQueue) -> None:
    await queue.enter(waiting("anna"), NOW_MS)
    await queue.leave("anna", "an older one")
    assert await names(queue) == ["anna"]
    await queue.leave("anna", "ticket-anna")
    await queue.leave("anna", "ticket-anna")
    assert await names(queue) == []
    await queue.enter(waiting("anna"), NOW_MS)
    await queue.leave("anna", None)
    assert await names(queue) == []


async def test_it_is_bounded_and_says_so(queue: MatchQueue) -> None:
    for name in ("anna", "ben", "cara"):
        await queue.enter(waiting(name), NOW_MS)
    with pytest.raises(errors.Unavailable) as refused:
        await queue.enter(waiting("dora", mode="video"), NOW_MS)
    assert refused.value.type == "queue_full"
    # Who waits already may change what they wait for.
    await queue.enter(waiting("anna", mode="video"), NOW_MS)
    assert await names(queue, "video") == ["anna"]


async def test_a_pair_is_claimed_whole_or_not_at_all_and_once(queue: MatchQueue) -> None:
    for name in ("anna", "ben", "cara"):
        await queue.enter(waiting(name), NOW_MS)
    anna, ben, cara = [(name, f"ticket-{name}") for name in ("anna", "ben", "cara")]
    assert not await queue.claim("chat", anna, ("ben", "an older ticket"))
    assert not await queue.claim("video", anna, ben)
    assert await names(queue) == ["anna", "ben", "cara"]
    # Overlapping pairs at the same moment: one gets through.
    outcomes = await asyncio.gather(*(queue.claim("chat", one, other) for one, other in [(anna, ben), (ben, cara), (cara, anna)] * 5))
    assert sum(outcomes) == 1
    assert len(await names(queue)) == 1


async def test_whose_process_is_silent_waits_no_more(redis_url: str) -> None:
    queue = RedisMatchQueue(redis_url, limit=10)
    for name in ("anna", "ben"):
        await queue.enter(waiting(name), NOW_MS)
    unknown = await queue.beat([waiting("anna"), waiting("somebody who was paired")], NOW_MS + SILENT_MS)
    assert unknown == ["somebody who was paired"]
    assert await names(queue, at_ms=NOW_MS + SILENT_MS + 1) == ["anna"]
    # Nothing of those who went is left behind.
    assert sorted(await queue._client.zrange("livecore:match:chat:alive", 0, -1)) == [b"anna"]
    await queue.leave("anna", None)
    assert await queue._client.keys("livecore:match:*") == []
    await queue.close()


async def test_without_redis_it_is_unavailable(own_redis: RedisServer) -> None:
    queue: Any = RedisMatchQueue(own_redis.url(), limit=10)
    await own_redis.kill()
    for call in (queue.enter(waiting("anna"), NOW_MS), queue.waiting("chat", 1, NOW_MS), queue.beat([waiting("anna")], NOW_MS)):
        with pytest.raises(errors.Unavailable):
            await call
    await queue.close()


def test_one_process_needs_no_redis() -> None:
    assert isinstance(make_match_queue("", 10), MemoryMatchQueue)
