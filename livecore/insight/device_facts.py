"""What a client tells of its device: eleven facts, each of which may be withheld. Sealed; the advertising id beside the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from livecore.insight import tables
from livecore.ports import Clock, Database, Directory, Keys

ADVERTISING_ID = "advertising_id"


@dataclass(frozen=True)
class Given:
    """One device's facts as they are kept: what is not in `facts` was withheld."""

    device_id: str
    facts: Mapping[str, Any]
    changed_ms: int


def _scope(account_id: str) -> str:
    return f"account:{account_id}"


class DeviceFacts:
    """Also a `ports.DeviceWatcher`: what is known of a device goes with it."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, directory: Directory) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._directory = directory

    async def put(self, account_id: str, device_id: str, facts: Mapping[str, Any]) -> bool:
        """Take the place of what was given before: what is left out or None is withheld. False when nothing may be written."""
        for key in ("restrict", "usage_data"):
            if await self._directory.setting(account_id, key) is (key == "restrict"):
                return False
        given = {name: value for name, value in facts.items() if value is not None}
        advertising = given.pop(ADVERTISING_ID, None)
        scope = _scope(account_id)
        sealed = await self._keys.seal(scope, orjson.dumps(given), "device_facts.facts") if given else None
        apart = await self._keys.seal(scope, advertising.encode(), "device_facts.advertising_id") if advertising else None
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        values = {"facts": sealed, "advertising_id": apart, "changed_ms": self._clock.at_ms()}
        row = make(tables.device_facts).values(account_id=account_id, device_id=device_id, version=1, **values)
        changes = values | {"version": tables.device_facts.c.version + 1}
        async with self._db.write() as conn:
            await conn.execute(row.on_conflict_do_update(index_elements=["account_id", "device_id"], set_=changes))
        return True

    async def of(self, account_id: str) -> list[Given]:
        columns = tables.device_facts.c
        async with self._db.read() as conn:
            query = select(tables.device_facts).where(columns.account_id == account_id).order_by(columns.device_id)
            rows = (await conn.execute(query)).all()
        return [Given(row.device_id, await self._opened(row), row.changed_ms) for row in rows]

    async def _opened(self, row: Any) -> dict[str, Any]:
        scope = _scope(row.account_id)
        facts: dict[str, Any] = orjson.loads(await self._keys.open(scope, row.facts, "device_facts.facts")) if row.facts else {}
        if row.advertising_id:
            facts[ADVERTISING_ID] = (await self._keys.open(scope, row.advertising_id, "device_facts.advertising_id")).decode()
        return facts

    async def forget(self, account_id: str, device_id: str | None = None) -> None:
        """All facts of one device, or of all of them."""
        columns = tables.device_facts.c
        statement = delete(tables.device_facts).where(columns.account_id == account_id)
        if device_id is not None:
            statement = statement.where(columns.device_id == device_id)
        async with self._db.write() as conn:
            await conn.execute(statement)

    async def forget_advertising_id(self, account_id: str) -> None:
        """On every device; the other facts stay."""
        statement = update(tables.device_facts).where(tables.device_facts.c.account_id == account_id)
        async with self._db.write() as conn:
            await conn.execute(statement.values(advertising_id=None, version=tables.device_facts.c.version + 1))

    # -- ports.DeviceWatcher

    async def device_added(self, account_id: str, device_id: str) -> None:
        """Nothing is known of a device until it tells."""

    async def device_removed(self, account_id: str, device_id: str) -> None:
        await self.forget(account_id, device_id)
