"""Rate limits by the rules of `config.RATES`; keeps the promise of `ports.Limiter`.

A window of a day or longer is counted in the store (`quota`), so that a restart does not open it. Shorter ones are this process's own
without Redis: a restart forgets at most an hour of them. With Redis they are shared, through the moving window of the `limits` library
(one script a hit). When Redis is away the process's own windows stand in (counted as `limits_fallback`): a limiter that refuses
everybody would be the outage that it should prevent.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from livecore.config import RATES, Rate, Settings
from livecore.errors import TooMany
from livecore.platform.metrics import Metrics
from livecore.platform.quota import DAY_S, StoredQuota
from livecore.platform.windows import Windows
from livecore.ports import Keys

log = structlog.get_logger("limits")

# A limit is asked before every request: a Redis that takes longer than this is as good as away.
REDIS_TIMEOUT_S = 0.5
# Keyed names in memory: making one takes longer than the rest of a hit.
NAMES_LIMIT = 20_000
# How long the own windows stand in before Redis is asked again.
REDIS_PAUSE_S = 2.0


class RateLimiter:
    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        metrics: Metrics,
        quota: StoredQuota | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quota = quota
        self._keys = keys
        self._now = now
        self._scale = settings.rate_scale
        self._windows = Windows()
        self._refused = metrics.counter("limits_refused", "Requests over a rate limit.", ("rule",))
        self._fallback = metrics.counter("limits_fallback", "Hits counted by this process alone because Redis was away.")
        self._away_until = 0.0  # monotonic seconds; before it Redis is not asked
        self._shared: MovingWindowRateLimiter | None = None
        self._pool: ConnectionPool | None = None
        self._items: dict[str, RateLimitItemPerSecond] = {}
        self._names: dict[str, str] = {}  # by who is counted: under what Redis knows them
        if settings.redis_url:
            pool: Any = ConnectionPool.from_url(
                settings.redis_url,
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                retry=Retry(NoBackoff(), 1),
            )
            self._pool = pool
            storage = RedisStorage(
                "async+redis://",  # the pool below knows where
                implementation="redispy",
                key_prefix="livecore:limits",
                connection_pool=pool,  # the library annotates its options as plain values
            )
            self._shared = MovingWindowRateLimiter(storage)

    def _rule(self, rule: str) -> tuple[Rate, int]:
        rate = RATES[rule]
        return rate, max(1, int(rate.count * self._scale))

    def _key(self, rule: str, who: str) -> str:
        name = self._names.get(who)
        if name is None:
            if len(self._names) >= NAMES_LIMIT:
                self._names.clear()
            name = self._names[who] = self._keys.blind("limits", who).hex()[:32]
        return f"{rule}:{name}"

    def _item(self, rule: str) -> RateLimitItemPerSecond:
        item = self._items.get(rule)
        if item is None:
            rate, count = self._rule(rule)
            item = self._items[rule] = RateLimitItemPerSecond(count, rate.window_s)
        return item

    def _redis_failed(self, exc: Exception) -> None:
        if self._now() >= self._away_until:
            log.warning("rate limits are kept by this process alone", failure=type(exc).__name__)
        self._away_until = self._now() + REDIS_PAUSE_S

    async def hit(self, rule: str, who: str, cost: int = 1) -> None:
        rate, count = self._rule(rule)
        if self._quota is not None and rate.window_s >= DAY_S:
            try:
                await self._quota.hit(rule, who, cost)
            except TooMany:
                self._refused.labels(rule).inc()
                raise
            return
        key = self._key(rule, who)
        if self._shared is not None and self._now() >= self._away_until:
            item = self._item(rule)
            try:
                if await self._shared.hit(item, key, cost=cost):
                    return
                reset = (await self._shared.get_window_stats(item, key)).reset_time
            except (RedisError, OSError, TimeoutError) as exc:
                self._redis_failed(exc)
            else:
                self._refused.labels(rule).inc()
                raise TooMany(min(float(rate.window_s), max(1.0, reset - time.time())))
        if self._shared is not None:
            self._fallback.inc()
        wait_s = self._windows.hit(key, count, rate.window_s, cost, self._now())
        if wait_s > 0:
            self._refused.labels(rule).inc()
            raise TooMany(wait_s)

    async def peek(self, rule: str, who: str) -> int:
        rate, count = self._rule(rule)
        if self._quota is not None and rate.window_s >= DAY_S:
            return await self._quota.left(rule, who)
        key = self._key(rule, who)
        if self._shared is not None and self._now() >= self._away_until:
            try:
                return int((await self._shared.get_window_stats(self._item(rule), key)).remaining)
            except (RedisError, OSError, TimeoutError) as exc:
                self._redis_failed(exc)
        return self._windows.left(key, count, rate.window_s, self._now())

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.aclose()
