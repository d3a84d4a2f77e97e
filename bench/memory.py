"""Memory of a server over the time that something takes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from bench.serving import Server

# How often it is looked at.
LOOK_EVERY_S = 0.2
# Points that a report keeps: more than a picture can show.
POINTS_LIMIT = 400
MIB = 1 << 20


@dataclass
class Memory:
    """`looks`: (seconds since the start, resident MiB)."""

    looks: list[tuple[float, float]] = field(default_factory=list)

    @property
    def most_mib(self) -> float:
        return max((mib for _, mib in self.looks), default=0.0)

    def thinned(self) -> list[tuple[float, float]]:
        """At most `POINTS_LIMIT` of them, each the largest of those that it stands for."""
        step = -(-len(self.looks) // POINTS_LIMIT) or 1
        return [max(self.looks[at : at + step], key=lambda look: look[1]) for at in range(0, len(self.looks), step)]


@contextlib.asynccontextmanager
async def watched(server: Server, role: str) -> AsyncIterator[Memory]:
    """Look at the processes of this role (all, where it is empty) until the block ends, and at its end."""
    memory, loop = Memory(), asyncio.get_running_loop()
    started = loop.time()

    def look() -> None:
        memory.looks.append((round(loop.time() - started, 2), round(server.sample().rss_bytes(role) / MIB, 1)))

    async def looking() -> None:
        while True:
            look()
            await asyncio.sleep(LOOK_EVERY_S)

    task = asyncio.create_task(looking())
    try:
        yield memory
    finally:
        task.cancel()
        look()
