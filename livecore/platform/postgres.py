"""Pools of connections to PostgreSQL that leave nothing open when they are closed."""

import asyncio
import weakref
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# What still runs when everything else has stopped has been cancelled, and gives its connection back at its next step.
LENT_S = 2.0
LENT_STEP_S = 0.005


class PostgresPool:
    """An engine of at most `size` connections. `options` go to SQLAlchemy's engine.

    An engine's own `dispose` closes the connections that lie idle; one that is lent at that moment would come back to a pool that
    nobody closes, and stay open until the garbage collector finds it.
    """

    def __init__(self, url: str, size: int, **options: Any) -> None:
        self.engine: AsyncEngine = create_async_engine(url, pool_size=size, max_overflow=0, hide_parameters=True, **options)
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        event.listen(self.engine.sync_engine, "connect", self._connected)

    def _connected(self, connection: Any, _record: Any) -> None:
        self._made.add(connection.driver_connection)

    async def close(self) -> None:
        """Wait a moment for what is lent, close the rest in order, and cut off what did not come back."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + LENT_S
        pool: Any = self.engine.pool
        while pool.checkedout() and loop.time() < ends:
            await asyncio.sleep(LENT_STEP_S)
        await self.engine.dispose()
        for connection in list(self._made):
            if not connection.is_closed():
                connection.terminate()
