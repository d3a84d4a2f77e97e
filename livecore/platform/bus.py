"""The bell between processes; keeps the promise of `ports.Bus`. Here the bus of one process.

publish ── MemoryBus: matching mailboxes ──────────────┐
publish ── RedisBus: outbox ─ PUBLISH ─ Redis ─ reader ─┴─ Mailbox (bounded) ─ handler, one delivery at a time
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from livecore.platform.bus_channels import Channels, kind_of
from livecore.platform.bus_mailbox import BusMetrics, GapCallback, Gaps, Handler, Mailbox
from livecore.platform.metrics import Metrics
from livecore.ports import Delivery

if TYPE_CHECKING:
    from livecore.platform.bus_redis import RedisBus


class MemoryBus:
    """The bus of a single process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = BusMetrics(metrics)
        self._gaps = Gaps(self._metrics)
        self._channels: dict[str, Channels] = {}  # by prefix
        self._exact: dict[str, list[Mailbox]] = {}
        self._below: dict[str, list[Mailbox]] = {}  # by prefix

    async def publish(self, topic: str, data: bytes) -> None:
        self.post(topic, data)

    def post(self, topic: str, data: bytes) -> None:
        delivery = Delivery(topic, data)
        for mailbox in self._exact.get(topic, ()):
            mailbox.put(delivery)
        for prefix, mailboxes in self._below.items():
            if topic.startswith(prefix):
                for mailbox in mailboxes:
                    mailbox.put(delivery)
        channels = self._channels.get(kind_of(topic))
        if channels is not None and topic in channels:
            channels.mailbox.put(delivery)

    async def subscribe(self, topic: str, handler: Handler) -> Callable[[], Awaitable[None]]:
        mailbox = Mailbox(handler, self._gaps, self._metrics)
        where, name = (self._below, topic[:-1]) if topic.endswith("*") else (self._exact, topic)
        where.setdefault(name, []).append(mailbox)

        async def unsubscribe() -> None:
            if not mailbox.closed:
                mailboxes = where[name]
                mailboxes.remove(mailbox)
                if not mailboxes:
                    del where[name]
            await mailbox.close()

        return unsubscribe

    def on_gap(self, callback: GapCallback) -> Callable[[], None]:
        return self._gaps.add(callback)

    def channels(self, prefix: str, handler: Handler) -> Channels:
        made = self._channels[prefix] = Channels(self, prefix, Mailbox(handler, self._gaps, self._metrics), 0)
        return made

    def enter(self, topic: str) -> None:
        """Nothing to be asked for: a delivery is looked up by who holds its topic."""

    def leave(self, topic: str) -> None:
        """As `enter`."""

    async def settled(self) -> None:
        """At once."""

    async def check(self) -> None:
        """Always answers; the other bus may not."""

    async def close(self) -> None:
        mailboxes = [mailbox for where in (self._exact, self._below) for found in where.values() for mailbox in found]
        self._exact.clear()
        self._below.clear()
        for mailbox in mailboxes:
            await mailbox.close()
        for channels in self._channels.values():
            await channels.close()
        await self._gaps.close()


async def make_bus(redis_url: str, metrics: Metrics, channels: int = 0) -> "MemoryBus | RedisBus":
    """The bus that `redis_url` names ("" = of this process only). `channels`: see `Channels`. Raises Unavailable when Redis does not answer at the start."""
    if not redis_url:
        return MemoryBus(metrics)
    from livecore.platform.bus_redis import RedisBus

    bus = RedisBus(redis_url, metrics, channels)
    await bus.start()
    return bus
