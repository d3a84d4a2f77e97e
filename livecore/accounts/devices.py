"""Devices: what messages are held for. At most so many an account; one that is away for too long is held for no more.

Keeps the promise of `ports.Devices`. A device row carries the id that the client gave and an id of its own: the first is
the same for two accounts on one browser, the second never is, and changes when the device has to start afresh.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.accounts import tables
from livecore.among import among, members
from livecore.config import Settings
from livecore.gathered import Gathered
from livecore.ids import new_id
from livecore.ports import Clock, Database, NamedDevice, Neighbours, Principal

log = structlog.get_logger("accounts")

# How often "seen" is written: often against the days after which a device counts as idle, seldom against requests.
SEEN_EVERY_MS = 10 * 60 * 1000
# Sessions of one device: tabs and reinstalled clients, not a script that signs in for each request.
SESSIONS_PER_DEVICE = 10
_BATCH = 500


@dataclass(frozen=True)
class DeviceGiven:
    """A device as the client names it."""

    client_id: str
    name: str


@dataclass(frozen=True)
class Arrival:
    """`is_new`: the account has never used it; `removed` and `ended` are device and session ids that had to go for it."""

    device_id: str
    is_new: bool
    removed: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()


class DeviceList:
    def __init__(self, db: Database, clock: Clock, settings: Settings, neighbours: Neighbours) -> None:
        self._db = db
        self._clock = clock
        self._limit = settings.devices_per_account
        self._idle_ms = settings.device_idle_s * 1000
        columns = tables.account_device.c
        sessions, tokens = tables.account_session.c, tables.account_token.c
        self._comes_back = db.prepare_step(
            update(tables.account_device)
            .where(columns.account_id == bindparam("account"), columns.client_id == bindparam("client"))
            .values(name=bindparam("named"), seen_ms=bindparam("now_ms"), idle=False)
            .returning(columns.id)
        )
        of_device = select(sessions.id).where(sessions.device_id == bindparam("device"))
        self._surplus_of = db.prepare_step(of_device.order_by(sessions.seen_ms.desc(), sessions.id.desc()).offset(SESSIONS_PER_DEVICE - 1))
        self._end_tokens = db.prepare_step(delete(tables.account_token).where(among(db.dialect, tokens.session_id, "ended")))
        self._end_sessions = db.prepare_step(delete(tables.account_session).where(among(db.dialect, sessions.id, "ended")))
        self._seen_of = select(columns.id, columns.seen_ms).where(among(db.dialect, columns.id, "devices"))
        self._seen: Gathered[str, int] = Gathered(self._read_seen)
        self._noted: Gathered[Principal, None] = Gathered(self._write_seen)
        self._neighbours = neighbours

    async def arrive(self, conn: AsyncConnection, account_id: str, given: DeviceGiven) -> Arrival:
        """Part of a sign-in's transaction. One device too many takes the place of the one that is away for longest."""
        columns = tables.account_device.c
        at_ms = self._clock.at_ms()
        back = {"account": account_id, "client": given.client_id, "named": given.name, "now_ms": at_ms}
        for row in await self._comes_back(conn, back):
            return Arrival(row["id"], is_new=False, ended=await self._surplus(conn, row["id"]))
        query = select(columns.id).where(columns.account_id == account_id)
        rows = (await conn.execute(query.order_by(columns.seen_ms, columns.id))).all()
        surplus = [row.id for row in rows[: max(0, len(rows) - self._limit + 1)]]
        ended: list[str] = []
        if surplus:
            sessions = tables.account_session.c
            ended = list((await conn.execute(select(sessions.id).where(sessions.device_id.in_(surplus)))).scalars())
            await conn.execute(delete(tables.account_token).where(tables.account_token.c.session_id.in_(ended)))
            await conn.execute(delete(tables.account_session).where(sessions.id.in_(ended)))
            await conn.execute(delete(tables.account_device).where(columns.id.in_(surplus)))
        device_id = new_id()
        await conn.execute(
            tables.account_device.insert().values(
                id=device_id,
                account_id=account_id,
                client_id=given.client_id,
                name=given.name,
                created_ms=at_ms,
                seen_ms=at_ms,
                idle=False,
            )
        )
        return Arrival(device_id, is_new=True, removed=tuple(surplus), ended=tuple(ended))

    async def _surplus(self, conn: AsyncConnection, device_id: str) -> tuple[str, ...]:
        """End the sessions that a device has beyond the limit, counting the one that is about to open; the oldest first."""
        ended = tuple(row["id"] for row in await self._surplus_of(conn, {"device": device_id}))
        if ended:
            gone = {"ended": members(self._db.dialect, ended)}
            await self._end_tokens(conn, gone)
            await self._end_sessions(conn, gone)
        return ended

    async def leave(self, conn: AsyncConnection, device_ids: Iterable[str]) -> list[str]:
        """Part of the transaction that ended sessions: remove those devices on which no session is left; answers which."""
        wanted = list(dict.fromkeys(device_ids))
        sessions = tables.account_session.c
        used = set((await conn.execute(select(sessions.device_id).where(sessions.device_id.in_(wanted)))).scalars())
        gone = [device_id for device_id in wanted if device_id not in used]
        if gone:
            await conn.execute(delete(tables.account_device).where(tables.account_device.c.id.in_(gone)))
        return gone

    async def tell_added(self, account_id: str, device_id: str) -> None:
        """After the commit."""
        for watcher in self._neighbours.device_watchers:
            await watcher.device_added(account_id, device_id)

    async def tell_removed(self, account_id: str, device_ids: Iterable[str]) -> None:
        """After the commit."""
        for device_id in device_ids:
            for watcher in self._neighbours.device_watchers:
                await watcher.device_removed(account_id, device_id)

    async def of(self, account_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        columns = tables.account_device.c
        wanted = list(dict.fromkeys(account_ids))
        found: dict[str, list[str]] = {account_id: [] for account_id in wanted}
        async with self._db.read() as conn:
            for start in range(0, len(wanted), _BATCH):
                query = select(columns.account_id, columns.id).where(
                    columns.account_id.in_(wanted[start : start + _BATCH]), columns.idle.is_(False)
                )
                for row in await conn.execute(query):
                    found[row.account_id].append(row.id)
        return {account_id: tuple(ids) for account_id, ids in found.items()}

    async def named(self, account_id: str) -> list[NamedDevice]:
        columns = tables.account_device.c
        query = select(columns.id, columns.name, columns.seen_ms).where(columns.account_id == account_id, columns.idle.is_(False))
        async with self._db.read() as conn:
            return [NamedDevice(*row) for row in await conn.execute(query.order_by(columns.seen_ms.desc(), columns.id))]

    async def left(self, gone: Mapping[str, int]) -> None:
        columns = tables.account_device.c
        change = update(tables.account_device).where(columns.id == bindparam("device")).values(seen_ms=bindparam("at_ms"))
        async with self._db.write() as conn:
            await conn.execute(change, [{"device": device_id, "at_ms": at_ms} for device_id, at_ms in sorted(gone.items())])

    async def client_id(self, device_id: str) -> str | None:
        """What the client calls the device: the same for every account on it."""
        columns = tables.account_device.c
        async with self._db.read() as conn:
            return (await conn.execute(select(columns.client_id).where(columns.id == device_id))).scalar_one_or_none()

    async def seen(self, principal: Principal) -> None:
        seen_ms = await self._seen.get(principal.device_id)
        if seen_ms is not None:
            await self.note_seen(principal, seen_ms)

    async def _read_seen(self, device_ids: list[str]) -> dict[str, int]:
        async with self._db.read() as conn:
            rows = await conn.execute(self._seen_of, {"devices": members(self._db.dialect, device_ids)})
            return {row.id: row.seen_ms for row in rows}

    async def note_seen(self, principal: Principal, seen_ms: int) -> None:
        """Write that account, session and device are here now, unless that was written a moment ago."""
        if self._clock.at_ms() - seen_ms >= SEEN_EVERY_MS:
            await self._noted.get(principal)

    async def _write_seen(self, here: list[Principal]) -> dict[Principal, None]:
        account, session, device, at_ms = tables.account, tables.account_session, tables.account_device, self._clock.at_ms()
        async with self._db.write() as conn:
            for table, ids in (
                (account, {one.account_id for one in here}),
                (session, {one.session_id for one in here}),
                (device, {one.device_id for one in here}),
            ):
                change = update(table).where(among(self._db.dialect, table.c.id, "ids")).values(seen_ms=at_ms)
                if table is device:
                    change = change.values(idle=False)
                await conn.execute(change, {"ids": members(self._db.dialect, sorted(ids))})
        return {}

    async def drop_idle(self) -> list[str]:
        """Hold for no device that is away for too long; answers the accounts concerned. Each gets a new id, so that it starts afresh."""
        columns = tables.account_device.c
        before_ms = self._clock.at_ms() - self._idle_ms
        async with self._db.write() as conn:
            query = select(columns.id, columns.account_id).where(columns.seen_ms < before_ms, columns.idle.is_(False)).limit(_BATCH)
            rows = (await conn.execute(query)).all()
            for row in rows:
                fresh = new_id()
                await conn.execute(update(tables.account_device).where(columns.id == row.id).values(id=fresh, idle=True))
                sessions = update(tables.account_session).where(tables.account_session.c.device_id == row.id)
                await conn.execute(sessions.values(device_id=fresh))
        for row in rows:
            await self.tell_removed(row.account_id, [row.id])
        return list(dict.fromkeys(row.account_id for row in rows))
