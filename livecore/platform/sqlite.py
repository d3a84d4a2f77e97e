"""One SQLite file: readers whose statements run on the event loop itself, and one writer whose commits do not.

A read of a few rows takes SQLite some tens of microseconds, and in WAL mode it never waits for the writer; handing it to a thread and
back costs ten times that. So statements run where they are called. What may take long leaves the loop: the flush of a commit, whatever is
begun as `slow`, many rows at once, and any query that is not done within `INLINE_S`: it is stopped and run again in a thread.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

T = TypeVar("T")

# A second process (the command line) may hold the file for one short transaction.
BUSY_MS = 5000
# Pages of 4 KiB before a checkpoint is tried: 16 MiB keep it off the path of a burst.
CHECKPOINT_PAGES = 4000
# Transactions that are open at once; one that awaits something else keeps its connection meanwhile.
READERS = 8
POOL_WAIT_S = 10.0
# How long one query may hold the event loop: well below what a listener of a live would notice.
INLINE_S = 0.005
# Steps of SQLite's machine between two looks at the clock: some 50 microseconds.
STEPS = 2000
# A statement with this many sets of parameters goes to a thread at once.
MANY = 200
# Queries that left the loop run at most so many at a time, so that they cannot take every core.
SLOW_THREADS = 2

PRAGMAS: tuple[str, ...] = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    "cache_size=-32768",
)


class _Cursor(sqlite3.Cursor):
    """Reads every row while it executes: nothing of a query is left to run later, on whichever thread."""

    _rows: deque[Any] = deque()

    def execute(self, sql: str, parameters: Any = ()) -> "_Cursor":
        driver = self.connection
        assert isinstance(driver, _Driver)
        # From here: what SQLAlchemy does before (building a statement, `BEGIN`) is not the query's time.
        driver.deadline = time.perf_counter() + driver.limit_s
        try:
            super().execute(sql, parameters)
            self._rows = deque(super().fetchall()) if self.description is not None else deque()
        finally:
            driver.deadline = float("inf")
        return self

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows


class _Driver(sqlite3.Connection):
    """`limit_s`: how long a query may run before it is stopped. `deadline`: of the one that runs, in monotonic seconds."""

    limit_s = float("inf")
    deadline = float("inf")

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def is_late(self) -> bool:
        return time.perf_counter() > self.deadline


def connect(path: str, pragmas: Sequence[str] = PRAGMAS) -> _Driver:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, factory=_Driver)
    for pragma in (f"busy_timeout={BUSY_MS}", *pragmas):
        connection.execute(f"PRAGMA {pragma}")
    return connection


async def hop(executor: Executor, work: Callable[..., T], *args: Any) -> T:
    """Run `work` in a thread. A caller that is cancelled waits for its end all the same: a connection has one user at a time."""
    future = asyncio.get_running_loop().run_in_executor(executor, work, *args)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue
        raise


class SqliteConnection:
    """What callers use of SQLAlchemy's `AsyncConnection`, over one connection of the file.

    `is_reader`: every statement may be stopped and run again. `is_slow`: no statement runs on the loop.
    """

    def __init__(self, sync: Connection, driver: _Driver, executor: Executor, *, is_reader: bool) -> None:
        self.sync_connection = sync
        self.driver = driver
        self._executor = executor
        self._is_reader = is_reader
        self.is_slow = False

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> CursorResult[Any]:
        if self.is_slow or (isinstance(parameters, Sequence) and len(parameters) > MANY):
            return await hop(self._executor, self._execute, statement, parameters, execution_options)
        if not (self._is_reader or getattr(statement, "is_select", False)):
            # Stopping a change would undo the whole transaction.
            return self._execute(statement, parameters, execution_options)
        self.driver.limit_s = INLINE_S
        try:
            return self._execute(statement, parameters, execution_options)
        except OperationalError as exc:
            if getattr(exc.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                raise
        finally:
            self.driver.limit_s = float("inf")
        return await hop(self._executor, self._execute, statement, parameters, execution_options)

    def _execute(self, statement: Any, parameters: Any, execution_options: Any) -> CursorResult[Any]:
        return self.sync_connection.execute(statement, parameters, execution_options=execution_options)

    async def on_driver(self, work: Callable[..., T], *args: Any) -> T:
        """`work(driver, *args)` within this transaction, without what SQLAlchemy does around each statement."""
        if self.is_slow:
            return await hop(self._executor, work, self.driver, *args)
        return work(self.driver, *args)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Any, parameters: Any = None) -> Any:
        return (await self.execute(statement, parameters)).scalars()

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        if self.is_slow:
            return await hop(self._executor, self.sync_connection.exec_driver_sql, statement, parameters)
        return self.sync_connection.exec_driver_sql(statement, parameters)

    async def run_sync(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await hop(self._executor, lambda: work(self.sync_connection, *args, **kwargs))


class SqliteFile:
    """The connections of one file.

    `turn`: held by whoever writes, in order of arrival. `thread`: where commits are flushed, and what else needs a thread while holding the turn.
    `slow`: where queries go on that left the loop.
    """

    def __init__(self, path: str, pragmas: Sequence[str] = PRAGMAS) -> None:
        self.path = path
        self._pragmas = pragmas
        self.turn = asyncio.Lock()
        self._engine = create_engine("sqlite://", poolclass=NullPool, hide_parameters=True, creator=self._connect)
        event.listen(self._engine, "begin", _begin)
        self.dialect = self._engine.dialect
        self._free: list[SqliteConnection] = []  # last in, first out: its page cache is the warm one
        self._readers = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._writer: SqliteConnection | None = None
        self.slow = ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="sqlite-slow")
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")

    def _connect(self) -> _Driver:
        driver = connect(self.path, self._pragmas)
        driver.set_progress_handler(driver.is_late, STEPS)
        return driver

    def _open(self, executor: Executor, *, is_reader: bool) -> SqliteConnection:
        sync = self._engine.connect()
        driver = sync.connection.driver_connection
        assert isinstance(driver, _Driver)
        return SqliteConnection(sync, driver, executor, is_reader=is_reader)

    # -- reading

    async def take(self) -> SqliteConnection:
        """A reader; to be given back. Raises PoolTimeout when every one stays in use."""
        while not self._free:
            if self._readers < READERS:
                self._readers += 1
                try:
                    reader = self._open(self.slow, is_reader=True)
                    reader.driver.execute("PRAGMA query_only=ON")
                    return reader
                except BaseException:
                    self._left()
                    raise
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout(POOL_WAIT_S):
                    await turn
            except BaseException as exc:
                if turn.done() and not turn.cancelled():
                    self._next()  # it was this one's turn: pass it on
                if isinstance(exc, TimeoutError):
                    raise PoolTimeout("every reader of the database is in use") from exc
                raise
        return self._free.pop()

    def give_back(self, reader: SqliteConnection) -> None:
        try:
            reader.is_slow = False
            reader.sync_connection.rollback()
        except Exception:
            _discard(reader)
            self._left()
            raise
        if reader.sync_connection.invalidated:
            _discard(reader)
            self._left()
            return
        self._free.append(reader)
        self._next()

    def _left(self) -> None:
        self._readers -= 1
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    # -- writing

    @asynccontextmanager
    async def transaction(self, *, slow: bool = False) -> AsyncIterator[SqliteConnection]:
        """The writer, in its turn: committed at the end, rolled back when the block raises."""
        async with self.turn:
            writer = await self._begin()
            writer.is_slow = slow
            before = writer.driver.total_changes
            try:
                yield writer
                if writer.driver.total_changes == before and not slow:
                    writer.sync_connection.commit()  # nothing to flush
                else:
                    await hop(self.thread, writer.sync_connection.commit)
            finally:
                self._end(writer)

    async def _begin(self) -> SqliteConnection:
        if self._writer is None:
            self._writer = self._open(self.thread, is_reader=False)
            self._writer.driver.execute("PRAGMA busy_timeout=0")
        writer = self._writer
        try:
            writer.driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            await hop(self.thread, _begin_waiting, writer.driver)
        writer.sync_connection.begin()
        return writer

    def _end(self, writer: SqliteConnection) -> None:
        """Undo what was not committed; a connection that cannot is replaced."""
        writer.is_slow = False
        try:
            writer.sync_connection.rollback()
        finally:
            if writer.sync_connection.invalidated or writer.driver.in_transaction:
                _discard(writer)
                self._writer = None

    def close(self) -> None:
        for connection in (*self._free, *([self._writer] if self._writer else [])):
            _discard(connection)
        self._free.clear()
        self._writer = None
        self._readers = 0
        self.slow.shutdown()
        self.thread.shutdown()
        self._engine.dispose()


def _begin(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:
        driver.execute("BEGIN")


def _begin_waiting(driver: _Driver) -> None:
    driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    try:
        driver.execute("BEGIN IMMEDIATE")
    finally:
        driver.execute("PRAGMA busy_timeout=0")


def _discard(connection: SqliteConnection) -> None:
    connection.sync_connection.close()
    connection.driver.close()
