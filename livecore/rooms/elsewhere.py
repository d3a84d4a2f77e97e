"""Viewers in other processes: each tells all the others what it has, so that any of them can say how many watch a live."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import orjson

from livecore.ids import new_id
from livecore.ports import Bus, Clock, Delivery
from livecore.rooms.census import Census

TOPIC = "rooms.census"
# A process tells the others this often all that it has; after three times that without a word it is taken for dead.
TELL_EVERY_S = 5.0
# Lives in one list, the most watched first: some 200 KB. Those beyond it are counted by processes that have their rooms.
LIST_LIMIT = 5000


class Elsewhere:
    """`here`: viewers by live, in this process. A bus that loses a list is made good by the next."""

    def __init__(self, bus: Bus, clock: Clock, here: Callable[[], Mapping[str, int]]) -> None:
        self.node = new_id()
        self._bus = bus
        self._clock = clock
        self._here = here
        self._census = Census(3 * TELL_EVERY_S)
        self._telling: asyncio.Task[None] | None = None
        self._end: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        self._end = await self._bus.subscribe(TOPIC, self._on_list)
        self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
        if self._end is not None:
            await self._end()

    def told(self, node: str, live_id: str, viewers: int) -> None:
        """What another process says of one live at once, where both have its room."""
        self._census.told(node, live_id, viewers, self._clock.now())

    def viewers(self, live_id: str) -> int:
        return self._census.viewers(live_id, self._clock.now())

    def forget(self, live_id: str) -> None:
        self._census.forget(live_id)

    async def _tell(self) -> None:
        """Nothing at all is told while there is nothing to tell."""
        listed = False
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            here = dict(Counter(self._here()).most_common(LIST_LIMIT))
            if here or listed:
                listed = bool(here)
                await self._bus.publish(TOPIC, orjson.dumps([self.node, here]))

    def _on_list(self, delivery: Delivery) -> None:
        node, viewers = orjson.loads(delivery.data)
        if node != self.node:
            self._census.listed(node, viewers, self._clock.now())
