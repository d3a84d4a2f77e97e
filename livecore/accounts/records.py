"""Rows of accounts, opened: the one place that reads the sealed columns."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select

from livecore.accounts import tables
from livecore.accounts.contact import email_key
from livecore.accounts.usernames import folded, skeleton
from livecore.among import among, members
from livecore.ports import Database, KeyDestroyed, Keys

# Opened records kept in memory; an entry holds some 1 kB. Each belongs to one version of its row, so it is never stale.
CACHE_RECORDS = 10_000
_BATCH = 500


@dataclass(frozen=True)
class Person:
    """An account, opened. `version` grows with each change. Times are Unix milliseconds."""

    id: str
    username: str
    state: str
    version: int
    name: str
    email: str
    phone: str
    birth_date: date
    profile_name: str | None
    gender: str | None
    age_info: str | None
    status_message: str | None
    avatar_id: str | None  # also None after a takedown
    profile_name_disabled: bool
    email_verified_ms: int | None
    phone_verified_ms: int | None
    staff: tuple[str, ...]
    created_ms: int
    seen_ms: int
    declined: bool

    @property
    def shown_name(self) -> str | None:
        """What stands beside the username; None after a takedown of the profile name."""
        if self.profile_name_disabled:
            return None
        return self.profile_name or self.name

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def is_verified(self) -> bool:
        return self.email_verified_ms is not None and self.phone_verified_ms is not None


@dataclass(frozen=True)
class Login:
    """What a sign-in needs of an account."""

    id: str
    username: str
    password_hash: str
    state: str
    suspended_until_ms: int | None


def scope(account_id: str) -> str:
    return f"account:{account_id}"


class Records:
    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys
        self._opened: OrderedDict[tuple[str, int], dict[str, str | None]] = OrderedDict()
        self._shown: OrderedDict[str, Person] = OrderedDict()
        columns = tables.account.c
        self._by_ids = db.prepare(select(tables.account).where(among(db.dialect, columns.id, "ids")))
        login = select(columns.id, columns.username, columns.password_hash, columns.state, columns.suspended_until_ms)
        self._logins = {
            column: db.prepare(login.where(columns[column] == bindparam("given"))) for column in ("email_index", "phone_index", "folded")
        }
        self._standing = db.prepare(select(columns.id, columns.version, columns.state).where(among(db.dialect, columns.id, "ids")))

    def email_index(self, email: str) -> bytes:
        return self._keys.blind("account.email", email_key(email))

    def phone_index(self, phone: str) -> bytes:
        return self._keys.blind("account.phone", phone)

    async def seal(self, account_id: str, values: Mapping[str, str | None]) -> dict[str, bytes | None]:
        """Sealed columns for an insert or update; outside of any transaction, since the key has a store of its own."""
        return {
            column: None if value is None else await self._keys.seal(scope(account_id), value.encode(), f"account.{column}")
            for column, value in values.items()
        }

    async def by_id(self, account_id: str) -> Person | None:
        return (await self.many([account_id])).get(account_id)

    async def shown(self, account_ids: Iterable[str]) -> dict[str, Person]:
        """As `many` for what others see (names, picture): rows are read whole only when their version or state is a new one.

        `seen_ms` and the marks of confirmation may be older than the row.
        """
        wanted = list(dict.fromkeys(account_ids))
        if not wanted:
            return {}
        people: dict[str, Person] = {}
        cold: list[str] = []
        for row in await self._standing({"ids": members(self._db.dialect, wanted)}):
            account_id = row["id"]
            kept = self._shown.get(account_id)
            if kept is not None and kept.version == row["version"] and kept.state == row["state"]:
                people[account_id] = kept
            else:
                cold.append(account_id)
        if cold:
            read = await self.many(cold)
            people |= read
            self._shown |= read
            while len(self._shown) > CACHE_RECORDS:
                self._shown.popitem(last=False)
        return people

    async def many(self, account_ids: Iterable[str]) -> dict[str, Person]:
        """Those that exist, in any state."""
        wanted = list(dict.fromkeys(account_ids))
        rows: list[dict[str, Any]] = []
        for start in range(0, len(wanted), _BATCH):
            rows += await self._by_ids({"ids": members(self._db.dialect, wanted[start : start + _BATCH])})
        cold = [scope(row["id"]) for row in rows if (row["id"], row["version"]) not in self._opened]
        if len(cold) > 1:
            await self._keys.prepare(cold)
        people: dict[str, Person] = {}
        for row in rows:
            person = await self._open(row)
            if person is not None:
                people[person.id] = person
        return people

    async def _open(self, row: Mapping[str, Any]) -> Person | None:
        opened = self._opened.get((row["id"], row["version"]))
        if opened is None:
            try:
                opened = {column: await self._open_column(row, column) for column in tables.SEALED}
            except KeyDestroyed:
                return None
            self._opened[row["id"], row["version"]] = opened
            while len(self._opened) > CACHE_RECORDS:
                self._opened.popitem(last=False)
        return Person(
            id=row["id"],
            username=row["username"],
            state=row["state"],
            version=row["version"],
            name=opened["name"] or "",
            email=opened["email"] or "",
            phone=opened["phone"] or "",
            birth_date=date.fromisoformat(opened["birth_date"] or ""),
            profile_name=opened["profile_name"],
            gender=opened["gender"],
            age_info=opened["age_info"],
            status_message=opened["status_message"],
            avatar_id=None if row["avatar_disabled"] else row["avatar_id"],
            profile_name_disabled=row["profile_name_disabled"],
            email_verified_ms=row["email_verified_ms"],
            phone_verified_ms=row["phone_verified_ms"],
            staff=tuple(row["staff"]),
            created_ms=row["created_ms"],
            seen_ms=row["seen_ms"],
            declined=row["declined"],
        )

    async def _open_column(self, row: Mapping[str, Any], column: str) -> str | None:
        sealed = row[column]
        if sealed is None:
            return None
        return (await self._keys.open(scope(row["id"]), sealed, f"account.{column}")).decode()

    def forget(self, account_id: str) -> None:
        """Drop what is opened in memory; the account is erased."""
        self._shown.pop(account_id, None)
        for key in [key for key in self._opened if key[0] == account_id]:
            del self._opened[key]

    async def id_by_username(self, username: str) -> str | None:
        """The id of the account with this very username (case folded), in any state."""
        columns = tables.account.c
        async with self._db.read() as conn:
            return (
                await conn.execute(select(columns.id).where(columns.skeleton == skeleton(username), columns.folded == folded(username)))
            ).scalar_one_or_none()

    async def row_by_login(self, login: str) -> Login | None:
        """By username, mail address or phone number."""
        given: bytes | str
        if "@" in login:
            column, given = "email_index", self.email_index(login)
        elif login.startswith("+"):
            column, given = "phone_index", self.phone_index(login.replace(" ", ""))
        else:
            column, given = "folded", folded(login)
        rows = await self._logins[column]({"given": given})
        return Login(**rows[0]) if rows else None
