"""Reports of clients: deduplicated, scrubbed, kept for a time by kind, summed by day and grouped by signature without ids."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.config import Settings
from livecore.insight import tables
from livecore.insight.signature import signature
from livecore.ports import Clock, Database, Directory, Holds

Kind = Literal["usage", "performance", "log", "diagnostic", "crash", "website"]
KINDS: tuple[Kind, ...] = ("usage", "performance", "log", "diagnostic", "crash", "website")
# What says where something is wrong, and is grouped for staff.
REPORTS = frozenset({"log", "diagnostic", "crash", "website"})
_DAY_MS = 86_400_000
# How old a client's clock may say that an event is: it was offline for so long.
OLDEST_MS = 30 * _DAY_MS
# Names that one kind may have in a day, and groups in all: beyond it "other" stands for the rest, so that nobody fills the tables.
NAMES_A_DAY = 1000
GROUPS_LIMIT = 10_000
OTHER = "other"
# Rows deleted in one transaction.
_BATCH = 5000


@dataclass(frozen=True)
class Event:
    """One report. `at_ms` is the client's; `message` and `stack` stand in `data` too."""

    id: str
    kind: Kind
    name: str
    at_ms: int
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Taken:
    """`accepted` are new; `repeated` were there; `dropped` may not be written: the person restricts or switched it off."""

    accepted: int
    repeated: int
    dropped: int


@dataclass(frozen=True)
class Group:
    signature: str
    kind: str
    name: str
    sample: Mapping[str, Any] | None
    events: int
    first_ms: int
    last_ms: int


class Telemetry:
    """`scrub` takes secrets, numbers and addresses out of a value (`platform.scrub`)."""

    def __init__(
        self, db: Database, clock: Clock, directory: Directory, settings: Settings, scrub: Callable[[Any], Any], holds: Holds
    ) -> None:
        self._db = db
        self._clock = clock
        self._directory = directory
        self._scrub = scrub
        self._holds = holds
        self._kept_ms: dict[str, int] = {
            "usage": settings.telemetry_usage_days * _DAY_MS,
            "log": settings.telemetry_log_days * _DAY_MS,
        }
        self._reports_ms = settings.telemetry_report_days * _DAY_MS

    async def _allowed(self, account_id: str) -> frozenset[str]:
        if await self._directory.setting(account_id, "restrict"):
            return frozenset()
        allowed = set()
        if await self._directory.setting(account_id, "usage_data"):
            allowed |= {"usage", "performance"}
        if await self._directory.setting(account_id, "diagnostics"):
            allowed |= REPORTS
        return frozenset(allowed)

    async def take(self, account_id: str | None, events: Sequence[Event]) -> Taken:
        """Without an account only groups and sums are kept: a client that cannot sign in may still say why."""
        allowed = REPORTS | {"performance"} if account_id is None else await self._allowed(account_id)
        wanted = {event.id: self._clean(event) for event in events if event.kind in allowed}
        if not wanted:
            return Taken(0, 0, len(events))
        dropped = sum(event.kind not in allowed for event in events)
        async with self._db.write() as conn:
            fresh = list(wanted.values()) if account_id is None else await self._insert(conn, account_id, wanted)
            if fresh:
                await self._sum(conn, fresh)
                await self._group(conn, [event for event in fresh if event.kind in REPORTS])
        return Taken(len(fresh), len(events) - dropped - len(fresh), dropped)

    def _clean(self, event: Event) -> Event:
        now_ms = self._clock.at_ms()
        at_ms = min(max(event.at_ms, now_ms - OLDEST_MS), now_ms)
        return Event(event.id, event.kind, event.name, at_ms, self._scrub(dict(event.data)))

    async def _insert(self, conn: AsyncConnection, account_id: str, wanted: Mapping[str, Event]) -> list[Event]:
        """Those that were not there before."""
        received_ms = self._clock.at_ms()
        rows = [
            {
                "account_id": account_id,
                "event_id": event.id,
                "kind": event.kind,
                "name": event.name,
                "at_ms": event.at_ms,
                "received_ms": received_ms,
                "expires_ms": received_ms + self._kept_ms.get(event.kind, self._reports_ms),
                "signature": _signature(event) if event.kind in REPORTS else None,
                "data": dict(event.data),
            }
            for event in wanted.values()
        ]
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        statement = make(tables.telemetry_event).on_conflict_do_nothing().returning(tables.telemetry_event.c.event_id)
        return [wanted[event_id] for event_id in (await conn.execute(statement, rows)).scalars()]

    async def _sum(self, conn: AsyncConnection, events: Sequence[Event]) -> None:
        day = datetime.fromtimestamp(self._clock.at_ms() / 1000, UTC).date().isoformat()
        columns = tables.telemetry_daily.c
        known = {(row.kind, row.name) for row in await conn.execute(select(columns.kind, columns.name).where(columns.day == day))}
        full = {kind for kind, names in Counter(kind for kind, _ in known).items() if names >= NAMES_A_DAY}
        counted = Counter(
            (event.kind, OTHER if event.kind in full and (event.kind, event.name) not in known else event.name) for event in events
        )
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        # In one order, so that two writers do not wait for each other's rows.
        for (kind, name), count in sorted(counted.items()):
            row = make(tables.telemetry_daily).values(day=day, kind=kind, name=name, events=count)
            await conn.execute(row.on_conflict_do_update(index_elements=["day", "kind", "name"], set_={"events": columns.events + count}))

    async def _group(self, conn: AsyncConnection, events: Sequence[Event]) -> None:
        if not events:
            return
        now_ms = self._clock.at_ms()
        columns = tables.report_group.c
        by_signature: dict[str, list[Event]] = {}
        for event in events:
            by_signature.setdefault(_signature(event), []).append(event)
        known = set((await conn.execute(select(columns.signature).where(columns.signature.in_(by_signature)))).scalars())
        room = GROUPS_LIMIT - int((await conn.execute(select(func.count()).select_from(tables.report_group))).scalar_one())
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        for key, found in sorted(by_signature.items()):
            newest = found[-1]
            name, sample = newest.name, dict(newest.data)
            if key not in known:
                room -= 1
                if room < 0:
                    key, name, sample = signature(newest.kind, OTHER, "", ""), OTHER, {}
            row = make(tables.report_group).values(
                signature=key, kind=newest.kind, name=name, sample=sample, events=len(found), first_ms=now_ms, last_ms=now_ms
            )
            changes = {"events": columns.events + len(found), "last_ms": now_ms, "sample": sample}
            await conn.execute(row.on_conflict_do_update(index_elements=["signature"], set_=changes))

    # -- staff

    async def groups(self, kind: str | None, before: tuple[int, str] | None, limit: int) -> list[Group]:
        """The latest first, below (`last_ms`, signature)."""
        columns = tables.report_group.c
        query = select(tables.report_group)
        if kind is not None:
            query = query.where(columns.kind == kind)
        if before is not None:
            at_ms, key = before
            query = query.where((columns.last_ms < at_ms) | ((columns.last_ms == at_ms) & (columns.signature < key)))
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(columns.last_ms.desc(), columns.signature.desc()).limit(limit))
            return [Group(row.signature, row.kind, row.name, row.sample, row.events, row.first_ms, row.last_ms) for row in rows]

    async def daily(self, kind: str, days: int) -> list[tuple[str, str, int]]:
        """(day, name, events) of the last days, the newest day first, most used first."""
        since = datetime.fromtimestamp((self._clock.at_ms() - (days - 1) * _DAY_MS) / 1000, UTC).date().isoformat()
        columns = tables.telemetry_daily.c
        query = select(columns.day, columns.name, columns.events).where(columns.kind == kind, columns.day >= since)
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(columns.day.desc(), columns.events.desc(), columns.name).limit(5000))
            return [(row.day, row.name, row.events) for row in rows]

    # -- the end of their time

    async def expire(self) -> None:
        """Rows whose time is over go; groups keep their counts and lose the sample."""
        now_ms = self._clock.at_ms()
        columns, group = tables.telemetry_event.c, tables.report_group.c
        held = await self._holds.accounts()
        while True:
            over = (
                select(columns.account_id, columns.event_id)
                .where(columns.expires_ms <= now_ms, columns.account_id.not_in(held))
                .limit(_BATCH)
            )
            async with self._db.write() as conn:
                rows = (await conn.execute(over)).all()
                for account_id in {row.account_id for row in rows}:
                    mine = [row.event_id for row in rows if row.account_id == account_id]
                    await conn.execute(delete(tables.telemetry_event).where(columns.account_id == account_id, columns.event_id.in_(mine)))
            if len(rows) < _BATCH:
                break
        async with self._db.write() as conn:
            for kind in REPORTS:
                before_ms = now_ms - self._kept_ms.get(kind, self._reports_ms)
                stale = update(tables.report_group).where(group.kind == kind, group.last_ms < before_ms, group.sample.is_not(None))
                await conn.execute(stale.values(sample=None))


def _signature(event: Event) -> str:
    return signature(event.kind, event.name, str(event.data.get("message", "")), str(event.data.get("stack", "")))
