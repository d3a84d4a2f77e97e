"""Signing in and out. Access tokens are short-lived, refresh tokens work once; a second use ends the session (RFC 9700, 4.14)."""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.devices import Arrival, DeviceGiven, DeviceList
from livecore.accounts.passwords import Passwords
from livecore.accounts.principals import Principals, token_hash
from livecore.accounts.records import Records
from livecore.accounts.two_factor import TwoFactor
from livecore.config import Settings
from livecore.ids import new_id
from livecore.ports import Clock, Database, Jobs, Keys, Limiter, Neighbours, Principal

log = structlog.get_logger("accounts")

TOKEN_BYTES = 32
# An expired access token is remembered this long, so that its owner is told "expired" and not "unknown".
EXPIRED_KEPT_MS = 86_400_000
LETTER_JOB = "accounts.letter"
TIDY_JOB = "accounts.tidy"
TIDY_EVERY_S = 3600


@dataclass(frozen=True)
class Tokens:
    """`expires_in_s` is the access token's."""

    access: str
    refresh: str
    expires_in_s: int


@dataclass(frozen=True)
class Opened:
    """A session that a transaction opened; `Sessions.opened` tells of it after the commit."""

    account_id: str
    session_id: str
    tokens: Tokens
    arrival: Arrival


class Sessions:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: Settings,
        records: Records,
        passwords: Passwords,
        principals: Principals,
        devices: DeviceList,
        jobs: Jobs,
        limiter: Limiter,
        activity: ActivityLog,
        neighbours: Neighbours,
        two_factor: TwoFactor,
        keys: Keys,
    ) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self._records = records
        self._passwords = passwords
        self._principals = principals
        self._devices = devices
        self._jobs = jobs
        self._limiter = limiter
        self._activity = activity
        self._neighbours = neighbours
        self._two_factor = two_factor
        self._keys = keys
        self._seen = db.prepare_step(
            update(tables.account).where(tables.account.c.id == bindparam("account")).values(seen_ms=bindparam("now_ms"))
        )
        self._insert = db.prepare_step(tables.account_session.insert())
        self._insert_tokens = db.prepare_step(tables.account_token.insert())

    # -- opening

    async def sign_in(self, login: str, password: str, device: DeviceGiven, address_class: str, code: str | None = None) -> Opened:
        """Raises Unauthorised (`wrong_login`, the same for a wrong password and an unknown name; `second_factor`, `wrong_code`),
        Forbidden (`suspended`)."""
        login = login.strip()
        await self._limiter.hit("sign_in_per_login", login.casefold())
        row = await self._records.row_by_login(login)
        right = await self._passwords.verify(row.password_hash if row else None, password)
        if row is None or not right or row.state == "closed":
            if row is not None and not right:
                async with self._db.write() as conn:
                    await self._activity.add(conn, row.id, "sign_in_failed", {"network": address_class})
            raise errors.Unauthorised("This name and password do not belong together.", type="wrong_login")
        if row.state == "suspended":
            raise errors.Forbidden("This account is suspended.", type="suspended", until=row.suspended_until_ms)
        await self._two_factor.check(row.id, code)
        rehashed = await self._passwords.hash(password) if self._passwords.is_weaker(row.password_hash) else None
        async with self._db.write() as conn:
            opened = await self._admit(conn, row, device, address_class, rehashed)
        await self.opened(opened)
        return opened

    async def _admit(self, conn: AsyncConnection, row: Any, device: DeviceGiven, address_class: str, rehashed: str | None) -> Opened:
        await self._seen(conn, {"account": row.id, "now_ms": self._clock.at_ms()})
        changes: dict[str, Any] = {}
        if rehashed is not None:
            changes["password_hash"] = rehashed
        if row.state == "erasing":
            if self._neighbours.erasures is not None and not await self._neighbours.erasures.cancel(conn, row.id):
                raise errors.Unauthorised("This name and password do not belong together.", type="wrong_login")
            changes |= {"state": "active", "erase_at_ms": None, "version": tables.account.c.version + 1}
            await self._activity.add(conn, row.id, "deletion_cancelled")
        if changes:
            await conn.execute(update(tables.account).where(tables.account.c.id == row.id).values(changes))
        opened = await self.open(conn, row.id, device, address_class)
        await self._activity.add(conn, row.id, "sign_in", {"device": device.name, "network": address_class})
        if opened.arrival.is_new:
            if self._neighbours.notifier is not None:
                facts = {"device": device.name, "network": address_class, "at_ms": self._clock.at_ms()}
                await self._neighbours.notifier.notify(conn, row.id, "new_sign_in", facts, key=f"sign_in:{opened.session_id}")
            await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": row.id, "letter": "new_device", "session_id": opened.session_id})
        return opened

    async def open(self, conn: AsyncConnection, account_id: str, device: DeviceGiven, address_class: str) -> Opened:
        """Part of the caller's transaction: a session on a device, with its first pair of tokens. Then call `opened`."""
        arrival = await self._devices.arrive(conn, account_id, device)
        session_id, at_ms = new_id(), self._clock.at_ms()
        await self._insert(
            conn,
            {
                "id": session_id,
                "account_id": account_id,
                "device_id": arrival.device_id,
                "address_class": address_class,
                "created_ms": at_ms,
                "seen_ms": at_ms,
            },
        )
        return Opened(account_id, session_id, await self._issue(conn, account_id, session_id), arrival)

    async def opened(self, opened: Opened) -> None:
        """After the commit of `open`: the device is told of, and what had to make room for it is told and cut."""
        await self._devices.tell_added(opened.account_id, opened.arrival.device_id)
        if opened.arrival.ended or opened.arrival.removed:
            await self._after_end(opened.account_id, opened.arrival.ended, opened.arrival.removed, "replaced")

    async def _issue(self, conn: AsyncConnection, account_id: str, session_id: str, tokens: Tokens | None = None) -> Tokens:
        at_ms = self._clock.at_ms()
        if tokens is None:
            tokens = Tokens(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES), self._settings.access_token_s)
        lives_ms = {"access": self._settings.access_token_s * 1000, "refresh": self._settings.refresh_token_s * 1000}
        rows = [
            {
                "hash": token_hash(token),
                "session_id": session_id,
                "account_id": account_id,
                "kind": kind,
                "expires_ms": at_ms + lives_ms[kind],
            }
            for kind, token in (("access", tokens.access), ("refresh", tokens.refresh))
        ]
        await self._insert_tokens(conn, rows)
        return tokens

    # -- renewing

    async def refresh(self, refresh_token: str, wish: str | None = None) -> tuple[str, Tokens]:
        """The account and a new pair. Raises Unauthorised: `token_expired`, `refresh_reused` (the session is over), `unauthorised`.

        `wish` is a secret of the client's, the same for each try of one exchange: while the new refresh token is unused it answers that
        pair again, so that a page that was left before its answer came does not lose its session.
        """
        key, at_ms = token_hash(refresh_token), self._clock.at_ms()
        wished = self._wished(refresh_token, wish) if wish else None
        token = tables.account_token.c
        async with self._db.write() as conn:
            taken = await conn.execute(
                update(tables.account_token)
                .where(token.hash == key, token.kind == "refresh", token.used_ms.is_(None), token.expires_ms > at_ms)
                .values(used_ms=at_ms)
            )
            query = select(token.session_id, token.account_id, token.used_ms).where(token.hash == key, token.kind == "refresh")
            row = (await conn.execute(query)).one_or_none()
            if row is not None and taken.rowcount == 1:
                state = (await conn.execute(select(tables.account.c.state).where(tables.account.c.id == row.account_id))).scalar_one()
                if state == "active":
                    return row.account_id, await self._issue(conn, row.account_id, row.session_id, wished)
            if row is not None and row.used_ms is not None and wished is not None:
                unused = (token.hash == token_hash(wished.refresh), token.session_id == row.session_id, token.used_ms.is_(None))
                if (await conn.execute(select(token.hash).where(*unused, token.expires_ms > at_ms))).one_or_none() is not None:
                    return row.account_id, wished
        if row is None:
            raise errors.Unauthorised("The refresh token is not known.")
        if row.used_ms is not None and taken.rowcount == 0:
            await self.end(row.account_id, [row.session_id], "refresh_reused")
            raise errors.Unauthorised("This refresh token was used before; the session is over, sign in anew.", type="refresh_reused")
        raise errors.Unauthorised("The session is over; sign in anew.", type="token_expired")

    def _wished(self, refresh_token: str, wish: str) -> Tokens:
        """Derived under the root key and kept nowhere: whoever knows but one of the two gets nothing."""
        made = {kind: self._keys.blind(f"renewed {kind}", f"{refresh_token} {wish}") for kind in ("access", "refresh")}
        access, refresh = (base64.urlsafe_b64encode(made[kind]).rstrip(b"=").decode() for kind in ("access", "refresh"))
        return Tokens(access, refresh, self._settings.access_token_s)

    # -- ending

    async def end(self, account_id: str, session_ids: Iterable[str], reason: str) -> None:
        """End these sessions of the account: tokens and unused devices go, sockets are cut. Idempotent."""
        async with self._db.write() as conn:
            ended, removed = await self._end_in(conn, account_id, list(session_ids))
            if ended:
                await self._activity.add(conn, account_id, "sign_out", {"reason": reason, "sessions": len(ended)})
        await self._after_end(account_id, ended, removed, reason)

    async def _end_in(self, conn: AsyncConnection, account_id: str, session_ids: list[str]) -> tuple[list[str], list[str]]:
        session = tables.account_session.c
        query = select(session.id, session.device_id).where(session.account_id == account_id, session.id.in_(session_ids))
        rows = (await conn.execute(query)).all()
        ended = [row.id for row in rows]
        if not ended:
            return [], []
        await conn.execute(delete(tables.account_token).where(tables.account_token.c.session_id.in_(ended)))
        await conn.execute(delete(tables.account_session).where(session.id.in_(ended)))
        return ended, await self._devices.leave(conn, [row.device_id for row in rows])

    async def _after_end(self, account_id: str, ended: Iterable[str], removed: Iterable[str], reason: str) -> None:
        await self._principals.changed(account_id)
        if self._neighbours.signals is not None:
            for session_id in ended:
                await self._neighbours.signals.cut_session(session_id, reason)
        await self._devices.tell_removed(account_id, removed)

    async def end_one(self, me: Principal, session_id: str) -> None:
        """Raises NotFound for a session that is not this account's."""
        if session_id not in [row.id for row in await self.of(me.account_id)]:
            raise errors.NotFound("There is no such session.")
        await self.end(me.account_id, [session_id], "signed_out")

    async def end_all(self, account_id: str, reason: str, *, but: str | None = None) -> None:
        await self.end(account_id, [row.id for row in await self.of(account_id) if row.id != but], reason)

    async def of(self, account_id: str) -> list[Any]:
        """Open sessions, newest use first: id, device_id, device_name, address_class, created_ms, seen_ms."""
        session, device = tables.account_session, tables.account_device
        query = (
            select(
                session.c.id,
                session.c.device_id,
                session.c.address_class,
                session.c.created_ms,
                session.c.seen_ms,
                device.c.name.label("device_name"),
                device.c.seen_ms.label("device_seen_ms"),
            )
            .join(device, device.c.id == session.c.device_id, isouter=True)
            .where(session.c.account_id == account_id)
            .order_by(session.c.seen_ms.desc(), session.c.id.desc())
        )
        async with self._db.read() as conn:
            return list((await conn.execute(query)).all())

    # -- keeping order

    async def tidy(self) -> None:
        """What time ends: expired tokens, sessions that nobody can renew, codes, devices that are away for too long."""
        at_ms = self._clock.at_ms()
        token, session = tables.account_token.c, tables.account_session.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.account_token).where(token.expires_ms < at_ms - EXPIRED_KEPT_MS))
            await conn.execute(delete(tables.account_code).where(tables.account_code.c.expires_ms < at_ms - EXPIRED_KEPT_MS))
            renewable = select(token.session_id).where(token.kind == "refresh", token.expires_ms > at_ms)
            over = (await conn.execute(select(session.id, session.account_id).where(session.id.not_in(renewable)).limit(500))).all()
        for row in over:
            await self.end(row.account_id, [row.id], "expired")
        for account_id in await self._devices.drop_idle():
            await self._principals.changed(account_id)
