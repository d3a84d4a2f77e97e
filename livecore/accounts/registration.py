"""Sign-up: who is under 18 leaves no trace, a name is taken once, and a code goes to the phone and to the mail address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import structlog
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.birth import day_of, is_adult, is_plausible
from livecore.accounts.codes import Codes
from livecore.accounts.devices import DeviceGiven
from livecore.accounts.name_index import NameIndex
from livecore.accounts.passwords import Passwords
from livecore.accounts.records import Records, scope
from livecore.accounts.sessions import Opened, Sessions
from livecore.accounts.usernames import RESERVED, folded, skeleton
from livecore.errors import FieldError
from livecore.ids import new_id
from livecore.ports import Clock, Database, Keys, Neighbours

log = structlog.get_logger("accounts")


@dataclass(frozen=True)
class Application:
    """The six fields, checked for form, and what goes with them. `accept` names policy versions."""

    username: str
    password: str
    name: str
    email: str
    phone: str
    birth_date: date
    accept: Mapping[str, Any]
    device: DeviceGiven


class Underage(errors.Invalid):
    """422 `underage`. It repeats nothing of what was sent."""

    def __init__(self) -> None:
        super().__init__(
            [FieldError("birth_date", "the service is for people of 18 and older")],
            type="underage",
            title="The service is for people of 18 and older",
        )


class UsernameTaken(errors.Conflict):
    type = "username_taken"
    title = "That username, or one that looks like it, is taken"


class ContactTaken(errors.Conflict):
    """One answer for mail and phone: it does not say which of the two is known here."""

    type = "contact_taken"
    title = "That mail address or phone number cannot be used for a new account"


def check_age(born: date, at_ms: int) -> None:
    """Raises Underage, or Invalid for a day that cannot be a birthday of somebody alive."""
    today = day_of(at_ms)
    if not is_plausible(born, today):
        raise errors.Invalid([FieldError("birth_date", "is not a possible date of birth")])
    if not is_adult(born, today):
        raise Underage()


class Registration:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        records: Records,
        passwords: Passwords,
        codes: Codes,
        sessions: Sessions,
        names: NameIndex,
        activity: ActivityLog,
        neighbours: Neighbours,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._records = records
        self._passwords = passwords
        self._codes = codes
        self._sessions = sessions
        self._names = names
        self._activity = activity
        self._neighbours = neighbours

    async def sign_up(self, wanted: Application, address_class: str) -> Opened:
        """Raises Underage, UsernameTaken, ContactTaken, Invalid (a policy version). Nothing is written by a refusal."""
        # First of all, before anything is hashed, counted, stored or logged.
        check_age(wanted.birth_date, self._clock.at_ms())
        versions: Mapping[str, int] = {}
        if self._neighbours.policies is not None:
            versions = await self._neighbours.policies.check_acceptance(wanted.accept)
        await self._refuse_taken(wanted)
        password_hash = await self._passwords.hash(wanted.password)
        account_id = new_id()
        sealed = await self._records.seal(
            account_id,
            {"name": wanted.name, "email": wanted.email, "phone": wanted.phone, "birth_date": wanted.birth_date.isoformat()},
        )
        try:
            async with self._db.write() as conn:
                opened = await self._insert(conn, account_id, wanted, sealed, password_hash, versions, address_class)
        except IntegrityError:
            # Somebody was faster with the name, the mail address or the number.
            await self._keys.destroy([scope(account_id)])
            await self._refuse_taken(wanted)
            raise ContactTaken() from None
        except BaseException:
            await self._keys.destroy([scope(account_id)])
            raise
        await self._sessions.opened(opened)
        return opened

    async def _refuse_taken(self, wanted: Application) -> None:
        columns = tables.account.c
        look = skeleton(wanted.username)
        grave = tables.username_tombstone.c.hash == self._keys.blind("username", look)
        if folded(wanted.username) in RESERVED:
            raise UsernameTaken()
        async with self._db.read() as conn:
            if (await conn.execute(select(columns.id).where(columns.skeleton == look))).first() is not None:
                raise UsernameTaken()
            if (await conn.execute(select(tables.username_tombstone.c.hash).where(grave))).first() is not None:
                raise UsernameTaken()
            reachable = or_(
                columns.email_index == self._records.email_index(wanted.email),
                columns.phone_index == self._records.phone_index(wanted.phone),
            )
            if (await conn.execute(select(columns.id).where(reachable))).first() is not None:
                raise ContactTaken()

    async def _insert(
        self,
        conn: AsyncConnection,
        account_id: str,
        wanted: Application,
        sealed: Mapping[str, bytes | None],
        password_hash: str,
        versions: Mapping[str, int],
        address_class: str,
    ) -> Opened:
        at_ms = self._clock.at_ms()
        await conn.execute(
            tables.account.insert().values(
                id=account_id,
                username=wanted.username,
                folded=folded(wanted.username),
                skeleton=skeleton(wanted.username),
                email_index=self._records.email_index(wanted.email),
                phone_index=self._records.phone_index(wanted.phone),
                password_hash=password_hash,
                state="active",
                declined=False,
                staff=[],
                created_ms=at_ms,
                seen_ms=at_ms,
                version=1,
                **sealed,
            )
        )
        await self._names.write(conn, account_id, wanted.username, [wanted.name])
        if self._neighbours.policies is not None:
            await self._neighbours.policies.record_acceptance(conn, account_id, versions, "sign_up")
        await self._codes.issue(conn, account_id, "phone")
        await self._codes.issue(conn, account_id, "email")
        opened = await self._sessions.open(conn, account_id, wanted.device, address_class)
        await self._activity.add(conn, account_id, "sign_up", {"device": wanted.device.name})
        return opened
