"""Topics of one kind, a channel each, that this process listens to only while somebody here needs them; keeps `ports.Channels`.

The first hold enters a channel, and it is left some time after the last was given up, so that a reconnect costs nothing. With a
bound on their number several names share a channel: then what is meant for others arrives too, and the handler passes it over.
"""

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

from livecore.platform.bus_mailbox import Mailbox

# A client that comes back within this finds its channels as they were.
LEAVE_AFTER_S = 5.0


class Line(Protocol):
    """The bus underneath."""

    def post(self, topic: str, data: bytes) -> None: ...

    def enter(self, topic: str) -> None:
        """Ask for deliveries of the topic; does not wait."""

    def leave(self, topic: str) -> None: ...

    async def settled(self) -> None:
        """Returns when all that was entered before has begun, or the server is away."""


class Channels:
    """`count`: how many channels there are; 0: one for each name."""

    def __init__(self, line: Line, prefix: str, mailbox: Mailbox, count: int) -> None:
        self._line = line
        self._prefix = prefix
        self._count = count
        self.mailbox = mailbox
        self._held: dict[str, int] = {}  # topic → holds; 0: about to be left
        self._sweep: asyncio.TimerHandle | None = None

    def topic(self, name: str) -> str:
        if self._count:
            return f"{self._prefix}{zlib.crc32(name.encode()) % self._count}"
        return self._prefix + name

    def __contains__(self, topic: str) -> bool:
        return topic in self._held

    def topics(self) -> Iterator[str]:
        """Those that are entered."""
        return iter(self._held)

    def publish(self, name: str, data: bytes) -> None:
        self._line.post(self.topic(name), data)

    async def hold(self, names: Iterable[str]) -> None:
        for name in names:
            topic = self.topic(name)
            holds = self._held.get(topic)
            self._held[topic] = (holds or 0) + 1
            if holds is None:
                self._line.enter(topic)
        # Also where another has just entered it: its deliveries may not have begun yet.
        await self._line.settled()

    def release(self, names: Iterable[str]) -> None:
        for name in names:
            topic = self.topic(name)
            holds = self._held.get(topic, 0)
            if holds:
                self._held[topic] = holds - 1
            if holds == 1 and self._sweep is None:
                self._sweep = asyncio.get_running_loop().call_later(LEAVE_AFTER_S, self._leave_idle)

    def _leave_idle(self) -> None:
        self._sweep = None
        for topic in [topic for topic, holds in self._held.items() if not holds]:
            del self._held[topic]
            self._line.leave(topic)

    async def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        for topic in self._held:
            self._line.leave(topic)
        self._held.clear()
        await self.mailbox.close()


def kind_of(topic: str) -> str:
    """The prefix of a channel's topic."""
    return topic[: topic.rfind(".") + 1]
