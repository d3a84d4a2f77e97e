"""A query of a hot path, compiled once: what SQLAlchemy does for each execution takes several times what SQLite does for it.

A query on its own needs no transaction: it sees what is committed when it begins. Keeps the promise of `ports.Prepared`.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncEngine

from livecore.platform.sqlite import INLINE_S, SqliteFile, hop


class PreparedSqlite:
    """On the driver itself; stopped and moved to a thread when it takes long, as every query is."""

    def __init__(self, file: SqliteFile, query: Select[Any]) -> None:
        compiled = query.compile(dialect=file.dialect)
        if compiled.positiontup is None or "POSTCOMPILE" in compiled.string:
            raise ValueError("its text depends on its values: a set is passed by `among`")
        self._file = file
        self._sql = compiled.string
        self._order = tuple(compiled.positiontup)
        # Literals of the query; those that the caller gives have no value yet.
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        columns = list(query.selected_columns)
        self._names = [str(column.key) for column in columns]
        self._readers: list[tuple[str, Callable[[Any], Any]]] = []
        for name, column in zip(self._names, columns, strict=True):
            reader = column.type.dialect_impl(file.dialect).result_processor(file.dialect, None)
            if reader is not None:
                self._readers.append((name, reader))

    async def __call__(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        values = self._fixed | dict(given)
        ordered = [values[name] for name in self._order]
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
        names = self._names
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for name, read in self._readers:
            for values in found:
                values[name] = read(values[name])
        return found

    def _fetch(self, driver: sqlite3.Connection, ordered: Sequence[Any]) -> list[Any]:
        cursor = sqlite3.Cursor(driver)
        try:
            return cursor.execute(self._sql, ordered).fetchall()
        finally:
            cursor.close()


class PreparedPostgres:
    """Without `BEGIN` and `ROLLBACK`, which are a round trip each."""

    def __init__(self, engine: AsyncEngine, query: Select[Any]) -> None:
        self._engine = engine
        self._query = query

    async def __call__(self, given: Mapping[str, Any]) -> list[dict[str, Any]]:
        async with self._engine.connect() as connection:
            result = await connection.execute(self._query, given)
            names = list(result.keys())
            return [dict(zip(names, row, strict=True)) for row in result]
