"""How the gathering writer takes what waits: few transactions, and none that waits for another without need."""

import asyncio
from collections.abc import Mapping
from typing import cast

from livecore.platform.clock import SystemClock
from livecore.ports import Keys
from livecore.rooms.items import Batch, Committed, Mark
from livecore.rooms.writer import Writer


class CountedStore:
    """Remembers how many marks came in each transaction, which lasts for a few turns of the loop."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def commit(self, batch: Batch, _at_ms: int) -> Committed:
        self.sizes.append(len(batch.marks))
        for _ in range(10):
            await asyncio.sleep(0)
        return Committed([], [], {}, [mark.seq for mark in batch.marks], {})

    async def retire(self, _scopes: Mapping[str, str]) -> list[str]:
        return []

    async def forget(self, _scopes: list[str]) -> None: ...


async def nothing() -> None: ...


async def test_who_is_answered_and_goes_on_is_written_with_who_waits_already() -> None:
    store = CountedStore()
    writer = Writer(store, cast("Keys", None), SystemClock(), lambda _items: None, nothing)
    writer.start()

    async def go_on(who: str) -> None:
        for seq in range(20):
            assert await writer.mark(Mark("received", "c", who, "d", seq)) == seq

    first = asyncio.create_task(go_on("anna"))
    while not store.sizes:
        await asyncio.sleep(0)
    # In the middle of a transaction: in turns with the other there would be a transaction for each mark.
    await asyncio.gather(first, go_on("ben"))
    await writer.close()
    assert sum(store.sizes) == 40
    assert len(store.sizes) == 21
    assert store.sizes[1:-1] == [2] * 19
