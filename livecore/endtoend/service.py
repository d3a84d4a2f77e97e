"""Key bundles of devices: published by a device, claimed by those who may write to it, gone with the device."""

from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.endtoend import tables
from livecore.endtoend.bundle import Bundle, ClaimedBundle, OneTimeKey, SignedPrekey, check_bundle, check_one_time_keys
from livecore.ports import Clock, Companions, Database, Directory, Limiter, Principal, Relations, Signals

# A device that has fewer than this left is told to bring more: enough for a day of new conversations.
LOW_KEYS = 20


class DeviceKeys:
    """`limit`: one-time keys that are held for a device."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        limiter: Limiter,
        relations: Relations,
        directory: Directory,
        companions: Companions,
        signals: Signals,
        limit: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._limiter = limiter
        self._relations = relations
        self._directory = directory
        self._companions = companions
        self._signals = signals
        self._limit = limit

    async def publish(self, me: Principal, bundle: Bundle) -> None:
        """The bundle of the device that asks; replaces the one before. A new identity makes one-time keys of the old one void.

        Raises Invalid when a signature is not the identity's.
        """
        check_bundle(bundle)
        columns = tables.device_keys.c
        row = {
            "device_id": me.device_id,
            "account_id": me.account_id,
            "identity_key": bundle.identity,
            "agreement_key": bundle.agreement,
            "agreement_signature": bundle.agreement_signature,
            "prekey_id": bundle.prekey.id,
            "prekey": bundle.prekey.key,
            "prekey_signature": bundle.prekey.signature,
            "changed_ms": self._clock.at_ms(),
        }
        async with self._db.write() as conn:
            query = select(columns.identity_key).where(columns.device_id == me.device_id)
            before = (await conn.execute(query)).scalar_one_or_none()
            if before is not None and before != bundle.identity:
                await conn.execute(delete(tables.one_time_key).where(tables.one_time_key.c.device_id == me.device_id))
            made = self._insert(tables.device_keys).values(row)
            changes = {name: value for name, value in row.items() if name != "device_id"}
            await conn.execute(made.on_conflict_do_update(index_elements=[columns.device_id], set_=changes))

    async def add_one_time(self, me: Principal, keys: list[OneTimeKey]) -> int:
        """Bring one-time keys; answers how many are held now. An id that is held already is left as it is.

        Raises Conflict (`no_bundle`) before a bundle was published, Invalid when the device would have more than the limit.
        """
        check_one_time_keys(keys)
        async with self._db.write() as conn:
            if await self._own(conn, me) is None:
                raise errors.Conflict("Publish the device's bundle first.", type="no_bundle")
            held = await self._count(conn, me.device_id)
            if held + len(keys) > self._limit:
                raise errors.Invalid([errors.FieldError("keys", f"only {self._limit} are held for a device; {held} are there")])
            rows = [{"device_id": me.device_id, "key_id": one.id, "account_id": me.account_id, "public": one.key} for one in keys]
            await conn.execute(self._insert(tables.one_time_key).on_conflict_do_nothing(), rows)
            return await self._count(conn, me.device_id)

    async def own(self, me: Principal) -> tuple[Bundle, int]:
        """The bundle of the device that asks, and how many one-time keys are left. Raises NotFound when it has published none."""
        async with self._db.read() as conn:
            bundle = await self._own(conn, me)
            if bundle is None:
                raise errors.NotFound("This device has published no keys.")
            return bundle, await self._count(conn, me.device_id)

    async def withdraw(self, me: Principal) -> None:
        """Take the keys of the device that asks away; doing it again changes nothing."""
        await self.device_removed(me.account_id, me.device_id)

    async def claim(self, me: Principal, username: str) -> list[ClaimedBundle]:
        """A bundle for each device of somebody, each with a one-time key that nobody else is given.

        One's own name answers one's other devices. Raises NotFound (nobody, or blocked either way) and Forbidden (`not_accepting`:
        they do not take messages from you, and you share no group).
        """
        other = await self._directory.by_username(username)
        if other is None or (other != me.account_id and (await self._relations.between(me.account_id, other)).blocked):
            raise errors.NotFound("There is nobody of that name.")
        if other != me.account_id and not await self._may(me.account_id, other):
            raise errors.Forbidden("They do not take messages from you.", type="not_accepting")
        await self._limiter.hit("key_claim_per_account", me.account_id)
        if other != me.account_id:
            await self._limiter.hit("key_claim_per_pair", f"{me.account_id}:{other}")
        keys = tables.device_keys
        low: list[tuple[str, int]] = []
        async with self._db.write() as conn:
            query = select(keys).where(keys.c.account_id == other, keys.c.device_id != me.device_id).order_by(keys.c.device_id)
            claimed: list[ClaimedBundle] = []
            for row in (await conn.execute(query)).all():
                one_time = await self._take(conn, row.device_id)
                left = await self._count(conn, row.device_id)
                if left < LOW_KEYS:
                    low.append((row.device_id, left))
                claimed.append(ClaimedBundle(row.device_id, _bundle(row), one_time))
        for device_id, left in low:
            await self._signals.to_account(other, "keys:low", {"device": device_id, "left": left})
        return claimed

    async def _may(self, me: str, other: str) -> bool:
        audience = await self._directory.setting(other, "who_can_message")
        return await self._relations.allows(other, me, audience) or await self._companions.share_conversation(me, other)

    async def _take(self, conn: AsyncConnection, device_id: str) -> OneTimeKey | None:
        """Remove the oldest one-time key and answer it; two who ask at once never get the same."""
        columns = tables.one_time_key.c
        oldest = select(columns.key_id).where(columns.device_id == device_id).order_by(columns.key_id).limit(1)
        if self._db.dialect == "postgresql":
            # Who comes at the same moment takes the next one instead of waiting.
            oldest = oldest.with_for_update(skip_locked=True)
        taken = await conn.execute(
            delete(tables.one_time_key)
            .where(columns.device_id == device_id, columns.key_id == oldest.scalar_subquery())
            .returning(columns.key_id, columns.public)
        )
        row = taken.first()
        return None if row is None else OneTimeKey(row.key_id, row.public)

    async def _own(self, conn: AsyncConnection, me: Principal) -> Bundle | None:
        keys = tables.device_keys
        row = (await conn.execute(select(keys).where(keys.c.device_id == me.device_id, keys.c.account_id == me.account_id))).first()
        return None if row is None else _bundle(row)

    async def _count(self, conn: AsyncConnection, device_id: str) -> int:
        query = select(func.count()).select_from(tables.one_time_key).where(tables.one_time_key.c.device_id == device_id)
        return int((await conn.execute(query)).scalar_one())

    def _insert(self, table: Table) -> Any:
        return (sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert)(table)

    # -- ports.DeviceWatcher

    async def device_added(self, account_id: str, device_id: str) -> None:
        """It publishes its keys itself when it can encrypt."""

    async def device_removed(self, account_id: str, device_id: str) -> None:
        async with self._db.write() as conn:
            for table in (tables.device_keys, tables.one_time_key):
                await conn.execute(delete(table).where(table.c.account_id == account_id, table.c.device_id == device_id))


def _bundle(row: Any) -> Bundle:
    return Bundle(
        identity=row.identity_key,
        agreement=row.agreement_key,
        agreement_signature=row.agreement_signature,
        prekey=SignedPrekey(row.prekey_id, row.prekey, row.prekey_signature),
    )
