"""The values of a person's controls. Read often, changed seldom: kept in memory and dropped by a bell on the bus."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.controls import CONTROLS
from livecore.errors import FieldError
from livecore.ports import Bus, Clock, Database, Delivery

CACHE_ACCOUNTS = 20_000
CHANGED_TOPIC = "accounts.settings"
_BATCH = 500


class Preferences:
    """`shared`: other processes change settings too; then nothing is kept, since a bell may be lost."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, activity: ActivityLog, *, shared: bool) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._activity = activity
        self._shared = shared
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._generation = 0

    async def start(self) -> Callable[[], Awaitable[None]]:
        return await self._bus.subscribe(CHANGED_TOPIC, self._on_changed)

    async def _on_changed(self, delivery: Delivery) -> None:
        self.forget(delivery.data.decode())

    def forget(self, account_id: str) -> None:
        self._kept.pop(account_id, None)
        # A read that began before this is not kept.
        self._generation += 1

    async def many(self, account_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What differs from the defaults, for each account."""
        found: dict[str, dict[str, Any]] = {}
        missing: list[str] = []
        for account_id in dict.fromkeys(account_ids):
            kept = self._kept.get(account_id)
            if kept is None:
                missing.append(account_id)
            else:
                found[account_id] = kept
        if missing:
            found |= await self._load(missing)
        return found

    async def _load(self, account_ids: list[str]) -> dict[str, dict[str, Any]]:
        generation = self._generation
        columns = tables.account_setting.c
        found: dict[str, dict[str, Any]] = {account_id: {} for account_id in account_ids}
        async with self._db.read() as conn:
            for start in range(0, len(account_ids), _BATCH):
                query = select(columns.account_id, columns.key, columns.value)
                for row in await conn.execute(query.where(columns.account_id.in_(account_ids[start : start + _BATCH]))):
                    found[row.account_id][row.key] = row.value
        if not self._shared and generation == self._generation:
            self._kept.update(found)
            while len(self._kept) > CACHE_ACCOUNTS:
                self._kept.popitem(last=False)
        return found

    async def get(self, account_id: str, key: str) -> Any:
        """The value or its default; KeyError for a key that is no control."""
        control = CONTROLS[key]
        return (await self.many([account_id]))[account_id].get(key, control.default)

    async def change(self, account_id: str, values: Mapping[str, Any]) -> None:
        """All or nothing. Raises Invalid naming each key that is unknown or has a value that its schema refuses."""
        wrong = [FieldError(key, "is no setting") for key in values if key not in CONTROLS]
        wrong += [
            FieldError(key, "must be one of " + ", ".join(map(str, CONTROLS[key].schema.get("enum", (True, False)))).lower())
            for key, value in values.items()
            if key in CONTROLS and not CONTROLS[key].admits(value)
        ]
        if wrong:
            raise errors.Invalid(wrong)
        if not values:
            return
        at_ms = self._clock.at_ms()
        columns = tables.account_setting.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.account_setting).where(columns.account_id == account_id, columns.key.in_(list(values))))
            rows = [
                {"account_id": account_id, "key": key, "value": value, "changed_ms": at_ms}
                for key, value in values.items()
                if value != CONTROLS[key].default
            ]
            if rows:
                await conn.execute(tables.account_setting.insert(), rows)
            await self._activity.add(conn, account_id, "settings_changed", {"keys": sorted(values)})
        await self.dropped(account_id)

    async def dropped(self, account_id: str) -> None:
        """What is kept of the account in memory is stale, in every process."""
        self.forget(account_id)
        await self._bus.publish(CHANGED_TOPIC, account_id.encode())
