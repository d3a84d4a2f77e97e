"""The message store by itself: livecore's gathering writer on a database, in a process of its own, with nobody connected.

What is measured is the way of a message from the rules' end to the commit and, with receipts, to the deletion of its body and the
destruction of its key: sealing included, sockets not.
"""

import asyncio
import itertools
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.latency import Latencies
from bench.load import Handler, LoadFailed, Progress
from livecore import data, errors
from livecore.ids import new_id
from livecore.platform.clock import SystemClock
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.keys import SqlKeys
from livecore.platform.migrations import migrate
from livecore.rooms import tables
from livecore.rooms.items import Draft, Item, Mark
from livecore.rooms.postgres_store import PostgresStore
from livecore.rooms.sqlite_store import SqliteStore
from livecore.rooms.writer import Writer

WARM_S = 0.3
PROGRESS_S = 0.25


class StoreLoad:
    def __init__(self) -> None:
        self._directory: Path | None = None
        self._pairs: list[tuple[str, str, str]] = []  # (conversation, one account, the other)

    async def open(self, given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """A fresh database with `conversations` between two accounts each, every account with one device."""
        self._directory = Path(tempfile.mkdtemp(prefix="livecore-bench-store-"))
        self._db = SqlDatabase(database_url(given["database_url"], self._directory))
        self._keys = SqlKeys(database_url("", self._directory, "keys.sqlite"))
        self._clock = SystemClock()
        try:
            await migrate(self._db, data.metadata)
            await self._keys.start()
        except (errors.Problem, OSError) as exc:
            raise LoadFailed(f"the database cannot be used: {exc}") from exc
        store = SqliteStore(self._db) if self._db.dialect == "sqlite" else PostgresStore(self._db)
        self._writer = Writer(store, self._keys, self._clock, self._on_items, self._on_deleted)
        self._writer.start()
        self._receipts: asyncio.Queue[Item] = asyncio.Queue()
        self._confirming = bool(given["receipts"])
        await self._make_conversations(given["conversations"])
        return {"dialect": self._db.dialect}

    async def _make_conversations(self, count: int) -> None:
        at_ms = self._clock.at_ms()
        self._pairs = [(new_id(), new_id(), new_id()) for _ in range(count)]
        made, members, cursors = [], [], []
        for conversation_id, one, other in self._pairs:
            made.append(
                {
                    "id": conversation_id,
                    "kind": "direct",
                    "epoch": "bench",
                    "seq": 0,
                    "version": 1,
                    "created_by": one,
                    "created_ms": at_ms,
                }
            )
            for account_id in (one, other):
                members.append(
                    {
                        "conversation_id": conversation_id,
                        "account_id": account_id,
                        "role": "member",
                        "open": True,
                        "request": False,
                        "since_seq": 0,
                        "received_seq": 0,
                        "read_seq": 0,
                        "joined_ms": at_ms,
                    }
                )
                cursors.append(
                    {
                        "conversation_id": conversation_id,
                        "account_id": account_id,
                        "device_id": f"device-{account_id}",
                        "seq": 0,
                        "since_seq": 0,
                        "lost_seq": 0,
                    }
                )
        async with self._db.write() as conn:
            await conn.execute(insert(tables.conversation), made)
            await conn.execute(insert(tables.member), members)
            await conn.execute(insert(tables.device_cursor), cursors)

    def _on_items(self, items: list[Item]) -> None:
        if self._confirming:
            for item in items:
                self._receipts.put_nowait(item)

    async def _on_deleted(self) -> None:
        return

    async def run(self, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """`at_once` senders, each waiting for its answer before it sends the next, for `seconds`."""
        await self._talk(given, WARM_S, Latencies(), None)
        took = Latencies()
        cpu, started = time.process_time(), time.monotonic()
        accepted = await self._talk(given, given["seconds"], took, progress)
        seconds = time.monotonic() - started
        cpu_s = time.process_time() - cpu
        return {"accepted": accepted, "seconds": seconds, "cpu_s": cpu_s, "took": took.tell()}

    async def _talk(self, given: dict[str, Any], seconds: float, took: Latencies, progress: Progress | None) -> int:
        accepted, until = 0, time.monotonic() + seconds
        pairs = itertools.cycle(self._pairs)
        content = b'{"body":"' + b"x" * given["text_bytes"] + b'"}'
        told_at = time.monotonic()

        async def send() -> None:
            nonlocal accepted, told_at
            while (now := time.monotonic()) < until:
                conversation_id, one, other = next(pairs)
                if accepted % 2:
                    one = other
                await self._writer.send(Draft(conversation_id, 1, "message", new_id(), one, f"device-{one}", new_id(), None, content))
                accepted += 1
                took.add((time.monotonic() - now) * 1e3)
                if progress is not None and now - told_at > PROGRESS_S:
                    told_at = now
                    progress({"seconds": seconds - until + now, "accepted": accepted, "p99_ms": took.percentile(0.99)})

        receipts = asyncio.create_task(self._confirm()) if self._confirming else None
        try:
            await asyncio.gather(*(send() for _ in range(given["at_once"])))
            await self._receipts.join()
        except errors.Problem as exc:
            raise LoadFailed(f"a message was refused: {exc.title} {exc.detail or ''}") from exc
        finally:
            if receipts is not None:
                receipts.cancel()
        return accepted

    async def _confirm(self) -> None:
        """The readers' devices say what they have: what came since the last time, one mark a conversation."""
        others = {conversation_id: (one, other) for conversation_id, one, other in self._pairs}
        while True:
            items = [await self._receipts.get()]
            while not self._receipts.empty():
                items.append(self._receipts.get_nowait())
            newest = {(item.conversation_id, item.account_id): item.seq for item in items}
            marks = []
            for (conversation_id, sender), seq in newest.items():
                one, other = others[conversation_id]
                reader = other if sender == one else one
                marks.append(self._writer.mark(Mark("received", conversation_id, reader, f"device-{reader}", seq)))
            await asyncio.gather(*marks)
            for _ in items:
                self._receipts.task_done()

    async def close(self, _given: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        await self._writer.close()
        held = 0
        async with self._db.read() as conn:
            held = int((await conn.exec_driver_sql("SELECT count(*) FROM message")).scalar_one())
        await self._db.close()
        await self._keys.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        return {"held": held}


def handlers() -> dict[str, Handler]:
    load = StoreLoad()
    return {"open": load.open, "run": load.run, "close": load.close}
