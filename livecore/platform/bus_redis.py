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
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from livecore import errors
from livecore.platform.bus import BusMetrics, GapCallback, Gaps, Handler, Mailbox
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
# The channel on which a publisher says that bells of its own were lost.
_GAP = "bus:gap"


class RedisBus:
    """Publish and subscribe know no database numbers, so the number is part of each channel's name."""

    def __init__(self, redis_url: str, metrics: Metrics) -> None:
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
        self._confirmations: dict[str, deque[asyncio.Future[None]]] = {}  # one for each SUBSCRIBE that was sent, in order
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
        self._tasks = [loop.create_task(self._listen(connection)), loop.create_task(self._flush()), loop.create_task(self._watch())]

    # -- publishing

    async def publish(self, topic: str, data: bytes) -> None:
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
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Sent for every handler, not only the first: the confirmation that comes back then belongs to a time after this call.
        await self._send_subscribe(topic, confirmed)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_TIMEOUT_S):
                await confirmed

        async def unsubscribe() -> None:
            if not mailbox.closed and mailbox in mailboxes:
                mailboxes.remove(mailbox)
                if not mailboxes and self._mailboxes.get(topic) is mailboxes:
                    del self._mailboxes[topic]
                    await self._send("PUNSUBSCRIBE" if topic.endswith("*") else "UNSUBSCRIBE", self._channel(topic))
            await mailbox.close()

        return unsubscribe

    def on_gap(self, callback: GapCallback) -> Callable[[], None]:
        return self._gaps.add(callback)

    def _channel(self, topic: str) -> str:
        if not topic.endswith("*"):
            return self._prefix + topic
        # The signs that Redis gives a meaning in patterns stand for themselves, but for the star at the end.
        return "".join(f"\\{sign}" if sign in "*?[]^-\\" else sign for sign in self._prefix + topic[:-1]) + "*"

    async def _send_subscribe(self, topic: str, confirmed: asyncio.Future[None]) -> None:
        channel = self._channel(topic)
        if self._connection is None:
            confirmed.set_result(None)  # its callers are told by `on_gap` when the server is back
            return
        self._confirmations.setdefault(channel, deque()).append(confirmed)
        await self._send("PSUBSCRIBE" if topic.endswith("*") else "SUBSCRIBE", channel)

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
                for topic in list(self._mailboxes):
                    await connection.send_command("PSUBSCRIBE" if topic.endswith("*") else "SUBSCRIBE", self._channel(topic))
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
            self._gaps.tell()

    def _lost(self, exc: Exception) -> None:
        self._connection = None
        log.warning("the bus is away", failure=type(exc).__name__)
        for waiting in self._confirmations.values():
            for confirmed in waiting:
                if not confirmed.done():
                    confirmed.set_result(None)
        self._confirmations.clear()

    async def _reconnect(self) -> Any:
        delay_s = BACKOFF_FIRST_S
        while True:
            # Spread out, so that the processes of a platform do not come back in one wave.
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, BACKOFF_MOST_S)
            known = set(self._mailboxes)
            try:
                connection = await self._connect()
            except (RedisError, OSError, TimeoutError):
                continue
            # What was subscribed while the connection was being made; twice is once for Redis.
            for topic in set(self._mailboxes) - known:
                await self._send_subscribe(topic, asyncio.get_running_loop().create_future())
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
            self._put(topic, Delivery(topic, answer[2]))
        elif kind == b"pmessage":
            # Looked up by what was subscribed, not by what was published: a topic may match several.
            topic = answer[2].decode()[len(self._prefix) :]
            pattern = answer[1].decode()
            for subscribed in self._mailboxes:
                if subscribed.endswith("*") and self._channel(subscribed) == pattern:
                    self._put(subscribed, Delivery(topic, answer[3]))
                    break
        elif kind in (b"subscribe", b"psubscribe"):
            waiting = self._confirmations.get(answer[1].decode())
            if waiting:
                confirmed = waiting.popleft()
                if not confirmed.done():
                    confirmed.set_result(None)

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
        await self._gaps.close()
        await self._client.aclose()
        await self._listening.aclose()
