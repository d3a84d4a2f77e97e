"""The borrowed engines and the adapters behind them: `platform` keeps these promises, `tests/contracts` checks each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from sqlalchemy import CompoundSelect, Select, UpdateBase
from sqlalchemy.ext.asyncio import AsyncConnection


class Clock(Protocol):
    """Two times. `now` only grows and measures spans; `at_ms` is the wall clock and goes into tables."""

    def now(self) -> float:
        """Monotonic seconds."""

    def at_ms(self) -> int:
        """Unix milliseconds."""


# Values by the name of their parameter in, rows by the name of their column out.
Prepared = Callable[[Mapping[str, Any]], Awaitable[list[dict[str, Any]]]]
# The same on the connection of a transaction; for many sets of values at once it answers nothing.
PreparedStep = Callable[[AsyncConnection, Mapping[str, Any] | Sequence[Mapping[str, Any]]], Awaitable[list[dict[str, Any]]]]


class Database(Protocol):
    """The relational store.

    `read` gives a connection whose statements see committed data. `write` gives one transaction: committed when the
    block ends, rolled back when it raises; durable (fsynced) before `write` returns. Writers of one SQLite file take
    turns in order of arrival, so hold it for statements only. A lost server raises `errors.Unavailable`.

    SQLite runs statements on the event loop itself (reads take tens of microseconds) and leaves it for a commit. A query that
    takes longer than a few milliseconds is moved to a thread; a change cannot be. `slow` says beforehand that statements will take
    long (search, sweeps, many rows): all of them then run in a thread.
    """

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]: ...

    def read(self, *, slow: bool = False) -> AbstractAsyncContextManager[AsyncConnection]: ...

    def write(self, *, slow: bool = False) -> AbstractAsyncContextManager[AsyncConnection]: ...

    def prepare(self, query: Select[Any] | CompoundSelect[Any]) -> Prepared:
        """A query of a hot path on its own, compiled once. Its text is fixed: sets of values are passed by `livecore.among`."""

    def prepare_step(self, statement: Select[Any] | UpdateBase) -> PreparedStep:
        """A statement of a hot path within a `write` block, compiled once. Its text is fixed, as `prepare`'s is."""

    def after_commit(self, connection: AsyncConnection, do: Callable[[], Awaitable[None]]) -> None:
        """Have `do` run when the transaction of this `write` connection is committed; never when it is rolled back.

        It runs before `write` returns, outside the transaction, so it may write again; what it raises reaches the writer.
        """


class KeyDestroyed(Exception):
    """The key that sealed this is gone: nobody can read it any more. That is a normal end, not a fault."""


class Keys(Protocol):
    """Keys that can be destroyed, apart from the data that they seal.

    A scope is `account:{id}`, `hold:{id}`, `claim:{id}`, or a name made for one key (`conversation:{id}:{hour}:{new id}`) that is not
    used again after it was destroyed. The first `seal` under a scope makes its key durable before it answers. `context` is authenticated, not stored: the same must be given to open.
    After `destroy` has returned the key is in no file any more, and five seconds later in no process's memory; a destroyed `account:`, `hold:` or `claim:` scope never gets a new key (`seal` raises KeyDestroyed).
    AES-256-GCM (NIST SP 800-38D), random 96-bit nonces; a key seals fewer than 2**32 values.
    """

    async def seal(self, scope: str, plaintext: bytes, context: str) -> bytes: ...

    async def open(self, scope: str, sealed: bytes, context: str) -> bytes:
        """Raises KeyDestroyed, or ValueError when the bytes or the context were changed."""

    async def prepare(self, scopes: Iterable[str]) -> None:
        """Make keys for many scopes in one durable step; a scope that was destroyed is passed over."""

    async def destroy(self, scopes: Iterable[str]) -> None: ...

    def blind(self, kind: str, value: str) -> bytes:
        """A keyed index (HMAC-SHA-256, 32 bytes) of a value that must be unique or found, without being readable."""


@dataclass(frozen=True)
class Delivery:
    topic: str
    data: bytes


class Channels(Protocol):
    """Topics of one kind, of which a process hears those that it holds. Holds are counted.

    Several names may share a channel: the handler may be given what was published under a name that nobody here holds.
    """

    def publish(self, name: str, data: bytes) -> None:
        """As `Bus.publish`, without a turn of the loop."""

    async def hold(self, names: Iterable[str]) -> None:
        """Returns when deliveries have begun; as `Bus.subscribe` while the server is away."""

    def release(self, names: Iterable[str]) -> None:
        """Of what was held. Deliveries may go on for a while."""


class Bus(Protocol):
    """A bell between processes: at most once, in order per publisher and topic, and it may lose.

    Nothing is kept for a subscriber that is away. `subscribe` returns when deliveries have begun; while the server behind the
    bus is away it returns at once, and they begin with the next gap's end. A handler that is slower than its topic loses the
    oldest deliveries (counted as `bus_dropped`), never blocks a publisher. What a handler raises is logged and counted.

    Whenever deliveries may have been lost - the server was away, a handler was too slow - the callbacks given to `on_gap` are
    called once deliveries flow again: whoever serves from the store reads it again then. A bell that rings while the callback
    runs is not lost.
    """

    async def publish(self, topic: str, data: bytes) -> None:
        """Never waits for a subscriber, nor for the server; what cannot be sent is lost and counted."""

    async def subscribe(self, topic: str, handler: Callable[[Delivery], Awaitable[None] | None]) -> Callable[[], Awaitable[None]]:
        """Answers a coroutine function that ends the subscription. A `topic` that ends in `*` takes every topic below it.

        Deliveries to one handler come one after the other; a coroutine is awaited before the next.
        """

    def channels(self, prefix: str, handler: Callable[[Delivery], Awaitable[None] | None]) -> Channels:
        """Channels for names without a dot, their topics `prefix` (it ends in a dot) and the name. Once for each prefix."""

    def on_gap(self, callback: Callable[[], Awaitable[None] | None]) -> Callable[[], None]:
        """Have `callback` called after each time that deliveries may have been lost; answers a function that ends this."""


@dataclass(frozen=True)
class StoredObject:
    """`etag` is strong and changes with the bytes; `modified_ms` is Unix milliseconds."""

    key: str
    size_bytes: int
    etag: str
    modified_ms: int


class Storage(Protocol):
    """Objects by key (`videos/…`): written whole or not at all, read by range, listed by prefix.

    A missing key raises `KeyError`. Keys are slash-separated words of `[A-Za-z0-9._-]`; others raise ValueError. A prefix is
    of whole words: `videos/1` is not the beginning of `videos/10`. A key is not at the same time the beginning of others.
    A range past the end is clipped, an empty one gives nothing. A store that is away or full raises `errors.Unavailable`.
    """

    async def put(self, key: str, data: bytes | Path | AsyncIterator[bytes]) -> StoredObject:
        """Durable when it answers; readers see the old bytes or the new ones, never a part."""

    async def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes [start, end)."""

    def stream(self, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None) -> AsyncGenerator[bytes, None]:
        """Bytes [start, end) of one version: whatever takes the object's place once the first bytes are there, the rest is of the same put.

        `etag`: of no version but the one of which `head` said this (the range lies inside it). Raises KeyError when that is gone.
        """

    async def head(self, key: str) -> StoredObject: ...

    async def delete(self, key: str) -> None:
        """Deleting what is not there is not an error."""

    def list(self, prefix: str) -> AsyncIterator[StoredObject]: ...

    async def delete_prefix(self, prefix: str) -> int:
        """Delete every object below; answers how many there were. An empty prefix raises ValueError."""

    async def signed_url(self, key: str, lifetime_s: int) -> str | None:
        """An address of the store's own under which anybody may GET the object for so long; None where the store has none."""

    def local_path(self, key: str) -> Path | None:
        """The file behind a key where there is one, so that the kernel may send it; None on a remote store."""


@dataclass(frozen=True)
class Piece:
    """Bytes [start, start + size_bytes) of an object that grows, kept under `name`."""

    start: int
    size_bytes: int
    name: str


class GrowingWriter(Protocol):
    async def write(self, data: bytes) -> None:
        """Takes bytes after the last ones; holds a bounded number of them in memory."""

    async def flush(self) -> Sequence[Piece]:
        """Everything written so far is durable when it answers. The new pieces, if the store keeps any: the caller records them."""


@dataclass(frozen=True)
class Grown:
    """A growing object as its owner recorded it: the first `size_bytes` of what lies under `prefix`."""

    prefix: str
    size_bytes: int
    pieces: Sequence[Piece] = ()


class Growing(Protocol):
    """Objects that come in pieces under a prefix of their own; what was flushed stays, whatever dies. At the end they become one object.

    Bytes after the last flush may be lost or be there: the owner's record says what counts, and a writer begins at it.
    """

    def writing(self, prefix: str, offset: int) -> AbstractAsyncContextManager[GrowingWriter]:
        """Write from `offset` on. Raises Locked when another writer of the same bytes does not end."""

    def stream(self, grown: Grown) -> AsyncGenerator[bytes, None]:
        """Its bytes. Raises KeyError when they are gone."""

    async def seal(self, sources: Sequence[Grown], key: str) -> StoredObject:
        """Make one object of them, in order. Again after a kill: the same object. Raises KeyError when the bytes are gone."""

    def room_bytes(self) -> int | None:
        """What still fits; None where nobody knows."""


@dataclass(frozen=True)
class Job:
    id: str
    kind: str
    payload: Mapping[str, Any]
    attempt: int


class Jobs(Protocol):
    """Work that outlives a process. Claimed with a lease, retried with back-off, resumed after a kill: a handler runs
    at least once and must bear being run again. Payloads hold ids, never personal values.

    A job begins at once in the process that made it, and within a second or so in another. After `attempts` failures it is
    given up: it stays a week for an operator to see, and its key is free. What `every` made is never given up.
    """

    def handle(
        self, kind: str, handler: Callable[[Job], Awaitable[None]], *, attempts: int = 8, timeout_s: float = 300, at_once: int | None = None
    ) -> None:
        """Register the handler of a kind; before `start`. `at_once`: no more of this kind run in one process, so that long work leaves
        places for short."""

    async def enqueue(
        self, conn: AsyncConnection, kind: str, payload: Mapping[str, Any], *, key: str | None = None, delay_ms: int = 0
    ) -> str | None:
        """Part of the caller's transaction. `key`: at most one job of that key waits or runs (None answered if so): while it runs
        too, so a handler that wants to go on later enqueues under another key or none, or raises to be tried again."""

    async def every(self, kind: str, interval_s: float) -> None:
        """Have `kind` run once per interval on one of the processes."""


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str
    code: str | None = None  # a one-use code in the text, for the outbox's readers
    category: str = "account"  # what the mail is for: logged with the purpose, never the values
    purpose: str = "operate"


@dataclass(frozen=True)
class Sms:
    to: str  # E.164
    text: str
    code: str | None = None
    category: str = "account"
    purpose: str = "operate"


class Mailer(Protocol):
    """Hands a mail over to the next system, or raises `errors.Unavailable`; callers go through a job, so it is retried."""

    async def send_mail(self, mail: Mail) -> None: ...


class SmsSender(Protocol):
    async def send_sms(self, sms: Sms) -> None: ...


class Limiter(Protocol):
    """Moving-window limits, shared by all processes of a platform when Redis is configured.

    `hit` counts and raises `errors.TooMany` when `rule` (a name in `config.RATES`, such as "sign_in_per_address") is exhausted
    for `who`; a refused hit is not counted. `who` is kept as a keyed hash only. When Redis is away each process counts alone.
    Rules of a day and longer are a `Quota`.
    """

    async def hit(self, rule: str, who: str, cost: int = 1) -> None: ...

    async def peek(self, rule: str, who: str) -> int:
        """What is left."""


class Quota(Protocol):
    """Limits of a day and longer, counted in the store."""

    async def take(self, conn: AsyncConnection, rules: Mapping[str, str], numbers: int) -> None:
        """Count `numbers` by each rule for whom it names, in the caller's transaction. Raises TooMany; then the caller rolls back."""


@dataclass(frozen=True)
class Waiting:
    """Somebody who waits to meet somebody. `ticket` is new with each entry, `since_ms` Unix milliseconds."""

    account_id: str
    ticket: str
    mode: str
    since_ms: int
    interests: Sequence[str]
    languages: Sequence[str]
    recent: Sequence[str]


class MatchQueue(Protocol):
    """Those who wait to meet somebody, of every process of the platform. Raises `errors.Unavailable` while the server behind it is away.

    An account waits once: another entry takes the place of the first, whatever its mode. Somebody whose process does not say `beat`
    for fifteen seconds waits no more. Nothing is kept once they left.
    """

    async def enter(self, waiting: Waiting, at_ms: int) -> None:
        """Raises Unavailable of type `queue_full` beyond the setting match_queue_limit."""

    async def leave(self, account_id: str, ticket: str | None) -> None:
        """`ticket` None: whatever the entry; one that is not this ticket's stays. Leaving twice is no error."""

    async def beat(self, waiting: Sequence[Waiting], at_ms: int) -> list[str]:
        """These still wait. Answers the accounts of those that the queue does not know: taken meanwhile, or lost with it."""

    async def waiting(self, mode: str, limit: int, at_ms: int) -> list[Waiting]:
        """Those who wait longest, oldest first."""

    async def claim(self, mode: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
        """Take both (account, ticket) out of the queue at once; False, and nothing changed, when one of them waits no more."""

    async def close(self) -> None: ...


class PushSender(Protocol):
    """Asks a push service to wake a device (RFC 8030), without content."""

    async def push(self, endpoint: str, headers: Mapping[str, str]) -> Literal["sent", "gone", "failed"]:
        """`gone`: the subscription has ended and is to be forgotten. Never raises for what the other side does."""
