"""Those who wait to meet somebody: in this process's memory, or in Redis where there are several; keeps `ports.MatchQueue`.

In Redis one mode has a sorted set (account by time of entry), a hash of the entries and a sorted set of the last signs of life.
Scripts make each step atomic: of two processes that found the same pair, or overlapping ones, one gets it.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from livecore import errors
from livecore.ports import MatchQueue, Waiting

# Whose process has not said for this long that they still wait is gone with it.
SILENT_MS = 15_000
REDIS_TIMEOUT_S = 2.0
MODES = ("chat", "video")


def _full() -> errors.Unavailable:
    return errors.Unavailable("Too many people wait at the moment.", retry_after_s=10, type="queue_full")


class MemoryMatchQueue:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[str, Waiting] = {}

    async def enter(self, waiting: Waiting, at_ms: int) -> None:
        if waiting.account_id not in self._waiting and len(self._waiting) >= self._limit:
            raise _full()
        self._waiting.pop(waiting.account_id, None)
        self._waiting[waiting.account_id] = waiting

    async def leave(self, account_id: str, ticket: str | None) -> None:
        held = self._waiting.get(account_id)
        if held is not None and ticket in (None, held.ticket):
            del self._waiting[account_id]

    async def beat(self, waiting: Sequence[Waiting], at_ms: int) -> list[str]:
        """Nobody outlives this process here."""
        return [one.account_id for one in waiting if one.account_id not in self._waiting]

    async def waiting(self, mode: str, limit: int, at_ms: int) -> list[Waiting]:
        mine = [one for one in self._waiting.values() if one.mode == mode]
        return sorted(mine, key=lambda one: (one.since_ms, one.ticket))[:limit]

    async def claim(self, mode: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
        for account_id, ticket in (one, other):
            held = self._waiting.get(account_id)
            if held is None or held.ticket != ticket or held.mode != mode:
                return False
        del self._waiting[one[0]], self._waiting[other[0]]
        return True

    async def close(self) -> None:
        self._waiting.clear()


# KEYS: for each mode its line, entries, signs of life; the mode that is entered first. ARGV: account, entry, since, now, limit.
_ENTER = """
local waiting = 0
for at = 1, #KEYS, 3 do waiting = waiting + redis.call('ZCARD', KEYS[at]) end
local there = false
for at = 1, #KEYS, 3 do if redis.call('HEXISTS', KEYS[at + 1], ARGV[1]) == 1 then there = true end end
if not there and waiting >= tonumber(ARGV[5]) then return 0 end
for at = 1, #KEYS, 3 do
  redis.call('ZREM', KEYS[at], ARGV[1]); redis.call('HDEL', KEYS[at + 1], ARGV[1]); redis.call('ZREM', KEYS[at + 2], ARGV[1])
end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1]); redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]); redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
return 1
"""
# KEYS as above. ARGV: account, ticket ('' = any).
_LEAVE = """
for at = 1, #KEYS, 3 do
  local entry = redis.call('HGET', KEYS[at + 1], ARGV[1])
  if entry and (ARGV[2] == '' or cjson.decode(entry)['ticket'] == ARGV[2]) then
    redis.call('ZREM', KEYS[at], ARGV[1]); redis.call('HDEL', KEYS[at + 1], ARGV[1]); redis.call('ZREM', KEYS[at + 2], ARGV[1])
  end
end
return 1
"""
# KEYS: line, entries, signs of life. ARGV: silent since, limit. Those whose process is gone go; the entries of the others, oldest first.
_WAITING = """
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[1], 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[1], gone); redis.call('HDEL', KEYS[2], gone); redis.call('ZREM', KEYS[3], gone)
end
local accounts = redis.call('ZRANGE', KEYS[1], 0, tonumber(ARGV[2]) - 1)
if #accounts == 0 then return {} end
return redis.call('HMGET', KEYS[2], unpack(accounts))
"""
# KEYS: line, entries, signs of life. ARGV: account, ticket, account, ticket. Both still wait with these tickets, and then neither does.
_CLAIM = """
for at = 1, 3, 2 do
  local entry = redis.call('HGET', KEYS[2], ARGV[at])
  if not entry or cjson.decode(entry)['ticket'] ~= ARGV[at + 1] then return 0 end
end
for at = 1, 3, 2 do
  redis.call('ZREM', KEYS[1], ARGV[at]); redis.call('HDEL', KEYS[2], ARGV[at]); redis.call('ZREM', KEYS[3], ARGV[at])
end
return 1
"""


class RedisMatchQueue:
    """A Redis that is away raises Unavailable: two people who are promised to each other by one process alone would be two pairs."""

    def __init__(self, redis_url: str, limit: int) -> None:
        self._limit = limit
        self._client: Any = Redis.from_url(
            redis_url, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S, retry=Retry(NoBackoff(), 1)
        )
        register = self._client.register_script
        self._enter, self._leave, self._waiting, self._claim = map(register, (_ENTER, _LEAVE, _WAITING, _CLAIM))

    def _keys(self, *modes: str) -> list[str]:
        return [f"livecore:match:{mode}:{part}" for mode in modes for part in ("line", "entries", "alive")]

    async def _run(self, script: Any, keys: list[str], args: list[Any]) -> Any:
        try:
            return await script(keys=keys, args=args)
        except (RedisError, OSError, TimeoutError) as exc:
            raise errors.Unavailable("Meeting people pauses for a moment.") from exc

    async def enter(self, waiting: Waiting, at_ms: int) -> None:
        others = [mode for mode in MODES if mode != waiting.mode]
        args = [waiting.account_id, orjson.dumps(waiting), waiting.since_ms, at_ms, self._limit]
        if not await self._run(self._enter, self._keys(waiting.mode, *others), args):
            raise _full()

    async def leave(self, account_id: str, ticket: str | None) -> None:
        await self._run(self._leave, self._keys(*MODES), [account_id, ticket or ""])

    async def beat(self, waiting: Sequence[Waiting], at_ms: int) -> list[str]:
        try:
            pipeline = self._client.pipeline(transaction=False)
            for one in waiting:
                # XX: a sign of life for somebody who was paired meanwhile would never go away.
                pipeline.zadd(self._keys(one.mode)[2], {one.account_id: at_ms}, xx=True)
                for mode in MODES:
                    pipeline.hexists(self._keys(mode)[1], one.account_id)
            answers = await pipeline.execute()
            known = [answers[at + 1 : at + 1 + len(MODES)] for at in range(0, len(answers), 1 + len(MODES))]
            return [one.account_id for one, there in zip(waiting, known, strict=True) if not any(there)]
        except (RedisError, OSError, TimeoutError) as exc:
            raise errors.Unavailable("Meeting people pauses for a moment.") from exc

    async def waiting(self, mode: str, limit: int, at_ms: int) -> list[Waiting]:
        entries = await self._run(self._waiting, self._keys(mode), [at_ms - SILENT_MS, limit])
        return [Waiting(**orjson.loads(entry)) for entry in entries if entry is not None]

    async def claim(self, mode: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
        return bool(await self._run(self._claim, self._keys(mode), [*one, *other]))

    async def close(self) -> None:
        await self._client.aclose()


def make_match_queue(redis_url: str, limit: int) -> MatchQueue:
    return RedisMatchQueue(redis_url, limit) if redis_url else MemoryMatchQueue(limit)
