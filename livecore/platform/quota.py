"""Limits of a day and longer (`config.RATES`), counted in the store: a restart forgets nothing, processes count together, and what is
counted within the caller's transaction is used up only if that commits."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.config import RATES, Rate
from livecore.data import impersonal, metadata
from livecore.errors import TooMany
from livecore.ports import Clock, Database, Keys

# Shorter windows are kept in memory or in Redis: they are over before a restart would matter.
DAY_S = 86_400
# A quota opens again at most so much late, and costs at most 241 rows for whoever is counted.
HOUR_MS = 3_600_000

quota = Table(
    "quota",
    metadata,
    Column("rule", String(40), primary_key=True),  # of config.RATES
    Column("who", LargeBinary(32), primary_key=True),
    Column("hour_ms", BigInteger, primary_key=True),
    Column("numbers", Integer, nullable=False),
    Index("ix_quota_hour", "hour_ms"),
    info=impersonal(
        "how much was done in an hour of what a day or ten limit (numbers of address books, friend requests, reports …), by keyed hashes of "
        "the account, the device or the address; ten days"
    ),
)


class StoredQuota:
    """Keeps the promise of `ports.Quota`. `scale` multiplies the rules, as `rate_scale` says."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, scale: float) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self.scale = scale

    def _limit(self, rate: Rate) -> int:
        return max(1, int(rate.count * self.scale))

    def _who(self, rule: str, name: str) -> bytes:
        return self._keys.blind(f"quota:{rule}", name)

    async def take(self, conn: AsyncConnection, rules: Mapping[str, str], numbers: int) -> None:
        """Two at once meet at the row of the hour: the second waits for the first to be committed."""
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        now_ms = self._clock.at_ms()
        for rule, name in rules.items():
            rate, who = RATES[rule], self._who(rule, name)
            row = {"rule": rule, "who": who, "hour_ms": now_ms - now_ms % HOUR_MS, "numbers": numbers}
            more = make(quota).values(row)
            added = {"numbers": quota.c.numbers + more.excluded.numbers}
            await conn.execute(more.on_conflict_do_update(index_elements=["rule", "who", "hour_ms"], set_=added))
            hours = await self._hours(conn, rule, who)
            excess = sum(counted for _, counted in hours) - self._limit(rate)
            if excess > 0:
                raise TooMany(_opens_ms(hours, excess) / 1000 + rate.window_s - now_ms / 1000)

    async def hit(self, rule: str, name: str, numbers: int = 1) -> None:
        """As `take`, in a transaction of its own."""
        async with self._db.write() as conn:
            await self.take(conn, {rule: name}, numbers)

    async def left(self, rule: str, name: str) -> int:
        async with self._db.read() as conn:
            hours = await self._hours(conn, rule, self._who(rule, name))
        return max(0, self._limit(RATES[rule]) - sum(counted for _, counted in hours))

    async def _hours(self, conn: AsyncConnection, rule: str, who: bytes) -> list[tuple[int, int]]:
        """The hours that the window holds, oldest first, each with what was counted in it."""
        begin_ms = self._clock.at_ms() - RATES[rule].window_s * 1000 - HOUR_MS
        mine: Any = (quota.c.rule == rule, quota.c.who == who, quota.c.hour_ms > begin_ms)
        query = select(quota.c.hour_ms, quota.c.numbers).where(*mine).order_by(quota.c.hour_ms)
        return [(row.hour_ms, row.numbers) for row in await conn.execute(query)]

    async def expire(self) -> None:
        """Forget what no window holds any more."""
        longest_ms = max(rate.window_s for rate in RATES.values()) * 1000
        async with self._db.write() as conn:
            await conn.execute(delete(quota).where(quota.c.hour_ms <= self._clock.at_ms() - longest_ms - HOUR_MS))


def _opens_ms(hours: list[tuple[int, int]], excess: int) -> int:
    """The end of the hour with which enough will have left the window; of the last one where that is not enough."""
    for hour_ms, numbers in hours:
        excess -= numbers
        if excess <= 0:
            return hour_ms + HOUR_MS
    return hours[-1][0] + HOUR_MS
