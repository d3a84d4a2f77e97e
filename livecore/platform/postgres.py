"""Pools of connections to PostgreSQL that leave nothing open when they are closed."""

import asyncio
import contextlib
import weakref
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# What still runs when everything else has stopped has been cancelled, and gives its connection back at its next step.
LENT_S = 2.0


class PostgresPool:
    """An engine of at most `size` connections. `options` go to SQLAlchemy's engine.

    An engine's own `dispose` closes the connections that lie idle; one that is lent at that moment would come back to a pool that
    nobody closes, and stay open until the garbage collector finds it.
    """

    def __init__(self, url: str, size: int, **options: Any) -> None:
        self.engine: AsyncEngine = create_async_engine(url, pool_size=size, max_overflow=0, hide_parameters=True, **options)
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        self._came_back = asyncio.Event()
        self._closed = False
        event.listen(self.engine.sync_engine, "do_connect", self._connecting)
        event.listen(self.engine.sync_engine, "connect", self._connected)
        event.listen(self.engine.sync_engine, "checkin", self._returned)

    def _connecting(self, *_how: Any) -> None:
        # What asks after the end would get a connection of a pool that nobody closes.
        if self._closed:
            raise ConnectionAbortedError("the pool is closed")

    def _connected(self, connection: Any, _record: Any) -> None:
        self._made.add(connection.driver_connection)

    def _returned(self, _connection: Any, _record: Any) -> None:
        self._came_back.set()

    async def close(self) -> None:
        """Wait a moment for what is lent, close the rest in order, and cut off what did not come back."""
        pool: Any = self.engine.pool
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LENT_S):
                while pool.checkedout():
                    self._came_back.clear()
                    await self._came_back.wait()
        self._closed = True
        await self.engine.dispose()
        for connection in list(self._made):
            if not connection.is_closed():
                connection.terminate()
