"""From an access token to who asks: fast, and right again at once after a revocation. Keeps `ports.Authenticator`."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, select

from livecore import errors
from livecore.accounts import tables
from livecore.among import among, members
from livecore.gathered import Gathered
from livecore.ports import Bus, Clock, Database, Delivery, Principal

log = structlog.get_logger("accounts")

# Tokens in memory; an entry holds some 500 bytes.
CACHE_TOKENS = 50_000
# One process sees each of its own changes at once, so this only bounds what a second program on the same file does.
CACHE_S = 30.0
# Several processes ring each other over a bus that may lose: a revocation is then late by no more than this.
SHARED_CACHE_S = 1.0
# After a change nothing of that account is kept for as long as a transaction that is still open may last.
UNSETTLED_S = 5.0
# The longest access token: 32 random bytes as base64 have 43 characters.
TOKEN_LIMIT_CHARS = 100
NEVER_MS = 1 << 62
CHANGED_TOPIC = "accounts.changed"


def token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True)
class _Known:
    principal: Principal
    expires_ms: int
    loaded: float


_COLUMNS = (
    tables.account_session.c.id.label("session_id"),
    tables.account_session.c.device_id,
    tables.account_session.c.seen_ms,
    tables.account.c.id,
    tables.account.c.username,
    tables.account.c.state,
    tables.account.c.staff,
    tables.account.c.declined,
    tables.account.c.email_verified_ms,
    tables.account.c.phone_verified_ms,
)
_BY_TOKEN = (
    select(tables.account_token.c.hash, tables.account_token.c.expires_ms, *_COLUMNS)
    .join(tables.account_session, tables.account_session.c.id == tables.account_token.c.session_id)
    .join(tables.account, tables.account.c.id == tables.account_token.c.account_id)
    .where(tables.account_token.c.hash.in_(bindparam("hashes", expanding=True)), tables.account_token.c.kind == "access")
)


class Principals:
    """`on_seen(principal, seen_ms)` is awaited when an account's token was read from the store: now and then, not each time."""

    def __init__(self, db: Database, bus: Bus, clock: Clock, *, shared: bool) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock
        self._cache_s = SHARED_CACHE_S if shared else CACHE_S
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._changed: dict[str, float] = {}
        self._sessions = (
            select(*_COLUMNS)
            .join(tables.account, tables.account.c.id == tables.account_session.c.account_id)
            .where(among(db.dialect, tables.account_session.c.id, "sessions"))
        )
        self._by_token: Gathered[bytes, Any] = Gathered(self._read_tokens)
        self._by_session: Gathered[str, Any] = Gathered(self._read_sessions)
        self.on_seen: Callable[[Principal, int], Awaitable[None]] | None = None

    async def start(self) -> Callable[[], Awaitable[None]]:
        return await self._bus.subscribe(CHANGED_TOPIC, self._on_changed)

    async def _on_changed(self, delivery: Delivery) -> None:
        self._forget(delivery.data.decode())

    def _forget(self, account_id: str) -> None:
        now = self._clock.now()
        if len(self._changed) > 10_000:
            self._changed = {key: at for key, at in self._changed.items() if now - at < UNSETTLED_S + CACHE_S}
        self._changed[account_id] = now

    async def changed(self, account_id: str) -> None:
        """The account's sessions, roles or standing changed: every process reads them anew from now on.

        May be called before the commit too: what is read within `UNSETTLED_S` is not kept.
        """
        self._forget(account_id)
        await self._bus.publish(CHANGED_TOPIC, account_id.encode())

    def _is_settled(self, known: _Known, now: float) -> bool:
        changed = self._changed.get(known.principal.account_id)
        return now - known.loaded < self._cache_s and (changed is None or known.loaded > changed + UNSETTLED_S)

    async def authenticate(self, access_token: str) -> Principal:
        """Raises Unauthorised (type `token_expired`, or `unauthorised` when it is unknown or revoked)."""
        if len(access_token) > TOKEN_LIMIT_CHARS:
            raise errors.Unauthorised()
        key = token_hash(access_token)
        now = self._clock.now()
        known = self._known.get(key)
        if known is None or not self._is_settled(known, now):
            known = await self._load(key, now)
        if self._clock.at_ms() >= known.expires_ms:
            raise errors.Unauthorised("The access token has expired.", type="token_expired")
        return known.principal

    async def current(self, session_id: str) -> Principal:
        """As the session stands now. Raises Unauthorised when it has ended."""
        key = b"session:" + session_id.encode()
        now = self._clock.now()
        known = self._known.get(key)
        if known is None or not self._is_settled(known, now):
            known = await self._load(key, now, session_id)
        return known.principal

    async def _load(self, key: bytes, now: float, session_id: str | None = None) -> _Known:
        """By the hash of an access token, or by `session_id`, which nothing expires."""
        row = await (self._by_token.get(key) if session_id is None else self._by_session.get(session_id))
        if row is None or row.state != "active":
            self._known.pop(key, None)
            raise errors.Unauthorised("The session is not known, or over.")
        principal = Principal(
            account_id=row.id,
            username=row.username,
            session_id=row.session_id,
            device_id=row.device_id,
            staff=frozenset(row.staff),
            verified=row.email_verified_ms is not None and row.phone_verified_ms is not None,
            declined=row.declined,
        )
        expires_ms = row.expires_ms if session_id is None else NEVER_MS
        known = _Known(principal, expires_ms, now)
        self._known[key] = known
        self._known.move_to_end(key)
        while len(self._known) > CACHE_TOKENS:
            self._known.popitem(last=False)
        if self.on_seen is not None and self._clock.at_ms() < expires_ms:
            await self.on_seen(principal, row.seen_ms)
        return known

    async def _read_tokens(self, keys: list[bytes]) -> Mapping[bytes, Any]:
        async with self._db.read() as conn:
            return {row.hash: row for row in await conn.execute(_BY_TOKEN, {"hashes": keys})}

    async def _read_sessions(self, session_ids: list[str]) -> Mapping[str, Any]:
        asked = {"sessions": members(self._db.dialect, session_ids)}
        async with self._db.read() as conn:
            return {row.session_id: row for row in await conn.execute(self._sessions, asked)}
