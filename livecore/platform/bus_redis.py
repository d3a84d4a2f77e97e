"""The bus over Redis publish and subscribe; keeps the promise of `ports.Bus`.

Two connections: one publishes what gathered since its last turn in one pipeline, one listens. The listener is never left in
doubt: it sends a PING when it has heard nothing for a while, and a silent or lost connection is replaced, its topics are
subscribed again, and only then are the `on_gap` callbacks called. A publication that failed is not sent again: at most once.
Its subscribers elsewhere cannot know of it, so the publisher tells them of the gap with the next bell that gets through.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import groupby
from typing import Any

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from livecore import errors
from livecore.platform.bus_channels import Channels, kind_of
from livecore.platform.bus_mailbox import BusMetrics, GapCallback, Gaps, Handler, Mailbox
from livecore.platform.metrics import Metrics
from livecore.ports import Delivery

log = structlog.get_logger("bus")

# Bells that wait for the publishing connection: two seconds of a hot platform. Beyond it the oldest are lost.
OUTBOX_LIMIT = 16_384
# One pipeline: larger ones delay the first bell for the sake of the last.
PIPELINE_LIMIT = 512
CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 5.0
# A quiet listener asks after this, and gives the connection up after twice of it: half-open connections end within ten seconds.
PING_AFTER_S = 5.0
BACKOFF_FIRST_S = 0.05
BACKOFF_MOST_S = 2.0
# What `subscribe` waits for its confirmation: Redis confirms in less than a millisecond when it is there.
CONFIRM_TIMEOUT_S = 5.0
# Channels in one command.
ORDER_LIMIT = 1000
# The channel on which a publisher says that bells of its own were lost.
_GAP = "bus:gap"


class RedisBus:
    """Publish and subscribe know no database numbers, so the number is part of each channel's name."""

    def __init__(self, redis_url: str, metrics: Metrics, channels: int = 0) -> None:
        self._metrics = BusMetrics(metrics)
        self._gaps = Gaps(self._metrics)
        retry = Retry(NoBackoff(), 0)
        try:
            self._client = Redis.from_url(
                redis_url, protocol=2, retry=retry, socket_timeout=COMMAND_TIMEOUT_S, socket_connect_timeout=CONNECT_TIMEOUT_S
            )
            # Any: the library's annotations of its pools and connections are partial.
            self._listening: Any = ConnectionPool.from_url(
                redis_url, protocol=2, retry=retry, socket_timeout=None, socket_connect_timeout=CONNECT_TIMEOUT_S
            )
        except ValueError as exc:
            raise errors.ConfigError("redis_url: redis://host:port/number, rediss:// or unix:// is meant") from exc
        self._prefix = f"livecore:{self._listening.connection_kwargs.get('db') or 0}:"
        self._mailboxes: dict[str, list[Mailbox]] = {}  # by topic as subscribed, patterns with their star
        self._channel_count = channels
        self._channels: dict[str, Channels] = {}  # by prefix
        self._received: dict[str, Any] = {}  # counters by kind of topic
        # What the server is yet to be told: commands with their channel, sent together at the turn's end.
        self._orders: deque[tuple[str, str]] = deque()
        self._ordered = asyncio.Event()
        # Answers come in order, so two numbers say which subscriptions are in force: how many were asked for and confirmed.
        self._asked = 0
        self._confirmed = 0
        self._settling: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._connection: Any = None  # None while the server is away
        self._heard = 0.0  # monotonic seconds of the last bytes from the server
        self._outbox: deque[tuple[str, bytes]] = deque()
        self._outbox_filled = asyncio.Event()
        self._lost_own = False  # bells of this process were lost, and nobody was told yet
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = asyncio.Lock()

    async def start(self) -> None:
        """Connect and listen. Raises Unavailable when the server does not answer: later it may go away, at the start it must be there."""
        try:
            connection = await self._connect()
        except (RedisError, OSError, TimeoutError) as exc:
            await self._client.aclose()
            raise errors.Unavailable(f"Redis does not answer ({type(exc).__name__}).") from exc
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work) for work in (self._listen(connection), self._flush(), self._obey(), self._watch())]

    # -- publishing

    async def publish(self, topic: str, data: bytes) -> None:
        self.post(topic, data)

    def post(self, topic: str, data: bytes) -> None:
        if len(self._outbox) >= OUTBOX_LIMIT:
            self._outbox.popleft()
            self._metrics.dropped.labels("outbox_full").inc()
            self._lost_own = True
        self._outbox.append((self._prefix + topic, data))
        self._outbox_filled.set()

    async def _flush(self) -> None:
        while True:
            await self._outbox_filled.wait()
            self._outbox_filled.clear()
            while self._outbox:
                batch = [self._outbox.popleft() for _ in range(min(PIPELINE_LIMIT, len(self._outbox)))]
                try:
                    pipeline = self._client.pipeline(transaction=False)
                    if self._lost_own:
                        pipeline.publish(self._prefix + _GAP, b"")
                    for channel, data in batch:
                        pipeline.publish(channel, data)
                    await pipeline.execute()
                    self._lost_own = False
                except (RedisError, OSError, TimeoutError):
                    self._metrics.dropped.labels("server_away").inc(len(batch))
                    self._lost_own = True
                    # No faster than the listener comes back: the outbox keeps what fits meanwhile.
                    await asyncio.sleep(BACKOFF_FIRST_S)

    # -- listening

    async def subscribe(self, topic: str, handler: Handler) -> Callable[[], Awaitable[None]]:
        mailbox = Mailbox(handler, self._gaps, self._metrics)
        mailboxes = self._mailboxes.setdefault(topic, [])
        mailboxes.append(mailbox)
        # Sent for every handler, not only the first: the confirmation that comes back then belongs to a time after this call.
        self.enter(topic)
        await self.settled()

        async def unsubscribe() -> None:
            if not mailbox.closed and mailbox in mailboxes:
                mailboxes.remove(mailbox)
                if not mailboxes and self._mailboxes.get(topic) is mailboxes:
                    del self._mailboxes[topic]
                    self.leave(topic)
            await mailbox.close()

        return unsubscribe

    def on_gap(self, callback: GapCallback) -> Callable[[], None]:
        return self._gaps.add(callback)

    def _channel(self, topic: str) -> str:
        if not topic.endswith("*"):
            return self._prefix + topic
        # The signs that Redis gives a meaning in patterns stand for themselves, but for the star at the end.
        return "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in self._prefix + topic[:-1]) + "*"

    # -- bus_channels.Line

    def channels(self, prefix: str, handler: Handler) -> Channels:
        mailbox = Mailbox(handler, self._gaps, self._metrics)
        made = self._channels[prefix] = Channels(self, prefix, mailbox, self._channel_count)
        return made

    def enter(self, topic: str) -> None:
        """While the server is away nothing is asked: all that is subscribed is asked for when it is back."""
        if self._connection is not None:
            self._asked += 1
            self._order("PSUBSCRIBE" if topic.endswith("*") else "SUBSCRIBE", topic)

    def leave(self, topic: str) -> None:
        if self._connection is not None:
            self._order("PUNSUBSCRIBE" if topic.endswith("*") else "UNSUBSCRIBE", topic)

    async def settled(self) -> None:
        if self._connection is None or self._confirmed >= self._asked:
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settling.append((self._asked, confirmed))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_TIMEOUT_S):
                await confirmed

    def _order(self, command: str, topic: str) -> None:
        self._orders.append((command, self._channel(topic)))
        self._ordered.set()

    async def _obey(self) -> None:
        while True:
            await self._ordered.wait()
            self._ordered.clear()
            while self._orders:
                batch = [self._orders.popleft() for _ in range(min(ORDER_LIMIT, len(self._orders)))]
                for command, channels in groupby(batch, key=lambda order: order[0]):
                    await self._send(command, *(channel for _, channel in channels))

    def _confirm(self, upto: int) -> None:
        self._confirmed = upto
        while self._settling and self._settling[0][0] <= upto:
            _, confirmed = self._settling.popleft()
            if not confirmed.done():
                confirmed.set_result(None)

    def _topics(self) -> set[str]:
        """All that is subscribed here."""
        return set(self._mailboxes).union(*(channels.topics() for channels in self._channels.values()))

    async def _send(self, *command: str) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            async with self._sending:
                await connection.send_command(*command)
        except (RedisError, OSError, TimeoutError):
            # The listener notices the same and connects anew.
            await connection.disconnect(nowait=True)

    async def _connect(self) -> Any:
        """A connection with every topic subscribed and confirmed."""
        connection = self._listening.make_connection()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await connection.connect()
                await connection.send_command("SUBSCRIBE", self._prefix + _GAP)
                for command, channels in _in_commands(self._topics(), self._channel):
                    await connection.send_command(command, *channels)
                # Answers come in order: after the PONG every subscription above is in force.
                await connection.send_command("PING")
                while True:
                    answer = await connection.read_response()
                    if answer in (b"PONG", "PONG") or (isinstance(answer, list) and answer[0] == b"pong"):
                        break
                    self._take(answer)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._heard = asyncio.get_running_loop().time()
        self._connection = connection
        return connection

    async def _listen(self, connection: Any) -> None:
        while True:
            loop = asyncio.get_running_loop()
            try:
                while True:
                    answer = await connection.read_response()
                    self._heard = loop.time()
                    self._take(answer)
            except (RedisError, OSError, TimeoutError) as exc:
                self._lost(exc)
                await connection.disconnect(nowait=True)
            connection = await self._reconnect()
            log.info("the bus is back")
            self._tell_when_settled()

    def _tell_when_settled(self) -> None:
        """Of the gap, once all that was subscribed during it is in force. The listener itself must not wait for that."""
        if self._confirmed >= self._asked:
            self._gaps.tell()
            return
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        confirmed.add_done_callback(lambda _: self._gaps.tell())
        self._settling.append((self._asked, confirmed))

    def _lost(self, exc: Exception) -> None:
        self._connection = None
        log.warning("the bus is away", failure=type(exc).__name__)
        self._orders.clear()
        self._confirm(self._asked)

    async def _reconnect(self) -> Any:
        delay_s = BACKOFF_FIRST_S
        while True:
            # Spread out, so that the processes of a platform do not come back in one wave.
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, BACKOFF_MOST_S)
            known = self._topics()
            try:
                connection = await self._connect()
            except (RedisError, OSError, TimeoutError):
                continue
            # What came and went while the connection was being made; twice is once for Redis.
            subscribed = self._topics()
            for topic in subscribed - known:
                self.enter(topic)
            for topic in known - subscribed:
                self.leave(topic)
            return connection

    async def _watch(self) -> None:
        """Ask a quiet connection whether it lives, and end it when it does not answer."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PING_AFTER_S / 2)
            connection, quiet_s = self._connection, loop.time() - self._heard
            if connection is None or quiet_s < PING_AFTER_S:
                continue
            if quiet_s >= 2 * PING_AFTER_S:
                await connection.disconnect(nowait=True)
            else:
                await self._send("PING")

    def _take(self, answer: Any) -> None:
        if not isinstance(answer, list) or not answer:
            return
        kind = answer[0]
        if kind == b"message":
            topic = answer[1].decode()[len(self._prefix) :]
            if topic == _GAP:
                self._gaps.tell()
            self._count(topic)
            delivery = Delivery(topic, answer[2])
            channels = self._channels.get(kind_of(topic))
            if channels is not None and topic in channels:
                channels.mailbox.put(delivery)
            self._put(topic, delivery)
        elif kind == b"pmessage":
            # Looked up by what was subscribed, not by what was published: a topic may match several.
            topic = answer[2].decode()[len(self._prefix) :]
            pattern = answer[1].decode()
            for subscribed in self._mailboxes:
                if subscribed.endswith("*") and self._channel(subscribed) == pattern:
                    self._put(subscribed, Delivery(topic, answer[3]))
                    break
        elif kind in (b"subscribe", b"psubscribe") and self._connection is not None:
            # Those of a new connection come before it is the connection, and nobody waits for them here.
            self._confirm(self._confirmed + 1)

    def _count(self, topic: str) -> None:
        kind = kind_of(topic)
        counter = self._received.get(kind)
        if counter is None:
            counter = self._received[kind] = self._metrics.received.labels(kind.rstrip(".") or "other")
        counter.inc()

    def _put(self, subscribed: str, delivery: Delivery) -> None:
        for mailbox in self._mailboxes.get(subscribed, ()):
            mailbox.put(delivery)

    async def check(self) -> None:
        """Whether the server answers, for `/readyz`. Raises Unavailable."""
        try:
            await self._client.ping()
        except (RedisError, OSError, TimeoutError) as exc:
            raise errors.Unavailable("Redis does not answer.") from exc

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)
            self._connection = None
        for mailboxes in list(self._mailboxes.values()):
            for mailbox in list(mailboxes):
                await mailbox.close()
        self._mailboxes.clear()
        for made in self._channels.values():
            await made.close()
        await self._gaps.close()
        await self._client.aclose()
        await self._listening.aclose()


def _in_commands(topics: set[str], channel_of: Callable[[str], str]) -> Iterable[tuple[str, list[str]]]:
    """SUBSCRIBE and PSUBSCRIBE with as many channels as one command takes."""
    for command, is_pattern in (("SUBSCRIBE", False), ("PSUBSCRIBE", True)):
        channels = [channel_of(topic) for topic in topics if topic.endswith("*") is is_pattern]
        for start in range(0, len(channels), ORDER_LIMIT):
            yield command, channels[start : start + ORDER_LIMIT]
