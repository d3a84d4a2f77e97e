"""What livecore needs from outside, as promises. `platform` keeps them; `tests/contracts` checks each promise.

Also here: the small views that one service needs of another (`Relations`, `Directory`, …), so that services
never import one another. `app` hands the real ones over.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

Audience = Literal["everyone", "contacts", "friends", "nobody"]
AUDIENCES: tuple[Audience, ...] = ("everyone", "contacts", "friends", "nobody")


class Clock(Protocol):
    """Two times. `now` only grows and measures spans; `at_ms` is the wall clock and goes into tables."""

    def now(self) -> float:
        """Monotonic seconds."""

    def at_ms(self) -> int:
        """Unix milliseconds."""


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

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]: ...

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
    """

    async def hit(self, rule: str, who: str, cost: int = 1) -> None: ...

    async def peek(self, rule: str, who: str) -> int:
        """What is left."""


class Signals(Protocol):
    """Events to connected clients, over every process. At most once: what must not be lost is stored by its owner too."""

    async def to_account(self, account_id: str, event: str, data: Mapping[str, Any]) -> None: ...

    async def to_room(self, room: str, event: str, data: Mapping[str, Any]) -> None:
        """Rooms are `live:{id}` and `conversation:{id}`."""

    async def cut_session(self, session_id: str, reason: str) -> None:
        """Every socket of the session is closed within a second."""

    async def cut_account(self, account_id: str, reason: str, live_id: str | None = None) -> None:
        """All sockets of an account, or only its presence in one live (media included)."""

    async def audience_changed(self, live_id: str) -> None:
        """Who watches this live has to be looked at anew, by every process."""


@dataclass(frozen=True)
class Principal:
    """Who asks. `staff` holds the roles; `restricted` = processing is limited to what the service needs."""

    account_id: str
    username: str
    session_id: str
    device_id: str
    staff: frozenset[str] = frozenset()
    verified: bool = True  # phone and mail are confirmed
    declined: bool = False  # declined the policy: only policies, export, deletion and support answer


class Devices(Protocol):
    """The devices for which messages are held."""

    async def of(self, account_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Device ids (`Principal.device_id`) of each account; an account without one has an empty tuple."""

    async def seen(self, principal: "Principal") -> None:
        """The device was here now: a connected socket says so now and then, so that it does not count as idle."""


class DeviceWatcher(Protocol):
    """Told after the commit that a device signed in, or is no longer held for (signed out, revoked, idle, one too many)."""

    async def device_added(self, account_id: str, device_id: str) -> None:
        """Idempotent: a device that signs in again is told again."""

    async def device_removed(self, account_id: str, device_id: str) -> None: ...


@dataclass(frozen=True)
class TraitSet:
    """What somebody gave of themselves to be found by: words, ISO 639 codes, and an ISO 3166 country or part of one."""

    interests: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    region: str | None = None


class Traits(Protocol):
    """Kept by `accounts`."""

    async def of(self, account_ids: Iterable[str]) -> dict[str, TraitSet]:
        """For each that is asked for, also when nothing was given."""

    async def sharing(self, account_id: str, kind: str, limit: int) -> dict[str, int]:
        """Others with the same "interest", "language" or "region", and how many of them; those with most first."""


class FollowGraph(Protocol):
    """Kept by `people`."""

    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""


class Reviews(Protocol):
    """What reports mean for meeting people; kept by `trust`."""

    async def under_review(self, account_ids: Sequence[str]) -> frozenset[str]:
        """Those of whom staff look at a report now."""

    async def reported_either_way(self, account_id: str) -> frozenset[str]:
        """Those whom the account reported, and those who reported it."""


class SharedAudience(Protocol):
    """Kept by the owner of videos."""

    async def watched_together(self, account_id: str, limit: int) -> dict[str, int]:
        """Others who watched the same videos lately, and how many of them; those with most first."""


class Introductions(Protocol):
    """Kept by `rooms`."""

    async def introduce(self, one: str, other: str) -> tuple[str, bool]:
        """Their direct conversation, in which both may write now; the second value says whether that had to be opened."""

    async def part(self, conversation_id: str) -> None:
        """Neither lets the other write any more, but as their settings say."""


@dataclass(frozen=True)
class PrivateLive:
    """`for_account`: what each of the two is told (`id`, `publication`, `peer_publication`, `whip`, `whep`, `token`)."""

    live_id: str
    for_account: Mapping[str, Mapping[str, str]]


class PrivateLives(Protocol):
    """A live of two people: both publish, both watch, nobody else sees it. Kept by `lives`."""

    async def meet(self, one: str, other: str) -> PrivateLive: ...

    async def end(self, live_id: str, reason: str) -> None: ...


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

    async def beat(self, waiting: Sequence[Waiting], at_ms: int) -> None:
        """These still wait."""

    async def waiting(self, mode: str, limit: int, at_ms: int) -> list[Waiting]:
        """Those who wait longest, oldest first."""

    async def claim(self, mode: str, one: tuple[str, str], other: tuple[str, str]) -> bool:
        """Take both (account, ticket) out of the queue at once; False, and nothing changed, when one of them waits no more."""

    async def close(self) -> None: ...


@dataclass(frozen=True)
class CallBegun:
    """`live` is what the caller publishes to and watches (as in `PrivateLive.for_account`); None while it rings."""

    call_id: str
    live: Mapping[str, str] | None


class CallExchange(Protocol):
    """Calls between two people; kept by `calls`, asked by the chat edge."""

    async def begin(self, me: "Principal", username: str, video: bool) -> CallBegun: ...

    async def accept(self, me: "Principal", call_id: str) -> Mapping[str, str]: ...

    async def end(self, me: "Principal", call_id: str) -> None: ...


class MeetingPlace(Protocol):
    """Where strangers meet; kept by `people`, asked by the chat edge."""

    async def enter(
        self, me: "Principal", sid: str, mode: Literal["chat", "video"], interests: Sequence[str] | None, languages: Sequence[str] | None
    ) -> None: ...

    async def leave(self, account_id: str, reason: str = "left") -> None: ...

    async def gone(self, sid: str, account_id: str) -> None: ...


@dataclass
class Neighbours:
    """What `accounts` and `people` use of services that are built after them; `app` fills it in while it starts.

    None means that the part does not run in this process (a command-line call): nothing is then told or recorded there.
    """

    signals: Signals | None = None
    notifier: "Notifier | None" = None
    policies: "PolicyVersions | None" = None
    erasures: "Erasures | None" = None
    reviews: Reviews | None = None
    audience: SharedAudience | None = None
    introductions: Introductions | None = None
    private_lives: PrivateLives | None = None
    device_watchers: list[DeviceWatcher] = field(default_factory=list)
    phone_watchers: list["PhoneWatcher"] = field(default_factory=list)


class Authenticator(Protocol):
    async def authenticate(self, access_token: str) -> Principal:
        """Raises `errors.Unauthorised` (type `token_expired` or `unauthorised`)."""

    async def current(self, session_id: str) -> Principal:
        """A known session's principal as it stands now (verified, declined, staff); a socket outlives its access token but not
        its session. Asked for each Socket.IO event, so it is cheap. Raises `errors.Unauthorised` when the session has ended."""


@dataclass(frozen=True)
class Relation:
    """How `me` stands to `other`."""

    friends: bool = False
    contact: bool = False  # other is in my address book
    in_their_contacts: bool = False  # I am in other's address book
    i_block: bool = False
    blocks_me: bool = False
    requested: bool = False  # I asked to be friends and wait
    asks_me: bool = False  # other asked, and waits for me

    @property
    def standing(self) -> str:
        """One word for a list: "blocked", "friends", "requested", "asked" or "none"."""
        words = (("blocked", self.i_block), ("friends", self.friends), ("requested", self.requested), ("asked", self.asks_me))
        return next((word for word, holds in words if holds), "none")

    @property
    def blocked(self) -> bool:
        return self.i_block or self.blocks_me


class Relations(Protocol):
    """Who stands how to whom. Answers reflect a block in the very next call, on every process."""

    async def between(self, me: str, other: str) -> Relation: ...

    async def blocked_either_way(self, me: str) -> frozenset[str]:
        """Account ids that must not see me or be seen by me."""

    async def friends_of(self, me: str) -> frozenset[str]: ...

    async def allows(self, owner: str, viewer: str, audience: Audience) -> bool:
        """Whether `viewer` is in `owner`'s audience; False when blocked either way; always True for oneself."""


@dataclass(frozen=True)
class PersonCard:
    """What others may see of a person in a list. `name` is None when hidden or taken down; then the username stands for it."""

    id: str
    username: str
    name: str | None
    avatar: str | None  # a path, or None


class Directory(Protocol):
    """Names of accounts, seen by somebody."""

    async def by_username(self, username: str) -> str | None:
        """The account's id; None when there is none (deleted and suspended ones included)."""

    async def cards(self, viewer: str | None, account_ids: Iterable[str]) -> dict[str, PersonCard]:
        """Cards for those that exist; visibility settings applied for the viewer (None = nobody in particular)."""

    async def active_cards(self, viewer: str, account_ids: Iterable[str]) -> dict[str, PersonCard]:
        """As `cards`, of those alone whose content others may see (not suspended, not leaving). Cheap: on the path of each feed page."""

    async def is_active(self, account_id: str) -> bool: ...

    async def setting(self, account_id: str, key: str) -> Any:
        """The value of a person's setting or its default; keys are those of GET /api/v1/me/settings."""


class Undelivered(Protocol):
    """What devices still lack; kept by `rooms`, asked by whoever wakes them."""

    async def members_of(self, conversation_id: str) -> Sequence[str]:
        """Accounts that read there; empty when it is gone."""

    async def newest_waiting(self, devices: Mapping[str, str]) -> dict[str, int]:
        """For each of these devices (id → account) that lacks a message: when the newest one was sent, in Unix milliseconds."""


class PushSender(Protocol):
    """Asks a push service to wake a device (RFC 8030), without content."""

    async def push(self, endpoint: str, headers: Mapping[str, str]) -> Literal["sent", "gone", "failed"]:
        """`gone`: the subscription has ended and is to be forgotten. Never raises for what the other side does."""


class Waker(Protocol):
    """Wakes what cannot wait."""

    async def wake(self, account_id: str) -> None:
        """Every device of the account that is woken by push."""


class Companions(Protocol):
    """Who is in a conversation with whom; kept by `rooms`."""

    async def share_conversation(self, one: str, other: str) -> bool:
        """Whether both are members of a group or of a direct conversation that is not a waiting request."""


class PhoneIndex(Protocol):
    """Phone numbers as keyed hashes; kept by `accounts`. The key lies apart from the data, so that a hash tells nobody a number."""

    async def read(self, owner_id: str, numbers: Sequence[str]) -> list[bytes | None]:
        """The hash of each; numbers without a country code are read as the owner's country writes them. None: no number."""

    async def holders(self, indexes: Iterable[bytes]) -> dict[bytes, str]:
        """The active accounts that confirmed these numbers as theirs."""


class ShownPhones(Protocol):
    async def shown_phone(self, viewer: str, username: str) -> str | None:
        """The number that a person shows to the viewer; None: hidden. Raises NotFound for nobody, and for who blocks the viewer."""


class PhoneWatcher(Protocol):
    async def phone_confirmed(self, account_id: str, index: bytes) -> None:
        """Told after the commit that this number is the account's now, and no other is."""


class PeopleIndex(Protocol):
    """Whom one may be shown without having asked for them by name; kept by `accounts`."""

    async def newest(self, limit: int) -> Sequence[str]:
        """Ids of active accounts, the youngest first."""

    async def discoverable(self, viewer: str, account_ids: Iterable[str], by: str = "discoverable_by_name") -> dict[str, PersonCard]:
        """Cards of those who let themselves be found by the viewer in this way: active, confirmed, not blocked either way."""


class Notifier(Protocol):
    """Notices: kept until read, told at once to connected clients (`notice`), listed at GET /api/v1/me/notices."""

    async def notify(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any], *, key: str | None = None) -> None:
        """Part of the caller's transaction, told after it is committed. The same `key` for an account is told once."""


class MissedNotices(Protocol):
    async def missed(self, account_ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """By account, for those that have any: notices that must reach the person and are unread, oldest first, as the event `notice`
        tells them."""


class Audit(Protocol):
    """The log that cannot be altered: chained commitments, details in side rows (see docs/architecture.md)."""

    async def record(
        self,
        conn: AsyncConnection,
        actor: str,
        act: str,
        *,
        subject: str | None = None,
        target: str | None = None,
        case: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Part of the caller's transaction. `actor` and `subject` are account ids (actor may be "system")."""


class Activity(Protocol):
    """A person's own activity log: sign-ins, blocks, friend changes, settings, reports (GET /api/v1/me/activity)."""

    async def add(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any] | None = None) -> None: ...


@dataclass(frozen=True)
class TakedownTarget:
    """`kind` is one of `TAKEDOWN_KINDS`; `id` is the video's, live's, post's or account's id."""

    kind: str
    id: str


TAKEDOWN_KINDS = ("video", "image", "live", "post", "comment", "profile_picture", "profile_name")


class TakedownPort(Protocol):
    """Kept by the owner of each kind of content; `app` collects them by kind for `trust`."""

    async def owner_of(self, target: TakedownTarget) -> str | None:
        """The account that answers for it; None when it does not exist."""

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        """Part of the caller's transaction. Hidden from feed, link, download, share and caches when it commits."""

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None: ...

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Called after the commit: drop caches, cut running lives and streams."""


class Eraser(Protocol):
    """What erasing an account means beyond the rows that the data map names: kept by each owner, collected by `app`."""

    async def erase(self, account_id: str) -> None:
        """Idempotent; called before the declared rows and objects go."""


class PolicyVersions(Protocol):
    """The policies that a sign-up agrees to, and the rows that prove it."""

    async def check_acceptance(self, accept: Mapping[str, Any]) -> dict[str, int]:
        """The versions that `accept` (`{"privacy": "1", "terms": "1"}`) names; raises Invalid naming `accept.privacy` or
        `accept.terms` where one is missing or not the version in force. `True` stands for the version in force."""

    async def record_acceptance(self, conn: AsyncConnection, account_id: str, versions: Mapping[str, int], mode: str) -> None:
        """Part of the caller's transaction. `mode`: "sign_up", "accepted", "continued_use"."""


class AccountStates(Protocol):
    """What trust may ask and change about an account. Kept by accounts."""

    async def set_declined(self, conn: AsyncConnection, account_id: str, declined: bool) -> None:
        """Part of the caller's transaction; the next request and event see it (`Principal.declined`)."""

    async def suspend(self, conn: AsyncConnection, account_id: str) -> None:
        """Part of the caller's transaction; call `end_sessions` after it. Signing in answers 403 `suspended`."""

    async def reinstate(self, conn: AsyncConnection, account_id: str) -> None: ...

    async def contact_of(self, account_id: str) -> tuple[str, str] | None:
        """Mail address and phone, to write to the person; None when the account is gone."""

    async def end_sessions(self, account_id: str, reason: str) -> None:
        """Every session is revoked and every socket cut within a second."""

    async def close(self, conn: AsyncConnection, account_id: str) -> None:
        """Part of the caller's transaction: nobody sees or signs in to the account any more; erasure follows."""

    async def active_ids(self, after: str, limit: int) -> Sequence[str]:
        """Ids of active accounts above `after`, in order."""

    async def staff_view(self, username: str) -> Mapping[str, Any] | None:
        """What staff may see of an account with a case in hand (JSON values, contact data opened); None when there is none."""


class Erasures(Protocol):
    """The end of an account: asked for, due at a time, then done by a job that survives restarts."""

    async def schedule(self, conn: AsyncConnection, account_id: str, due_ms: int, *, reason: str = "requested") -> None:
        """Part of the caller's transaction. A second one moves the time. `reason`: "requested" or "underage"."""

    async def cancel(self, conn: AsyncConnection, account_id: str) -> bool:
        """False when there is none, or when it has begun and cannot be called back."""

    async def due_ms(self, account_id: str) -> int | None: ...


class Holds(Protocol):
    """Legal holds: what must be preserved although its owner or its time would have it gone."""

    async def held(self, account_id: str) -> bool: ...


class Blocker(Protocol):
    """Sets a block on behalf of the person who asked for it; kept by people."""

    async def block(self, account_id: str, other_id: str) -> None: ...


@dataclass(frozen=True)
class LiveFacts:
    """What the live room needs to know of a live. `state` is "waiting", "live" or "ended"."""

    id: str
    host_id: str
    title: str
    state: str
    started_ms: int | None
    slow_mode_s: int = 0


class LiveGate(Protocol):
    """Who may be in a live's room and speak there; kept by `lives`, asked by the chat edge on every join and line."""

    async def may_join(self, account_id: str, live_id: str) -> LiveFacts:
        """Raises NotFound (none, disabled, blocked either way, not in its audience) or Gone (ended)."""

    async def may_say(self, account_id: str, live_id: str) -> LiveFacts:
        """As `may_join`, and raises Forbidden (type `muted`) for who was muted there."""

    async def joined(self, account_id: str, live_id: str) -> list[Mapping[str, Any]]:
        """The publications there are now (`{id, account, kind}`), for the answer to a join."""


class LiveModeration(Protocol):
    """Who keeps order in a live's room; kept by `lives`, asked by the chat edge."""

    async def moderates(self, account_id: str, live_id: str) -> bool: ...


class MediaControl(Protocol):
    """What lives ask of the media plane. Closing what is gone is no error; a worker that is away is logged, since it holds nothing then."""

    async def end_live(self, live_id: str) -> None:
        """Close every session of a live and finish its recordings; not an error when there is none."""

    async def cut(self, account_id: str, live_id: str | None, reason: str) -> None:
        """Close an account's watching sessions, in one live or in all."""

    async def watchers(self, live_id: str) -> list[str]:
        """The accounts that watch a live by WebRTC; none when the worker is away."""

    async def start_recording(self, live_id: str, publication_id: str, recording_id: str, outputs: Sequence[str]) -> None:
        """Copy a publication to the recorder. `outputs`: "file", "hls"."""


class LiveRooms(Protocol):
    """The fan-out of lives; kept by `rooms`, asked by `lives`."""

    async def viewers(self, live_id: str) -> int: ...

    async def end(self, live_id: str, data: Mapping[str, Any]) -> None:
        """Tell the room `live:ended` and forget its lines."""


class MessageMedia(Protocol):
    """Images, voice and videos of messages, for whoever brings their bytes; kept by rooms."""

    def check_head(self, head: bytes) -> None:
        """Raises WrongMedia when the first bytes are of nothing that a message carries."""

    async def check_new(self, principal: Principal, conversation_id: str, size_bytes: int) -> None:
        """Whether so much may come. Raises NotFound for those who may not write there, NoSpace when their share is used."""

    async def prepare(self, principal: Principal, conversation_id: str, source: Path) -> Mapping[str, Any]:
        """Make an attachment of the file; nothing until `keep`. Raises NotFound, WrongMedia, Invalid, TooLarge."""

    async def keep(self, conn: AsyncConnection, principal: Principal, row: Mapping[str, Any]) -> None:
        """Part of the caller's transaction: from now on a message may name it by `row["id"]`."""


class MediaCopier(Protocol):
    """Makes a file anew without what it says beside its streams; kept by `library`, asked by `rooms`."""

    async def copy(self, source: Path, target: Path, container: str) -> Mapping[str, int] | None:
        """`container`: "mp4", "webm" or "ogg". `width`, `height` (0: sound alone) and `duration_ms`; None: it cannot be played."""


class ShareGate(Protocol):
    """What may be handed on as a card; kept by the owner of each kind ("video", "live", "post"), collected by `app` for `rooms`."""

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Raises NotFound, Gone or LegallyUnavailable where `me` does not see it."""


class ContactGate(Protocol):
    """Which phone numbers a person may hand on; kept by `people`, asked by `rooms`."""

    async def check_contact(self, me: Principal, username: str | None, phone: str | None) -> None:
        """Raises Forbidden (`phone_hidden`) unless the number is in the person's own address book or shown to them by its owner,
        and NotFound where nobody has that username."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One item of the feed before it is drawn: `kind` is "video", "live" or "post", `at_ms` its place in time.

    `row` is what its owner keeps of it, for drawing. The counters say how it does; `length_ms` is 0 for what has no length.
    """

    kind: str
    id: str
    owner_id: str
    at_ms: int
    visibility: Audience
    row: Mapping[str, Any] = field(default_factory=dict)
    length_ms: int = 0
    watched_ms: int = 0
    views: int = 0
    likes: int = 0
    comments: int = 0
    shares: int = 0
    tags: tuple[str, ...] = ()


class FeedSource(Protocol):
    """Kept by the owner of each kind of item; `app` collects them for the feed. What is taken down or not ready is left out."""

    kind: str

    async def newest(self, owners: frozenset[str] | None, before: tuple[int, str], limit: int, *, after_ms: int = 0) -> Sequence[FeedEntry]:
        """Up to `limit` entries, newest first by (at_ms, id), all below `before` and not older than `after_ms`; fewer only when
        there are no more.

        `owners` None: items for everyone, whoever made them; else items of these accounts, whatever their audience (the feed
        asks `Relations`).
        """

    async def entries(self, ids: Sequence[str]) -> Sequence[FeedEntry]:
        """Those of these items that are there now, in any order."""


class WatchHistory(Protocol):
    """What a person watched, as numbers; kept by `library`, asked by the feed for who lets it."""

    async def habits(self, account_id: str) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
        """Shares of the time watched lately by creator and by tag, and the share of each video that was watched."""

    async def quality(self, owner_ids: Sequence[str]) -> Mapping[str, float]:
        """Of creators whose videos were watched: watch time over length, on average, 0 to 1."""


class Followers(Protocol):
    async def friends_and_followers(self, account_id: str, after: str, limit: int) -> Sequence[str]:
        """Account ids in their order above `after`, each once; who is blocked either way is among them."""


class Followed(Protocol):
    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""


Hook = Callable[..., Awaitable[None]]
Ids = Sequence[str]
