"""A second factor at sign-in: codes of an app, and recovery codes for the day when the app is lost."""

import hmac
import secrets
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.present_password import PresentPassword
from livecore.accounts.records import scope
from livecore.accounts.totp import SECRET_BYTES, address, matching_step, secret_text
from livecore.errors import FieldError
from livecore.ports import Clock, Database, Keys, Limiter, Principal

RECOVERY_CODES = 10
# Ten characters of 32: 50 bits, more than the tries that the limits leave.
RECOVERY_CHARS = 10
_ALPHABET = "abcdefghjkmnpqrstuvwxyz123456789"
ISSUER = "livecore"


@dataclass(frozen=True)
class Enrolment:
    """Shown once. `address` is for a QR code."""

    secret: str
    address: str


@dataclass(frozen=True)
class _Factor:
    secret: bytes
    confirmed_ms: int | None
    last_step: int
    recovery: list[str]


class SecondFactorNeeded(errors.Unauthorised):
    type = "second_factor"
    title = "A code of your app is needed"


class TwoFactor:
    def __init__(self, db: Database, keys: Keys, clock: Clock, present: PresentPassword, limiter: Limiter, activity: ActivityLog) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._present = present
        self._limiter = limiter
        self._activity = activity
        self._of = db.prepare(select(tables.account_two_factor).where(tables.account_two_factor.c.account_id == bindparam("account")))

    async def _load(self, account_id: str) -> _Factor | None:
        rows = await self._of({"account": account_id})
        if not rows:
            return None
        row = rows[0]
        secret = await self._keys.open(scope(account_id), row["secret"], "account_two_factor.secret")
        return _Factor(secret, row["confirmed_ms"], row["last_step"], row["recovery"])

    async def state(self, account_id: str) -> tuple[bool, int]:
        """Whether it is on, and how many recovery codes are left."""
        factor = await self._load(account_id)
        if factor is None or factor.confirmed_ms is None:
            return False, 0
        return True, len(factor.recovery)

    # -- switching it on and off

    async def enrol(self, me: Principal, password: str) -> Enrolment:
        """A new secret, not asked for before `confirm`. Raises Forbidden (`wrong_password`), Conflict when it is on."""
        await self._present.check(me, password)
        if (await self.state(me.account_id))[0]:
            raise errors.Conflict("The second factor is on already; switch it off first.", type="two_factor_on")
        secret = secrets.token_bytes(SECRET_BYTES)
        sealed = await self._keys.seal(scope(me.account_id), secret, "account_two_factor.secret")
        columns = tables.account_two_factor.c
        async with self._db.write() as conn:
            await conn.execute(delete(tables.account_two_factor).where(columns.account_id == me.account_id, columns.confirmed_ms.is_(None)))
            values = {"account_id": me.account_id, "secret": sealed, "last_step": 0, "recovery": []}
            await conn.execute(tables.account_two_factor.insert().values(values))
        return Enrolment(secret_text(secret), address(secret, ISSUER, me.username))

    async def confirm(self, account_id: str, code: str) -> list[str]:
        """Switch it on with a first right code; answers the recovery codes, shown once."""
        await self._limiter.hit("code_try_per_account", account_id)
        factor = await self._load(account_id)
        if factor is None or factor.confirmed_ms is not None:
            raise errors.Conflict("There is nothing to confirm.", type="no_code")
        step = matching_step(factor.secret, code, self._clock.at_ms(), factor.last_step)
        if step is None:
            raise errors.Invalid([FieldError("code", "is not the code that the app shows")], type="wrong_code")
        codes = ["".join(secrets.choice(_ALPHABET) for _ in range(RECOVERY_CHARS)) for _ in range(RECOVERY_CODES)]
        columns = tables.account_two_factor.c
        async with self._db.write() as conn:
            values = {
                "confirmed_ms": self._clock.at_ms(),
                "last_step": step,
                "recovery": [self._hash(account_id, code) for code in codes],
            }
            await conn.execute(update(tables.account_two_factor).where(columns.account_id == account_id).values(values))
            await self._activity.add(conn, account_id, "two_factor_on")
        return codes

    async def switch_off(self, me: Principal, password: str) -> None:
        await self._present.check(me, password)
        async with self._db.write() as conn:
            gone = await conn.execute(delete(tables.account_two_factor).where(tables.account_two_factor.c.account_id == me.account_id))
            if gone.rowcount:
                await self._activity.add(conn, me.account_id, "two_factor_off")

    def _hash(self, account_id: str, code: str) -> str:
        return self._keys.blind("recovery-code", f"{account_id}:{code}").hex()

    # -- at sign-in

    async def check(self, account_id: str, code: str | None) -> None:
        """After the right password: nothing where it is off. Raises SecondFactorNeeded, Unauthorised (`wrong_code`)."""
        factor = await self._load(account_id)
        if factor is None or factor.confirmed_ms is None:
            return
        if code is None:
            raise SecondFactorNeeded()
        await self._limiter.hit("code_try_per_account", account_id)
        async with self._db.write() as conn:
            right = await self._take(conn, account_id, factor.secret, code.replace(" ", "").replace("-", "").lower())
        if not right:
            raise errors.Unauthorised("That is not the code that the app shows, nor a recovery code.", type="wrong_code")

    async def _take(self, conn: AsyncConnection, account_id: str, secret: bytes, code: str) -> bool:
        columns = tables.account_two_factor.c
        query = select(columns.last_step, columns.recovery).where(columns.account_id == account_id).with_for_update()
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            return False
        change = update(tables.account_two_factor).where(columns.account_id == account_id)
        step = matching_step(secret, code, self._clock.at_ms(), row.last_step)
        if step is not None:
            await conn.execute(change.values(last_step=step))
            return True
        hashed = self._hash(account_id, code)
        left = [kept for kept in row.recovery if not hmac.compare_digest(kept, hashed)]
        if len(left) == len(row.recovery):
            return False
        await conn.execute(change.values(recovery=left))
        await self._activity.add(conn, account_id, "recovery_code_used", {"left": len(left)})
        return True
