"""A query of a hot path, compiled once: what SQLAlchemy does for each execution takes several times what SQLite does for it.

A query on its own needs no transaction: it sees what is committed when it begins. Keeps the promise of `ports.Prepared`.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, cast

from sqlalchemy import CompoundSelect, Float, Numeric, Select, UpdateBase, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from livecore.platform.sqlite import INLINE_S, SqliteConnection, SqliteFile, hop

Given = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_unasked: ContextVar[bool] = ContextVar("unasked", default=False)


class _Prepared:
    """`_sql` takes values in the order of `_order`; `_rows` makes of the driver's rows what SQLAlchemy would. `_native`: types of which the
    driver gives what is wanted already."""

    _native: tuple[type[Any], ...] = ()

    def __init__(self, dialect: Any, query: Select[Any] | CompoundSelect[Any] | UpdateBase) -> None:
        compiled = query.compile(dialect=dialect)
        if compiled.positiontup is None or "POSTCOMPILE" in compiled.string:
            raise ValueError("its text depends on its values: a set is passed by `among`")
        self._sql = compiled.string
        self._order = tuple(compiled.positiontup)
        # Literals of the query; those that the caller gives have no value yet.
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        columns = list(query.exported_columns)
        self._names = [str(column.key) for column in columns]
        self._writers = {
            name: write
            for name, bind in compiled.binds.items()
            if (write := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
        }
        self._readers: list[tuple[str, Callable[[Any], Any]]] = []
        for name, column in zip(self._names, columns, strict=True):
            is_native = isinstance(column.type, self._native)
            reader = None if is_native else column.type.dialect_impl(dialect).result_processor(dialect, None)
            if reader is not None:
                self._readers.append((name, reader))

    def _ordered(self, given: Mapping[str, Any]) -> list[Any]:
        values = self._fixed | dict(given)
        return [values[name] for name in self._order]

    def _rows(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        names = self._names
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for name, read in self._readers:
            for values in found:
                values[name] = read(values[name])
        return found


class PreparedSqlite(_Prepared):
    """Stopped and moved to a thread when it takes long, as every query is."""

    def __init__(self, file: SqliteFile, query: Select[Any] | CompoundSelect[Any]) -> None:
        super().__init__(file.dialect, query)
        self._file = file

    async def __call__(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        ordered = self._ordered(given)
        reader = await self._file.take()
        try:
            driver = reader.driver
            driver.deadline = time.perf_counter() + INLINE_S
            try:
                rows = self._fetch(driver, ordered)
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                rows = None
            finally:
                driver.deadline = float("inf")
            if rows is None:
                rows = await hop(self._file.slow, self._fetch, driver, ordered)
        finally:
            self._file.give_back(reader)
        return self._rows(rows)

    def _fetch(self, driver: sqlite3.Connection, ordered: Sequence[Any]) -> list[Any]:
        cursor = sqlite3.Cursor(driver)
        try:
            return cursor.execute(self._sql, ordered).fetchall()
        finally:
            cursor.close()


class SqliteStep(_Prepared):
    """A statement within a `write` block, on the driver itself: a change cannot be stopped, so it has no limit of time."""

    async def __call__(self, connection: AsyncConnection, given: Given) -> list[dict[str, Any]]:
        writer = cast("SqliteConnection", connection)
        if isinstance(given, Mapping):
            return self._rows(await writer.on_driver(self._one, self._bound(given)))
        await writer.on_driver(self._many, [self._bound(each) for each in given])
        return []

    def _bound(self, given: Mapping[str, Any]) -> list[Any]:
        values = self._fixed | dict(given)
        writers = self._writers
        # A column that is not given is NULL.
        return [writers[name](values.get(name)) if name in writers else values.get(name) for name in self._order]

    def _one(self, driver: sqlite3.Connection, ordered: Sequence[Any]) -> list[Any]:
        cursor = sqlite3.Cursor(driver)
        try:
            return cursor.execute(self._sql, ordered).fetchall()
        finally:
            cursor.close()

    def _many(self, driver: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        sqlite3.Cursor(driver).executemany(self._sql, rows).close()


class PostgresStep:
    """The statement as it was built, so that SQLAlchemy finds what it made of it the first time."""

    def __init__(self, statement: Select[Any] | UpdateBase) -> None:
        self._statement = statement

    async def __call__(self, connection: AsyncConnection, given: Given) -> list[dict[str, Any]]:
        result = await connection.execute(self._statement, given)
        return [dict(row) for row in result.mappings()] if result.returns_rows else []


class PreparedPostgres(_Prepared):
    """One round trip: asyncpg keeps the statement on the server. `is_lost` tells whether an error leaves the connection unfit.

    The connection is not asked beforehand whether it is still there, which would be a second trip: one that is not is replaced, and the
    query, which changes nothing, asked again.
    """

    _native = (Float, Numeric)

    def __init__(self, engine: AsyncEngine, query: Select[Any] | CompoundSelect[Any], is_lost: Callable[[Exception], bool]) -> None:
        super().__init__(engine.dialect, query)
        self._engine = engine
        self._is_lost = is_lost

    async def __call__(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        ordered = self._ordered(given)
        unasked = _unasked.set(True)
        try:
            return await self._fetch(ordered)
        except Exception as exc:
            if not self._is_lost(exc):
                raise
        finally:
            _unasked.reset(unasked)
        return await self._fetch(ordered)

    async def _fetch(self, ordered: Sequence[Any]) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            try:
                return self._rows(await driver.fetch(self._sql, *ordered))
            except Exception as exc:
                if self._is_lost(exc):
                    await connection.invalidate()
                raise


def ask_before_use(engine: AsyncEngine) -> None:
    """Have each connection say that it is still there when it is taken, but for prepared queries."""

    def taken(connection: Any, _record: Any, _proxy: Any) -> None:
        if _unasked.get():
            return
        try:
            connection.ping()
        except Exception as exc:
            raise DisconnectionError from exc

    event.listen(engine.sync_engine, "checkout", taken)
