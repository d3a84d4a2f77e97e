"""How many numbers address books may bring: counted in the store together with what they bring, so that a restart forgets nothing,
processes count together, and a sync that is refused has used nothing up."""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.config import RATES
from livecore.errors import TooMany
from livecore.people import tables
from livecore.ports import Clock, Database, Keys

# A quota opens again at most so much late, and costs at most 241 rows for whoever is counted.
HOUR_MS = 3_600_000


class ContactQuota:
    """`scale` multiplies the rules, as `rate_scale` says."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, scale: float) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self.scale = scale

    async def take(self, conn: AsyncConnection, rules: Mapping[str, str], numbers: int) -> None:
        """Count `numbers` by each rule for whom it names, in the caller's transaction. Raises TooMany; then the caller rolls back.

        Two at once meet at the row of the hour: the second waits for the first to be committed.
        """
        quota = tables.contact_quota
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        now_ms = self._clock.at_ms()
        for rule, name in rules.items():
            rate, who = RATES[rule], self._keys.blind(f"contact_quota:{rule}", name)
            row = {"rule": rule, "who": who, "hour_ms": now_ms - now_ms % HOUR_MS, "numbers": numbers}
            more = make(quota).values(row)
            added = {"numbers": quota.c.numbers + more.excluded.numbers}
            await conn.execute(more.on_conflict_do_update(index_elements=["rule", "who", "hour_ms"], set_=added))
            within = quota.c.hour_ms > now_ms - rate.window_s * 1000 - HOUR_MS
            mine = select(quota.c.hour_ms, quota.c.numbers).where(quota.c.rule == rule, quota.c.who == who, within)
            hours = (await conn.execute(mine.order_by(quota.c.hour_ms))).all()
            excess = sum(hour.numbers for hour in hours) - max(1, int(rate.count * self.scale))
            if excess > 0:
                raise TooMany(_opens_ms([(hour.hour_ms, hour.numbers) for hour in hours], excess) / 1000 + rate.window_s - now_ms / 1000)

    async def expire(self) -> None:
        """Forget what no window holds any more."""
        longest_ms = max(rate.window_s for rule, rate in RATES.items() if rule.startswith("contacts_")) * 1000
        async with self._db.write() as conn:
            over = tables.contact_quota.c.hour_ms <= self._clock.at_ms() - longest_ms - HOUR_MS
            await conn.execute(delete(tables.contact_quota).where(over))


def _opens_ms(hours: list[tuple[int, int]], excess: int) -> int:
    """The end of the hour with which enough will have left the window; of the last one where that is not enough."""
    for hour_ms, numbers in hours:
        excess -= numbers
        if excess <= 0:
            return hour_ms + HOUR_MS
    return hours[-1][0] + HOUR_MS
