"""What `ports.Limiter` promises: windows of this process, and windows shared through Redis."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from livecore.config import RATES, Rate, Settings
from livecore.errors import TooMany
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.keys import SqlKeys
from livecore.platform.limits import RateLimiter
from livecore.platform.metrics import Metrics
from livecore.platform.quota import DAY_S, StoredQuota, quota
from tests.clocks import FakeClock
from tests.servers import RedisServer, free_port

RULE = "sign_in_per_login"
COUNT, WINDOW_S = RATES[RULE].count, RATES[RULE].window_s


class Now:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[SqlKeys]:
    made = SqlKeys(database_url("", tmp_path, "keys.sqlite"))
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def settings(tmp_path: Path, redis_url: str = "", **more: Any) -> Settings:
    return Settings(data_dir=tmp_path, redis_url=redis_url, **more)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("redis_url")) if request.param == "redis" else ""


@pytest.fixture
async def limiter(where: str, tmp_path: Path, keys: SqlKeys, metrics: Metrics) -> AsyncIterator[RateLimiter]:
    made = RateLimiter(settings(tmp_path, where), keys, metrics)
    yield made
    await made.close()


async def exhaust(limiter: RateLimiter, who: str, rule: str = RULE) -> None:
    for _ in range(RATES[rule].count):
        await limiter.hit(rule, who)


async def test_so_many_hits_pass_and_the_next_is_refused_with_a_time_to_come_back(limiter: RateLimiter, metrics: Metrics) -> None:
    await exhaust(limiter, "anna")
    with pytest.raises(TooMany) as caught:
        await limiter.hit(RULE, "anna")
    assert 1 <= int(caught.value.headers["Retry-After"]) <= WINDOW_S + 1 + WINDOW_S // 100
    assert metrics.registry.get_sample_value("livecore_limits_refused_total", {"rule": RULE}) == 1


async def test_each_rule_and_each_person_counts_alone(limiter: RateLimiter) -> None:
    await exhaust(limiter, "anna")
    await limiter.hit(RULE, "bert")
    await limiter.hit("sign_in_per_address", "anna")
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna")


async def test_what_is_left_is_told_without_counting(limiter: RateLimiter) -> None:
    assert await limiter.peek(RULE, "anna") == COUNT
    for used in range(1, 4):
        await limiter.hit(RULE, "anna")
        assert await limiter.peek(RULE, "anna") == COUNT - used
        assert await limiter.peek(RULE, "anna") == COUNT - used
    await limiter.hit(RULE, "anna", cost=COUNT - 3)
    assert await limiter.peek(RULE, "anna") == 0


async def test_a_refused_hit_is_not_counted(limiter: RateLimiter) -> None:
    await limiter.hit(RULE, "anna", cost=COUNT - 1)
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna", cost=2)
    assert await limiter.peek(RULE, "anna") == 1
    await limiter.hit(RULE, "anna")


async def test_a_cost_above_the_whole_limit_never_passes(limiter: RateLimiter) -> None:
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna", cost=COUNT + 1)
    assert await limiter.peek(RULE, "anna") == COUNT


async def test_hits_at_once_never_pass_the_limit(limiter: RateLimiter) -> None:
    answers = await asyncio.gather(*(limiter.hit(RULE, "anna") for _ in range(3 * COUNT)), return_exceptions=True)
    assert [answer for answer in answers if answer is None] == [None] * COUNT
    assert {type(answer) for answer in answers if answer is not None} == {TooMany}


async def test_the_scale_multiplies_every_rule(where: str, tmp_path: Path, keys: SqlKeys, metrics: Metrics) -> None:
    for scale, expected in ((2.0, 2 * COUNT), (0.001, 1)):
        limiter = RateLimiter(settings(tmp_path, where, rate_scale=scale), keys, metrics)
        assert await limiter.peek(RULE, "anna") == expected
        await limiter.close()


async def test_a_window_opens_again(where: str, tmp_path: Path, keys: SqlKeys, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RATES, "short", Rate(2, 1, "for the test"))
    limiter = RateLimiter(settings(tmp_path, where), keys, metrics)
    began = time.monotonic()
    await exhaust(limiter, "anna", "short")
    refused = 0
    while True:
        try:
            await limiter.hit("short", "anna")
        except TooMany:
            refused += 1
            await asyncio.sleep(0.02)
            continue
        break
    assert refused > 0
    assert 0.9 <= time.monotonic() - began < 10
    await limiter.close()


async def test_an_unknown_rule_is_our_fault(limiter: RateLimiter) -> None:
    with pytest.raises(KeyError):
        await limiter.hit("no_such_rule", "anna")


# -- a day and longer

LONG = [rule for rule, rate in RATES.items() if rate.window_s >= DAY_S]


async def test_what_a_day_limits_outlives_every_process_and_redis(url: str, where: str, tmp_path: Path, keys: SqlKeys) -> None:
    """Friend requests, reports, exports, claims, uploads and numbers of address books: each is used up for the next process too, opens again
    with time, and leaves nothing behind."""
    db, clock = SqlDatabase(url), FakeClock()
    async with db.write() as conn:
        await conn.run_sync(lambda sync: quota.metadata.create_all(sync, [quota]))
    assert len(LONG) >= 10
    for rule in LONG:
        started = RateLimiter(settings(tmp_path, where), keys, Metrics(), StoredQuota(db, keys, clock, 1.0))
        await started.hit(rule, "anna", cost=RATES[rule].count - 1)
        await started.hit(rule, "anna")
        await started.close()
        metrics = Metrics()
        again = RateLimiter(settings(tmp_path), keys, metrics, StoredQuota(db, keys, clock, 1.0))
        with pytest.raises(TooMany) as caught:
            await again.hit(rule, "anna")
        assert metrics.registry.get_sample_value("livecore_limits_refused_total", {"rule": rule}) == 1
        assert (await again.peek(rule, "anna"), await again.peek(rule, "bert")) == (0, RATES[rule].count)
        await again.hit(rule, "bert", cost=RATES[rule].count)
        clock.advance(float(caught.value.headers["Retry-After"]))
        await again.hit(rule, "anna")
        await again.close()
    stored = StoredQuota(db, keys, clock, 1.0)
    clock.advance(11 * DAY_S)
    await stored.expire()
    async with db.read() as conn:
        assert (await conn.execute(select(quota))).all() == []
    await db.close()


# -- one process


async def test_the_windows_of_a_process_move(tmp_path: Path, keys: SqlKeys, metrics: Metrics) -> None:
    now = Now()
    limiter = RateLimiter(settings(tmp_path), keys, metrics, now=now)
    for _ in range(COUNT):
        await limiter.hit(RULE, "anna")
        now.seconds += WINDOW_S / COUNT / 2
    with pytest.raises(TooMany) as caught:
        await limiter.hit(RULE, "anna")
    now.seconds += float(caught.value.headers["Retry-After"])
    await limiter.hit(RULE, "anna")
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna")
    await limiter.close()


# -- Redis


@pytest.mark.redis
async def test_processes_share_their_windows(redis_url: str, tmp_path: Path, keys: SqlKeys) -> None:
    one, other = RateLimiter(settings(tmp_path, redis_url), keys, Metrics()), RateLimiter(settings(tmp_path, redis_url), keys, Metrics())
    for number in range(COUNT):
        await (one if number % 2 else other).hit(RULE, "anna")
    for limiter in (one, other):
        with pytest.raises(TooMany):
            await limiter.hit(RULE, "anna")
        await limiter.close()


@pytest.mark.redis
async def test_redis_holds_no_name_of_anybody(redis_url: str, tmp_path: Path, keys: SqlKeys, metrics: Metrics) -> None:
    limiter = RateLimiter(settings(tmp_path, redis_url), keys, metrics)
    await limiter.hit(RULE, "anna@example.org")
    await limiter.hit("sign_in_per_address", "203.0.113.7")
    client = Redis.from_url(redis_url)
    held = [key async for key in client.scan_iter("*")]
    assert len(held) >= 2
    for key in held:
        assert b"anna" not in key
        assert b"203.0.113" not in key
        assert await client.ttl(key) > 0  # and it goes by itself
    await client.aclose()
    await limiter.close()


@pytest.mark.redis
async def test_without_redis_the_own_windows_stand_in_and_it_is_counted(
    own_redis: RedisServer, tmp_path: Path, keys: SqlKeys, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.platform.limits.REDIS_PAUSE_S", 0.0)
    limiter = RateLimiter(settings(tmp_path, own_redis.url()), keys, metrics)
    await exhaust(limiter, "anna")
    await own_redis.kill()
    await exhaust(limiter, "anna")  # nobody is locked out for an outage
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna")  # and nobody is let loose
    assert await limiter.peek(RULE, "bert") == COUNT
    fallen_back = metrics.registry.get_sample_value("livecore_limits_fallback_total")
    assert fallen_back == COUNT + 1
    await own_redis.start()
    await exhaust(limiter, "anna")
    with pytest.raises(TooMany):
        await limiter.hit(RULE, "anna")
    assert metrics.registry.get_sample_value("livecore_limits_fallback_total") == fallen_back
    await limiter.close()


@pytest.mark.redis
async def test_a_redis_that_is_away_is_not_asked_at_every_request(tmp_path: Path, keys: SqlKeys, metrics: Metrics) -> None:
    now = Now()
    limiter = RateLimiter(settings(tmp_path, f"redis://127.0.0.1:{free_port()}"), keys, metrics, now=now)
    asked = 0
    assert limiter._shared is not None
    hit = limiter._shared.hit

    async def counted(*args: Any, **more: Any) -> bool:
        nonlocal asked
        asked += 1
        return await hit(*args, **more)

    limiter._shared.hit = counted  # type: ignore[method-assign]
    for _ in range(10):
        await limiter.hit(RULE, "anna")
    assert asked == 1
    now.seconds += 3
    await limiter.hit(RULE, "anna")
    assert asked == 2
    await limiter.close()
