"""Wakes devices that lack something (RFC 8030). A push has no content: neither the push service nor anybody on the way learns who wrote, or what.

A committed message marks its conversation. A few seconds later, when every connected device has long confirmed it, the
devices that still lack it are woken, each at most once in a while. What a process forgot when it died is found by a sweep.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from livecore import errors
from livecore.config import Settings
from livecore.ports import Clock, Database, Directory, Job, Jobs, KeyDestroyed, Keys, Principal, PushSender, Undelivered
from livecore.push import tables
from livecore.push.endpoints import check_endpoint
from livecore.push.vapid import Vapid

log = structlog.get_logger("push")

SWEEP_JOB = "push.sweep"
SWEEP_EVERY_S = 60.0
# A connected device confirms within a second; one on a bad network within three.
PATIENCE_S = 3.0
# What is younger than this may be on its way to a socket.
FRESH_MS = 1500
# Conversations that wait to be looked at. Beyond, the sweep finds what was left out.
MARKED_LIMIT = 20_000
_BATCH = 200
# Calls to push services at once: one that is slow does not hold up the others.
AT_ONCE = 16
_CONTEXT = "push_subscription.endpoint"


def _scope(account_id: str) -> str:
    return f"account:{account_id}"


class Push:
    """Keeps `ports.DeviceWatcher`. `mark` is told of commits, `wake` of what cannot wait."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        jobs: Jobs,
        settings: Settings,
        directory: Directory,
        undelivered: Undelivered,
        sender: PushSender,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._jobs = jobs
        self._services = settings.push_services
        self._every_ms = int(settings.push_every_s * 1000)
        self._ttl_s = settings.push_ttl_s
        self._directory = directory
        self._undelivered = undelivered
        self._sender = sender
        self.vapid = Vapid(keys.blind("push", "vapid"), settings.push_contact)
        self._marked: dict[str, float] = {}  # conversation → monotonic time at which it is looked at
        self._rung = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._jobs.handle(SWEEP_JOB, self._sweep)
        await self._jobs.every(SWEEP_JOB, SWEEP_EVERY_S)
        self._looking = asyncio.get_running_loop().create_task(self._look(), name="push")

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    # -- what a person asks for

    async def subscribe(self, me: Principal, endpoint: str) -> None:
        """Wake the device that asks at this address from now on; replaces the one before. Raises Invalid."""
        check_endpoint(endpoint, self._services)
        sealed = await self._keys.seal(_scope(me.account_id), endpoint.encode(), _CONTEXT)
        now_ms = self._clock.at_ms()
        row = {
            "device_id": me.device_id,
            "account_id": me.account_id,
            "endpoint": sealed,
            "created_ms": now_ms,
            "pushed_ms": now_ms,
        }
        make = sqlite.insert if self._db.dialect == "sqlite" else postgresql.insert
        statement = make(tables.push_subscription).values(row)
        changes = {name: value for name, value in row.items() if name != "device_id"}
        async with self._db.write() as conn:
            await conn.execute(statement.on_conflict_do_update(index_elements=["device_id"], set_=changes))

    async def unsubscribe(self, me: Principal) -> None:
        """Doing it again changes nothing."""
        await self._forget([me.device_id])

    async def is_subscribed(self, me: Principal) -> bool:
        columns = tables.push_subscription.c
        async with self._db.read() as conn:
            return (await conn.execute(select(columns.device_id).where(columns.device_id == me.device_id))).first() is not None

    # -- what happens

    def mark(self, conversation_ids: Iterable[str]) -> None:
        """Something was committed there. Costs nothing on the path of a message."""
        due = self._clock.now() + PATIENCE_S
        for conversation_id in conversation_ids:
            if len(self._marked) >= MARKED_LIMIT:
                return
            self._marked.setdefault(conversation_id, due)
        self._rung.set()

    async def wake(self, account_id: str) -> None:
        """Wake every device of an account now (a call rings)."""
        columns = tables.push_subscription.c
        async with self._db.read() as conn:
            rows = (await conn.execute(select(tables.push_subscription).where(columns.account_id == account_id))).all()
        await self._push(rows, urgent=True)

    async def _look(self) -> None:
        while True:
            if not self._marked:
                self._rung.clear()
                await self._rung.wait()
            await asyncio.sleep(max(0.0, next(iter(self._marked.values())) - self._clock.now()))
            now = self._clock.now()
            due = [conversation_id for conversation_id, at in self._marked.items() if at <= now][:_BATCH]
            for conversation_id in due:
                del self._marked[conversation_id]
            try:
                await self._push_waiting(due)
            except errors.Unavailable:
                log.warning("the store was away while devices were looked for; the next sweep finds them")

    async def _push_waiting(self, conversation_ids: list[str]) -> None:
        accounts: set[str] = set()
        for conversation_id in conversation_ids:
            accounts |= set(await self._undelivered.members_of(conversation_id))
        columns = tables.push_subscription.c
        wanted = sorted(accounts)
        for start in range(0, len(wanted), _BATCH):
            query = select(tables.push_subscription).where(columns.account_id.in_(wanted[start : start + _BATCH]))
            async with self._db.read() as conn:
                rows = (await conn.execute(query)).all()
            if rows and await self._push_due(rows):
                # Woken a moment ago: what came since then is due when that moment is over.
                self._mark_again(conversation_ids)

    def _mark_again(self, conversation_ids: list[str]) -> None:
        for conversation_id in conversation_ids:
            self._marked.setdefault(conversation_id, self._clock.now() + PATIENCE_S)

    async def _sweep(self, _job: Job) -> None:
        """Every subscription once, a page at a time."""
        columns = tables.push_subscription.c
        after = ""
        while True:
            query = select(tables.push_subscription).where(columns.device_id > after).order_by(columns.device_id).limit(_BATCH)
            async with self._db.read() as conn:
                rows = (await conn.execute(query)).all()
            if not rows:
                return
            await self._push_due(rows)
            after = rows[-1].device_id

    async def _push_due(self, rows: Iterable[Any]) -> bool:
        """Wake those that lack something newer than their last waking; True when some of them were woken too short a time ago."""
        devices = {row.device_id: row.account_id for row in rows}
        waiting = await self._undelivered.newest_waiting(devices)
        now_ms = self._clock.at_ms()
        later, due = False, []
        for row in rows:
            newest_ms = waiting.get(row.device_id)
            if newest_ms is None or newest_ms <= row.pushed_ms or newest_ms > now_ms - FRESH_MS:
                later |= newest_ms is not None and newest_ms > row.pushed_ms
            elif row.pushed_ms != row.created_ms and now_ms - row.pushed_ms < self._every_ms:
                later = True
            elif await self._directory.setting(row.account_id, "notify_messages"):
                due.append(row)
        await self._push(due, urgent=False)
        return later

    async def _push(self, rows: Iterable[Any], *, urgent: bool) -> None:
        found = list(rows)
        if not found:
            return
        columns = tables.push_subscription.c
        # Before it leaves: two processes that look at the same moment wake a device once or twice, never again and again.
        async with self._db.write() as conn:
            ids = [row.device_id for row in found]
            await conn.execute(update(tables.push_subscription).where(columns.device_id.in_(ids)).values(pushed_ms=self._clock.at_ms()))
        outcomes = await asyncio.gather(*(self._send(row, urgent=urgent) for row in found))
        await self._forget([row.device_id for row, outcome in zip(found, outcomes, strict=True) if outcome == "gone"])

    async def _send(self, row: Any, *, urgent: bool) -> str:
        try:
            endpoint = (await self._keys.open(_scope(row.account_id), row.endpoint, _CONTEXT)).decode()
        except KeyDestroyed:
            return "gone"
        async with self._places:
            headers: Mapping[str, str] = {
                "Authorization": self.vapid.authorization(endpoint, self._clock.at_ms() // 1000),
                "TTL": str(60 if urgent else self._ttl_s),
                "Urgency": "high" if urgent else "normal",
                # RFC 8030, 5.4: a push service that holds one of this topic keeps the newer alone.
                "Topic": "call" if urgent else "messages",
            }
            return await self._sender.push(endpoint, headers)

    async def _forget(self, device_ids: list[str]) -> None:
        if device_ids:
            async with self._db.write() as conn:
                await conn.execute(delete(tables.push_subscription).where(tables.push_subscription.c.device_id.in_(device_ids)))

    # -- ports.DeviceWatcher

    async def device_added(self, account_id: str, device_id: str) -> None:
        """A device asks to be woken by itself."""

    async def device_removed(self, account_id: str, device_id: str) -> None:
        await self._forget([device_id])
