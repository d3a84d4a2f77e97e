"""SQLAlchemy Core on SQLite or PostgreSQL; keeps the promise of `ports.Database`.

SQLite: WAL, full synchronisation, one writer at a time behind a fair lock (a lock in SQLite itself would be
polled with sleeps), readers on connections of their own (`livecore.platform.sqlite`). PostgreSQL: a pool.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from sqlalchemy import CompoundSelect, Select, UpdateBase
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from livecore import errors
from livecore.platform.postgres import PostgresPool
from livecore.platform.prepared import PostgresStep, PreparedPostgres, PreparedSqlite, SqliteStep, ask_before_use
from livecore.platform.sqlite import POOL_WAIT_S, SqliteFile, connect, hop
from livecore.ports import Prepared, PreparedStep

T = TypeVar("T")

SQLITE_NAME = "livecore.sqlite"
# Fewer than PostgreSQL's default of 100 for four processes and a shell.
POSTGRES_POOL = 16


def database_url(configured: str, data_dir: Path, name: str = SQLITE_NAME) -> str:
    """The SQLAlchemy URL with its async driver."""
    if not configured:
        return f"sqlite:///{data_dir / name}"
    url = make_url(configured)
    driver = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite"}
    return url.set(drivername=driver.get(url.drivername, url.drivername)).render_as_string(hide_password=False)


class SqlDatabase:
    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if make_url(url).get_backend_name() == "sqlite" else "postgresql"
        self._file: SqliteFile | None = None
        self._pool: PostgresPool | None = None
        self._engine: AsyncEngine | None = None
        if self.dialect == "sqlite":
            path = make_url(url).database
            assert path is not None
            self._file = SqliteFile(path)
        else:
            self._pool = PostgresPool(url, POSTGRES_POOL, pool_timeout=POOL_WAIT_S)
            self._engine = self._pool.engine
            ask_before_use(self._engine)
        self._plain: sqlite3.Connection | None = None  # made by the writer's thread at its first use
        # What waits for a transaction's commit, by the connection that runs it.
        self._waiting: dict[int, list[Callable[[], Awaitable[None]]]] = {}

    def read(self, *, slow: bool = False) -> AbstractAsyncContextManager[AsyncConnection]:
        if self._file is not None:
            return _SqliteRead(self._file, slow)
        return self._read_postgres()

    def prepare(self, query: Select[Any] | CompoundSelect[Any]) -> Prepared:
        ask: Prepared
        if self._file is not None:
            ask = PreparedSqlite(self._file, query)
        else:
            assert self._engine is not None
            ask = PreparedPostgres(self._engine, query, _is_absence)

        async def answer(given: Mapping[str, Any]) -> list[dict[str, Any]]:
            try:
                return await ask(given)
            except Exception as exc:
                _raise_absence(exc)
                raise

        return answer

    def prepare_step(self, statement: Select[Any] | UpdateBase) -> PreparedStep:
        return SqliteStep(self._file.dialect, statement) if self._file is not None else PostgresStep(statement)

    @asynccontextmanager
    async def _read_postgres(self) -> AsyncIterator[AsyncConnection]:
        assert self._engine is not None
        with _absences():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, *, slow: bool = False) -> AsyncIterator[AsyncConnection]:
        committed: list[Callable[[], Awaitable[None]]] = []
        with _absences():
            if self._file is not None:
                async with self._file.transaction(slow=slow) as writer:
                    connection = cast("AsyncConnection", writer)
                    with self._collecting(connection, committed):
                        yield connection
            else:
                assert self._engine is not None
                async with self._engine.begin() as connection:
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
        assert self._file is not None
        async with self._file.turn:
            return await asyncio.get_running_loop().run_in_executor(self._file.thread, self._in_thread, work)

    def _plain_connection(self) -> sqlite3.Connection:
        if self._plain is None:
            assert self._file is not None
            self._plain = connect(self._file.path)
        return self._plain

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _absences():
            plain = self._plain_connection()
            plain.execute("BEGIN IMMEDIATE")
            try:
                result = work(plain)
            except BaseException:
                plain.execute("ROLLBACK")
                raise
            plain.execute("COMMIT")
        return result

    async def write_postgres(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """One write transaction on asyncpg's own connection, for a path where SQLAlchemy's cost per statement counts."""
        assert self._engine is not None
        with _absences():
            async with self._engine.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                try:
                    async with driver.transaction():
                        return await work(driver)
                except Exception as exc:
                    if _is_absence(exc):
                        await connection.invalidate()
                    raise

    async def checkpoint(self) -> bool:
        """SQLite: move the write-ahead log into the database and empty it, so that nothing deleted stays in it.

        False when a reader still needs the log; it is then tried again later.
        """
        if self._file is None:
            return True
        async with self._file.turn:
            return await hop(self._file.thread, self._checkpoint)

    def _checkpoint(self) -> bool:
        busy = self._plain_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    async def check(self) -> None:
        """Whether the database answers, for `/readyz`. Raises Unavailable."""
        async with self.read() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        if self._file is not None:
            await hop(self._file.thread, self._close_plain)
            self._file.close()
        if self._pool is not None:
            await self._pool.close()

    def _close_plain(self) -> None:
        if self._plain is not None:
            self._plain.close()
            self._plain = None


class _SqliteRead:
    """A context manager by hand: this is on the path of every request."""

    __slots__ = ("_file", "_reader", "_slow")

    def __init__(self, file: SqliteFile, slow: bool) -> None:
        self._file = file
        self._slow = slow

    async def __aenter__(self) -> AsyncConnection:
        try:
            self._reader = await self._file.take()
        except Exception as exc:
            _raise_absence(exc)
            raise
        self._reader.is_slow = self._slow
        return cast("AsyncConnection", self._reader)

    async def __aexit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        self._file.give_back(self._reader)
        if isinstance(exc, Exception):
            _raise_absence(exc)


def _raise_absence(exc: Exception) -> None:
    if _is_absence(exc):
        raise errors.Unavailable("The database does not answer.") from exc


@contextmanager
def _absences() -> Iterator[None]:
    """A lost or busy server is the operator's affair and becomes `Unavailable`; a wrong statement is ours and stays as it is."""
    try:
        yield
    except Exception as exc:
        _raise_absence(exc)
        raise


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
        asyncpg.InternalClientError,  # an idle connection heard that it is cut, and a question came at that moment
        asyncpg.PostgresConnectionError,
        asyncpg.exceptions.OperatorInterventionError,
        asyncpg.exceptions.InsufficientResourcesError,
        asyncpg.exceptions.TransactionRollbackError,
    )
