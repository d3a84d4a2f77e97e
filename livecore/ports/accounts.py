"""Who somebody is: what others need to know of accounts, their sessions and devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

Audience = Literal["everyone", "contacts", "friends", "nobody"]


AUDIENCES: tuple[Audience, ...] = ("everyone", "contacts", "friends", "nobody")


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


@dataclass(frozen=True)
class NamedDevice:
    """`seen_ms`: when it was last here, as far as that was written; Unix milliseconds."""

    id: str
    name: str
    seen_ms: int


class Devices(Protocol):
    """The devices for which messages are held."""

    async def of(self, account_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Device ids (`Principal.device_id`) of each account; an account without one has an empty tuple."""

    async def seen(self, principal: Principal) -> None:
        """The device was here now: a connected socket says so now and then, so that it does not count as idle."""

    async def named(self, account_id: str) -> list[NamedDevice]:
        """The account's, the one that was here last first."""

    async def left(self, gone: Mapping[str, int]) -> None:
        """When the last connection of each of these devices ended; Unix milliseconds."""


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


class Authenticator(Protocol):
    async def authenticate(self, access_token: str) -> Principal:
        """Raises `errors.Unauthorised` (type `token_expired` or `unauthorised`)."""

    async def current(self, session_id: str) -> Principal:
        """A known session's principal as it stands now (verified, declined, staff); a socket outlives its access token but not
        its session. Asked for each Socket.IO event, so it is cheap. Raises `errors.Unauthorised` when the session has ended."""


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

    async def settings(self, account_ids: Iterable[str], key: str) -> dict[str, Any]:
        """As `setting`, of several people at once."""


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


class Activity(Protocol):
    """A person's own activity log: sign-ins, blocks, friend changes, settings, reports (GET /api/v1/me/activity)."""

    async def add(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any] | None = None) -> None: ...


class AccountStates(Protocol):
    """What trust may ask and change about an account. Kept by accounts."""

    async def set_declined(self, conn: AsyncConnection, account_id: str, declined: bool) -> None:
        """Part of the caller's transaction; the next request and event see it (`Principal.declined`)."""

    async def suspend(self, conn: AsyncConnection, account_id: str, until_ms: int | None = None) -> None:
        """Part of the caller's transaction; call `end_sessions` after it. Signing in answers 403 `suspended` with `until`; a mail says so.
        `until_ms` None: no end is known. Raises Conflict when the account is not active."""

    async def reinstate(self, conn: AsyncConnection, account_id: str, due_ms: int | None = None) -> bool:
        """False when it is not suspended, or, with `due_ms`, when its time is not over by then."""

    async def id_of(self, username: str) -> str | None:
        """The account of this name in any state."""

    async def end_sessions(self, account_id: str, reason: str) -> None:
        """Every session is revoked and every socket cut within a second."""

    async def close(self, conn: AsyncConnection, account_id: str) -> None:
        """Part of the caller's transaction: nobody sees or signs in to the account any more; erasure follows."""

    async def active_ids(self, after: str, limit: int) -> Sequence[str]:
        """Ids of active accounts above `after`, in order."""

    async def staff_view(self, username: str) -> Mapping[str, Any] | None:
        """What staff may see of an account with a case in hand (JSON values, contact data opened); None when there is none."""
