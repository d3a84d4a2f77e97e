"""What was committed and not rung: a process that died between the two, a commit whose answer was lost.

The bell is made good from the store, so that nobody waits for a conversation's next message to get the last one.
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from sqlalchemy import func, select

from livecore import errors
from livecore.ports import Clock, Database
from livecore.rooms import tables
from livecore.rooms.items import Draft

log = structlog.get_logger("rooms")

# Looked at once more by each check: a commit takes so long at the worst, and clocks of processes differ by so much.
OVERLAP_MS = 30_000
# Held messages that one check looks at, the newest: some 20 ms of a core. Those before them the last check has seen.
CHECK_LIMIT = 20_000
# A store that gave no answer is asked for what it took after this, and again.
DOUBT_RETRY_S = 0.5
# In doubt at once, two batches' worth; of more, and in a larger store's trouble, the next check finds what it took.
DOUBTS_LIMIT = 2000
DOUBTS_CHUNK = 500


class Heads:
    """`on_moved(conversation, seq)`: the store is there; `on_found(conversation, first)`: so is an item in doubt that nobody was given."""

    def __init__(
        self, db: Database, clock: Clock, every_s: float, on_moved: Callable[[str, int], None], on_found: Callable[[str, int], None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._every_s = every_s
        self._on_moved = on_moved
        self._on_found = on_found
        self._doubts: dict[str, str] = {}  # draft → conversation
        self._ended = asyncio.Event()
        self._doubted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._check_often(), name="rooms-heads"), loop.create_task(self._settle(), name="rooms-doubts")]

    async def close(self) -> None:
        """They read the store: waited for and not cut off, since a connection left in the middle is lost to the pool."""
        self._ended.set()
        self._doubted.set()
        await asyncio.gather(*self._tasks)

    def doubt(self, drafts: list[Draft]) -> None:
        """Whether these were committed is not known."""
        for draft in drafts[: DOUBTS_LIMIT - len(self._doubts)]:
            self._doubts[draft.id] = draft.conversation_id
        self._doubted.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    async def _check_often(self) -> None:
        since_ms = self._clock.at_ms()
        while True:
            await self._pause(self._every_s)
            if self._ended.is_set():
                return
            now_ms = self._clock.at_ms()
            try:
                await self.check(since_ms - OVERLAP_MS)
                since_ms = now_ms
            except errors.Unavailable:
                log.warning("the store was away while heads were checked")
            except Exception:
                # A fault of ours must not end the checks.
                log.exception("heads could not be checked")

    async def check(self, since_ms: int) -> None:
        """One question of the index by time, whatever the number of conversations: what is held of that span."""
        columns = tables.message.c
        # With its own limit it is read by the index of time; grouped at once, SQLite would walk the whole table by conversation.
        span = (
            select(columns.conversation_id, columns.seq)
            .where(columns.sent_ms >= since_ms)
            .order_by(columns.sent_ms.desc())
            .limit(CHECK_LIMIT)
            .subquery()
        )
        newest = select(span.c.conversation_id, func.max(span.c.seq).label("seq")).group_by(span.c.conversation_id)
        async with self._db.read() as conn:
            found = (await conn.execute(newest)).all()
        for row in found:
            self._on_moved(row.conversation_id, row.seq)

    async def _settle(self) -> None:
        while True:
            await self._doubted.wait()
            if self._ended.is_set():
                return
            self._doubted.clear()
            try:
                await self._find()
            except errors.Unavailable:
                self._doubted.set()
                await self._pause(DOUBT_RETRY_S)
            except Exception:
                log.exception("messages in doubt could not be looked for; the next check finds them")
                self._doubts.clear()

    async def _find(self) -> None:
        """What was committed after all is given, from the lowest number of each conversation on."""
        doubts = dict(self._doubts)
        columns = tables.message.c
        names = list(doubts)
        lowest: dict[str, int] = {}
        for start in range(0, len(names), DOUBTS_CHUNK):
            some = names[start : start + DOUBTS_CHUNK]
            query = select(columns.conversation_id, columns.seq).where(
                columns.conversation_id.in_({doubts[one] for one in some}), columns.id.in_(some)
            )
            async with self._db.read() as conn:
                for row in await conn.execute(query):
                    lowest[row.conversation_id] = min(row.seq, lowest.get(row.conversation_id, row.seq))
        for name in names:
            self._doubts.pop(name, None)
        for conversation_id, first in lowest.items():
            self._on_found(conversation_id, first)
