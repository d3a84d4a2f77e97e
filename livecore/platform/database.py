"""SQLAlchemy Core on SQLite or PostgreSQL; keeps the promise of `ports.Database`.

SQLite: WAL, full synchronisation, one writer at a time behind a fair lock (a lock in SQLite itself would be
polled with sleeps), readers on connections of their own. PostgreSQL: a pool.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from livecore import errors

T = TypeVar("T")

# A second process (the command line) may hold the file for one short transaction.
SQLITE_BUSY_MS = 5000
# Pages of 4 KiB before a checkpoint is tried: 16 MiB keep it off the path of a burst.
SQLITE_CHECKPOINT_PAGES = 4000
SQLITE_READERS = 4
# Fewer than PostgreSQL's default of 100 for four processes and a shell.
POSTGRES_POOL = 16
POOL_WAIT_S = 10.0


def database_url(configured: str, data_dir: Path, name: str = "livecore.sqlite") -> str:
    """The SQLAlchemy URL with its async driver."""
    if not configured:
        return f"sqlite+aiosqlite:///{data_dir / name}"
    url = make_url(configured)
    driver = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    return url.set(drivername=driver.get(url.drivername, url.drivername)).render_as_string(hide_password=False)


def _sqlite_connect(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions on its own: `_begin` says BEGIN.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={SQLITE_BUSY_MS}",
        f"wal_autocheckpoint={SQLITE_CHECKPOINT_PAGES}",
        "cache_size=-32768",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


class SqlDatabase:
    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if make_url(url).get_backend_name() == "sqlite" else "postgresql"
        self._writer: AsyncEngine
        self._reader: AsyncEngine
        if self.dialect == "sqlite":
            # aiosqlite queues statements on a thread of its own; a writer and a few readers.
            self._writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=POOL_WAIT_S, hide_parameters=True)
            self._reader = create_async_engine(
                url, pool_size=SQLITE_READERS, max_overflow=0, pool_timeout=POOL_WAIT_S, hide_parameters=True
            )
            for engine, begin in ((self._writer, _begin_immediate), (self._reader, _begin_deferred)):
                event.listen(engine.sync_engine, "connect", _sqlite_connect)
                event.listen(engine.sync_engine, "begin", begin)
        else:
            self._writer = self._reader = create_async_engine(
                url, pool_size=POSTGRES_POOL, max_overflow=0, pool_timeout=POOL_WAIT_S, hide_parameters=True, pool_pre_ping=True
            )
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._plain: sqlite3.Connection | None = None  # made by the thread at its first use
        # What waits for a transaction's commit, by the connection that runs it.
        self._waiting: dict[int, list[Callable[[], Awaitable[None]]]] = {}

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        with _absences():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        committed: list[Callable[[], Awaitable[None]]] = []
        with _absences():
            if self.dialect == "sqlite":
                async with self._turn, self._writer.begin() as connection:
                    with self._collecting(connection, committed):
                        yield connection
            else:
                async with self._writer.begin() as connection:
                    with self._collecting(connection, committed):
                        yield connection
        for do in committed:
            await do()

    @contextmanager
    def _collecting(self, connection: AsyncConnection, into: list[Callable[[], Awaitable[None]]]) -> Iterator[None]:
        self._waiting[id(connection)] = into
        try:
            yield
        finally:
            del self._waiting[id(connection)]

    def after_commit(self, connection: AsyncConnection, do: Callable[[], Awaitable[None]]) -> None:
        self._waiting[id(connection)].append(do)

    async def write_sqlite(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """One write transaction on the driver itself, whole in one thread, in the writers' turn: for a path where
        SQLAlchemy's cost per statement counts. `work` runs in the thread and keeps nothing of the connection."""
        async with self._turn:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, work)

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _absences():
            if self._plain is None:
                path = make_url(self.url).database
                assert path is not None
                self._plain = sqlite3.connect(path, isolation_level=None, cached_statements=256)
                _sqlite_connect(self._plain, None)
            self._plain.execute("BEGIN IMMEDIATE")
            try:
                result = work(self._plain)
            except BaseException:
                self._plain.execute("ROLLBACK")
                raise
            self._plain.execute("COMMIT")
        return result

    async def write_postgres(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """One write transaction on asyncpg's own connection, for a path where SQLAlchemy's cost per statement counts."""
        with _absences():
            async with self._writer.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    async with driver.transaction():
                        return await work(driver)
                except Exception as exc:
                    if _is_absence(exc):
                        await connection.invalidate()
                    raise

    def _close_plain(self) -> None:
        if self._plain is not None:
            self._plain.close()
            self._plain = None

    async def checkpoint(self) -> bool:
        """SQLite: move the write-ahead log into the database and empty it, so that nothing deleted stays in it.

        False when a reader still needs the log; it is then tried again later.
        """
        if self.dialect != "sqlite":
            return True
        async with self._turn, self._reader.connect() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            await raw.driver_connection.rollback()
            cursor = await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy = (await cursor.fetchone())[0]
            await cursor.close()
        return not busy

    async def check(self) -> None:
        """Whether the database answers, for `/readyz`. Raises Unavailable."""
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close_plain)
        self._thread.shutdown()
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


@contextmanager
def _absences() -> Iterator[None]:
    """A lost or busy server is the operator's affair and becomes `Unavailable`; a wrong statement is ours and stays as it is."""
    try:
        yield
    except Exception as exc:
        if not _is_absence(exc):
            raise
        raise errors.Unavailable("The database does not answer.") from exc


def _is_absence(exc: BaseException) -> bool:
    if isinstance(exc, DBAPIError):
        # asyncpg's own error is the cause of the one that SQLAlchemy makes of it.
        origins = (exc.orig, exc.orig.__cause__ if exc.orig else None)
        return bool(exc.connection_invalidated) or any(_is_absence(origin) for origin in origins if origin is not None)
    if isinstance(exc, sqlite3.OperationalError):
        return any(word in str(exc) for word in ("locked", "busy", "disk", "full", "I/O", "unable to open"))
    if type(exc).__name__ == "InterfaceError":
        # asyncpg says so of a connection that is gone, but of its misuse as well.
        return "closed" in str(exc)
    return isinstance(exc, (PoolTimeout, ConnectionError, *_lost_postgres()))


@cache
def _lost_postgres() -> tuple[type[Exception], ...]:
    """asyncpg's words for a connection that ended, for a server that is going down, starting or full, and for a turn that was lost."""
    try:
        import asyncpg
    except ImportError:  # an extra that only PostgreSQL needs
        return ()
    return (
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.exceptions.OperatorInterventionError,
        asyncpg.exceptions.InsufficientResourcesError,
        asyncpg.exceptions.TransactionRollbackError,
    )
