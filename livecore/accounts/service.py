"""One's own account: reading and changing it, leaving, and what staff decisions do to it.

Keeps the promises of `ports.AccountStates` and `ports.Eraser`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.accounts import tables
from livecore.accounts.activity import ActivityLog
from livecore.accounts.avatars import Avatars
from livecore.accounts.name_index import NameIndex
from livecore.accounts.preferences import Preferences
from livecore.accounts.present_password import PresentPassword
from livecore.accounts.principals import Principals
from livecore.accounts.records import Person, Records
from livecore.accounts.sessions import LETTER_JOB, Sessions
from livecore.accounts.traits import Traits, of_kind
from livecore.accounts.verification import CHANNELS, Verification
from livecore.config import Settings
from livecore.ports import Clock, Database, Jobs, Keys, Neighbours, Principal

log = structlog.get_logger("accounts")

ROLES = ("support", "moderator", "legal", "admin")
# Accounts dropped in one go, each in a transaction of its own.
UNCONFIRMED_BATCH = 200
# What PATCH /me changes at once; mail and phone change when the new one is confirmed.
TEXT_COLUMNS = ("name", "profile_name", "gender", "age_info", "status_message")


class Accounts:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        records: Records,
        present: PresentPassword,
        principals: Principals,
        names: NameIndex,
        traits: Traits,
        avatars: Avatars,
        preferences: Preferences,
        sessions: Sessions,
        verification: Verification,
        jobs: Jobs,
        activity: ActivityLog,
        neighbours: Neighbours,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._records = records
        self._present = present
        self._principals = principals
        self._names = names
        self._traits = traits
        self._avatars = avatars
        self._preferences = preferences
        self._sessions = sessions
        self._verification = verification
        self._jobs = jobs
        self._activity = activity
        self._neighbours = neighbours

    async def person(self, account_id: str) -> Person:
        person = await self._records.by_id(account_id)
        if person is None:
            raise errors.Unauthorised("This account is no more.")
        return person

    async def update(self, account_id: str, changes: Mapping[str, Any], version: int | None = None) -> None:
        """`changes` by field, checked for form; None clears an optional field. Raises StaleTag when it is not `version` any more,
        ContactTaken, TooMany."""
        texts = {column: changes[column] for column in TEXT_COLUMNS if column in changes}
        wanted = [(channel, value) for channel in CHANNELS if (value := changes.get(channel)) is not None]
        traits = of_kind(changes)
        if not texts and not wanted and not traits:
            return
        # What may refuse comes first: a change is made whole or not at all.
        contacts = [await self._verification.prepare(account_id, channel, value) for channel, value in wanted]
        sealed = await self._records.seal(account_id, texts)
        person = await self.person(account_id)
        names = [texts.get("name") or person.name, texts.get("profile_name", person.profile_name)]
        columns = tables.account.c
        async with self._db.write() as conn:
            statement = update(tables.account).where(columns.id == account_id)
            if version is not None:
                statement = statement.where(columns.version == version)
            values: dict[str, Any] = {**sealed, "version": columns.version + 1}
            if (await conn.execute(statement.values(values))).rowcount == 0:
                raise errors.StaleTag()
            if texts:
                await self._names.write(conn, account_id, person.username, [name for name in names if name])
                await self._activity.add(conn, account_id, "profile_changed", {"fields": sorted([*texts, *traits])})
            if traits:
                await self._traits.write(conn, account_id, traits)
                if not texts:
                    await self._activity.add(conn, account_id, "profile_changed", {"fields": sorted(traits)})
            for contact in contacts:
                await self._verification.change(conn, account_id, contact)

    # -- leaving

    async def delete(self, me: Principal, *, password: str | None, immediately: bool) -> int:
        """Answers when the account will be erased, in Unix milliseconds; until then signing in keeps it.

        A password that is given must be right; without the grace period it is needed. Raises Forbidden (`wrong_password`), TooMany.
        """
        if password is not None:
            await self._present.check(me, password)
        elif immediately:
            raise errors.Forbidden("The password is needed to delete at once.", type="wrong_password")
        due_ms = self._clock.at_ms() + (0 if immediately else self._settings.erasure_grace_s * 1000)
        columns = tables.account.c
        async with self._db.write() as conn:
            changes = {"state": "erasing", "erase_at_ms": due_ms, "version": columns.version + 1}
            await conn.execute(update(tables.account).where(columns.id == me.account_id).values(changes))
            await self._activity.add(conn, me.account_id, "deletion_asked")
            if self._neighbours.erasures is not None:
                await self._neighbours.erasures.schedule(conn, me.account_id, due_ms)
            if not immediately:
                await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": me.account_id, "letter": "deletion"})
        await self.end_sessions(me.account_id, "deleted")
        return due_ms

    async def erase(self, account_id: str) -> None:
        await self.end_sessions(account_id, "deleted")
        columns = tables.account.c
        async with self._db.write() as conn:
            look = (await conn.execute(select(columns.skeleton).where(columns.id == account_id))).scalar_one_or_none()
            if look is not None:
                grave = self._keys.blind("username", look)
                known = select(tables.username_tombstone.c.hash).where(tables.username_tombstone.c.hash == grave)
                if (await conn.execute(known)).first() is None:
                    await conn.execute(tables.username_tombstone.insert().values(hash=grave, at_ms=self._clock.at_ms()))
        await self._avatars.erase(account_id)
        self._records.forget(account_id)
        await self._preferences.dropped(account_id)

    async def drop_unconfirmed(self) -> None:
        """Accounts that never confirmed phone and mail are erased, so that nobody keeps another's address from being used."""
        erasures = self._neighbours.erasures
        if erasures is None:
            return
        columns = tables.account.c
        before_ms = self._clock.at_ms() - self._settings.unconfirmed_s * 1000
        query = select(columns.id).where(
            columns.state == "active",
            columns.created_ms < before_ms,
            or_(columns.email_verified_ms.is_(None), columns.phone_verified_ms.is_(None)),
        )
        async with self._db.read() as conn:
            stale = (await conn.execute(query.limit(UNCONFIRMED_BATCH))).scalars().all()
        for account_id in stale:
            async with self._db.write() as conn:
                await self.close(conn, account_id)
                await erasures.schedule(conn, account_id, self._clock.at_ms())
            await self.end_sessions(account_id, "unconfirmed")

    # -- staff and policies

    async def grant(self, username: str, role: str) -> None:
        """Give a staff role. Raises NotFound, Invalid."""
        await self._set_roles(username, role, add=True)

    async def revoke(self, username: str, role: str) -> None:
        await self._set_roles(username, role, add=False)

    async def _set_roles(self, username: str, role: str, *, add: bool) -> None:
        if role not in ROLES:
            raise errors.Invalid([errors.FieldError("role", "is one of " + ", ".join(ROLES))])
        account_id = await self._records.id_by_username(username)
        if account_id is None:
            raise errors.NotFound(f"There is no account {username}.")
        columns = tables.account.c
        async with self._db.write() as conn:
            roles = set((await conn.execute(select(columns.staff).where(columns.id == account_id).with_for_update())).scalar_one())
            roles = roles | {role} if add else roles - {role}
            values = {"staff": sorted(roles), "version": columns.version + 1}
            await conn.execute(update(tables.account).where(columns.id == account_id).values(values))
            await self._activity.add(conn, account_id, "role_given" if add else "role_taken", {"role": role})
        await self._principals.changed(account_id)

    async def _set(self, conn: AsyncConnection, account_id: str, **values: Any) -> None:
        changes = values | {"version": tables.account.c.version + 1}
        await conn.execute(update(tables.account).where(tables.account.c.id == account_id).values(changes))
        await self._principals.changed(account_id)

    async def suspend(self, conn: AsyncConnection, account_id: str, until_ms: int | None = None) -> None:
        columns = tables.account.c
        statement = update(tables.account).where(columns.id == account_id, columns.state == "active")
        values = {"state": "suspended", "suspended_until_ms": until_ms, "version": columns.version + 1}
        if not (await conn.execute(statement.values(values))).rowcount:
            raise errors.Conflict("This account is suspended already, or leaving.", type="not_active")
        await self._activity.add(conn, account_id, "suspended", {"until": until_ms})
        await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": account_id, "letter": "suspended"})
        await self._principals.changed(account_id)

    async def reinstate(self, conn: AsyncConnection, account_id: str, due_ms: int | None = None) -> bool:
        columns = tables.account.c
        statement = update(tables.account).where(columns.id == account_id, columns.state == "suspended")
        if due_ms is not None:
            statement = statement.where(columns.suspended_until_ms <= due_ms)
        values = {"state": "active", "suspended_until_ms": None, "version": columns.version + 1}
        if not (await conn.execute(statement.values(values))).rowcount:
            return False
        await self._activity.add(conn, account_id, "reinstated")
        await self._jobs.enqueue(conn, LETTER_JOB, {"account_id": account_id, "letter": "reinstated"})
        await self._principals.changed(account_id)
        return True

    async def id_of(self, username: str) -> str | None:
        return await self._records.id_by_username(username)

    async def close(self, conn: AsyncConnection, account_id: str) -> None:
        await self._set(conn, account_id, state="closed")

    async def set_declined(self, conn: AsyncConnection, account_id: str, declined: bool) -> None:
        await self._set(conn, account_id, declined=declined)

    async def end_sessions(self, account_id: str, reason: str) -> None:
        await self._sessions.end_all(account_id, reason)
        if self._neighbours.signals is not None:
            await self._neighbours.signals.cut_account(account_id, reason)

    async def active_ids(self, after: str, limit: int) -> Sequence[str]:
        columns = tables.account.c
        query = select(columns.id).where(columns.state == "active", columns.id > after).order_by(columns.id).limit(limit)
        async with self._db.read() as conn:
            return (await conn.execute(query)).scalars().all()

    async def staff_view(self, username: str) -> Mapping[str, Any] | None:
        account_id = await self._records.id_by_username(username)
        person = await self._records.by_id(account_id) if account_id is not None else None
        if person is None:
            return None
        return {
            "id": person.id,
            "username": person.username,
            "state": person.state,
            "name": person.name,
            "profile_name": person.profile_name,
            "email": person.email,
            "phone": person.phone,
            "birth_date": person.birth_date.isoformat(),
            "email_verified": person.email_verified_ms is not None,
            "phone_verified": person.phone_verified_ms is not None,
            "staff": list(person.staff),
            "declined": person.declined,
            "created_ms": person.created_ms,
            "seen_ms": person.seen_ms,
        }
