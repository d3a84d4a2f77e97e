"""Policies: versions from draft over published to in force, who accepted or declined which, and when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import new_id
from livecore.ports import AccountStates, Audit, Clock, Database, Job, Jobs, Notifier
from livecore.trust.policy_html import check_html
from livecore.trust.tables import policy_acceptance, policy_version

POLICIES = ("privacy", "terms", "ip")
# What a sign-up agrees to; the intellectual property policy is part of the terms.
ACCEPTED_AT_SIGN_UP = ("privacy", "terms")
TITLES = {"privacy": "Privacy Policy", "terms": "Terms of Service", "ip": "Intellectual Property Policy"}
ANNOUNCE = "policy.announce"
# Accounts told per transaction: short enough that others write in between.
ANNOUNCE_BATCH = 200
SHARING_NOTICE = (
    "Whoever can see what you share can always save it or copy it outside the app: a download that is switched off, a deletion or a "
    "block does not reach copies that others have made. Share what you would let them keep."
)


@dataclass(frozen=True)
class Policy:
    """One version. Dates are Unix milliseconds; `published_ms` and `effective_ms` are None while it is a draft."""

    name: str
    version: int
    state: str
    summary: str
    html: str
    changes: str
    published_ms: int | None
    effective_ms: int | None

    @property
    def last_modified(self) -> str:
        return date_of(self.published_ms)

    @property
    def effective(self) -> str:
        return date_of(self.effective_ms)


def date_of(at_ms: int | None) -> str:
    """An ISO date in UTC; empty for None."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat() if at_ms is not None else ""


def _policy(row: Row[Any]) -> Policy:
    return Policy(row.policy, row.version, row.state, row.summary, row.html, row.changes, row.published_ms, row.effective_ms)


class Policies:
    """Keeps the promise of `ports.PolicyVersions`. `states` is asked for when needed, since accounts are built later."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        audit: Audit,
        notifier: Notifier,
        settings: Settings,
        states: Callable[[], AccountStates],
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._audit = audit
        self._notifier = notifier
        self._settings = settings
        self._states = states
        jobs.handle(ANNOUNCE, self._announce)

    async def start(self) -> None:
        """Put the first version of each policy there, in force at once, where none is."""
        now = self._clock.at_ms()
        places = self._places()
        rows = [
            {
                "policy": name,
                "version": 1,
                "state": "published",
                "summary": _text(f"{name}.summary.txt", places, plain=True),
                "html": _text(f"{name}.html", places, plain=False),
                "changes": "The first version.",
                "created_ms": now,
                "published_ms": now,
                "effective_ms": now,
            }
            for name in POLICIES
        ]
        dialect = sqlite if self._db.dialect == "sqlite" else postgresql
        async with self._db.write() as conn:
            await conn.execute(dialect.insert(policy_version).on_conflict_do_nothing(), rows)

    def _places(self) -> dict[str, str]:
        settings = self._settings
        agent = [*settings.copyright_agent.split("|"), "", "", "", ""][:4]
        return {
            "operator": settings.operator_name,
            "agent_name": agent[0],
            "agent_address": agent[1],
            "agent_email": agent[2],
            "agent_phone": agent[3],
            "message_days": str(settings.message_ttl_s // 86400),
            "grace_days": str(settings.erasure_grace_s // 86400),
            "device_days": str(settings.device_idle_s // 86400),
            "export_hours": str(settings.export_link_s // 3600),
        }

    # -- reading
    def _in_force(self, name: str) -> Select[Any]:
        return (
            select(policy_version)
            .where(
                policy_version.c.policy == name,
                policy_version.c.state == "published",
                policy_version.c.effective_ms <= self._clock.at_ms(),
            )
            .order_by(policy_version.c.version.desc())
            .limit(1)
        )

    async def current(self, name: str) -> Policy:
        """The version in force. Raises NotFound for a name that is no policy's."""
        async with self._db.read() as conn:
            row = (await conn.execute(self._in_force(name))).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such policy.")
        return _policy(row)

    async def version(self, name: str, version: int, *, drafts: bool = False) -> Policy:
        query = select(policy_version).where(policy_version.c.policy == name, policy_version.c.version == version)
        async with self._db.read() as conn:
            row = (await conn.execute(query)).one_or_none()
        if row is None or (row.state == "draft" and not drafts):
            raise errors.NotFound("There is no such version.")
        return _policy(row)

    async def versions(self, name: str, *, drafts: bool = False) -> Sequence[Policy]:
        """Newest first. Raises NotFound for a name that is no policy's."""
        if name not in POLICIES:
            raise errors.NotFound("There is no such policy.")
        query = select(policy_version).where(policy_version.c.policy == name).order_by(policy_version.c.version.desc())
        if not drafts:
            query = query.where(policy_version.c.state == "published")
        async with self._db.read() as conn:
            return [_policy(row) for row in (await conn.execute(query)).all()]

    # -- accepting and declining
    async def check_acceptance(self, accept: Mapping[str, Any]) -> dict[str, int]:
        faults, versions = [], {}
        for name in ACCEPTED_AT_SIGN_UP:
            current = (await self.current(name)).version
            given = accept.get(name)
            if given is None or given is False or given == "":
                faults.append(FieldError(f"accept.{name}", f"accept version {current} to go on"))
            elif given is not True and str(given) != str(current):
                faults.append(FieldError(f"accept.{name}", f"is not the version in force, which is {current}"))
            versions[name] = current
        if faults:
            raise Invalid(faults)
        return versions

    async def record_acceptance(self, conn: AsyncConnection, account_id: str, versions: Mapping[str, int], mode: str) -> None:
        now = self._clock.at_ms()
        rows = [
            {"id": new_id(), "account_id": account_id, "policy": name, "version": version, "mode": mode, "at_ms": now}
            for name, version in versions.items()
        ]
        await conn.execute(insert(policy_acceptance), rows)

    async def accept(self, account_id: str, name: str, version: int | None) -> int:
        """Accept the version in force, by its number or None for it; reopens an account that declined. Answers the version."""
        current = await self.current(name)
        if version is not None and version != current.version:
            raise Invalid([FieldError("version", f"is not the version in force, which is {current.version}")])
        async with self._db.write() as conn:
            await self.record_acceptance(conn, account_id, {name: current.version}, "accepted")
            if not await self._declined(conn, account_id):
                await self._states().set_declined(conn, account_id, False)
        return current.version

    async def decline(self, account_id: str, name: str) -> int:
        """Decline the version in force: only policies, export, deletion and support answer from now on."""
        if name not in ACCEPTED_AT_SIGN_UP:
            raise errors.Conflict("This policy is part of the terms; decline those.")
        current = await self.current(name)
        async with self._db.write() as conn:
            await self.record_acceptance(conn, account_id, {name: current.version}, "declined")
            await self._states().set_declined(conn, account_id, True)
        return current.version

    async def _declined(self, conn: AsyncConnection, account_id: str) -> bool:
        """Whether the last word on any policy is a refusal."""
        latest = (
            select(policy_acceptance.c.policy, func.max(policy_acceptance.c.id).label("id"))
            .where(policy_acceptance.c.account_id == account_id)
            .group_by(policy_acceptance.c.policy)
            .subquery()
        )
        query = select(policy_acceptance.c.mode).join(latest, latest.c.id == policy_acceptance.c.id)
        return "declined" in (await conn.execute(query)).scalars().all()

    async def history(self, account_id: str) -> Sequence[Row[Any]]:
        """What the account accepted and declined, newest first: rows of `policy_acceptance`."""
        query = select(policy_acceptance).where(policy_acceptance.c.account_id == account_id).order_by(policy_acceptance.c.id.desc())
        async with self._db.read() as conn:
            return (await conn.execute(query)).all()

    # -- changing, by staff
    async def draft(self, actor: str, name: str, *, summary: str, html: str, changes: str) -> Policy:
        """A next version, not yet public. Raises Invalid naming `html`, NotFound, or Conflict while another draft is open."""
        check_html(html)
        if name not in POLICIES:
            raise errors.NotFound("There is no such policy.")
        async with self._db.write() as conn:
            versions = (
                await conn.execute(select(policy_version.c.version, policy_version.c.state).where(policy_version.c.policy == name))
            ).all()
            if any(row.state == "draft" for row in versions):
                raise errors.Conflict("There is a draft already; publish it first.")
            version = max(row.version for row in versions) + 1
            made = Policy(name, version, "draft", summary, html, changes, None, None)
            await conn.execute(
                insert(policy_version).values(
                    policy=name,
                    version=version,
                    state="draft",
                    summary=summary,
                    html=html,
                    changes=changes,
                    created_ms=self._clock.at_ms(),
                )
            )
            await self._audit.record(conn, actor, "policy.draft", target=f"{name}/{version}")
        return made

    async def publish(self, actor: str, name: str, version: int, effective_ms: int | None) -> Policy:
        """Publish a draft, in force at `effective_ms` (None = at once), and tell every active account once."""
        now = self._clock.at_ms()
        effective = now if effective_ms is None else effective_ms
        if effective < now:
            raise Invalid([FieldError("effective_at", "lies in the past")])
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(policy_version)
                .where(policy_version.c.policy == name, policy_version.c.version == version, policy_version.c.state == "draft")
                .values(state="published", published_ms=now, effective_ms=effective)
            )
            if not changed.rowcount:
                raise errors.NotFound("There is no such draft.")
            await self._audit.record(conn, actor, "policy.publish", target=f"{name}/{version}", details={"effective_ms": effective})
            await self._jobs.enqueue(conn, ANNOUNCE, {"policy": name, "version": version}, key=f"{ANNOUNCE}:{name}:{version}")
        return await self.version(name, version)

    async def _announce(self, job: Job) -> None:
        """One notice to each active account; told once even when this runs again, by the notice's key."""
        published = await self.version(str(job.payload["policy"]), int(job.payload["version"]))
        data = {"policy": published.name, "version": published.version, "effective": published.effective, "changes": published.changes}
        after = ""
        while True:
            ids = await self._states().active_ids(after, ANNOUNCE_BATCH)
            if not ids:
                return
            async with self._db.write() as conn:
                for account_id in ids:
                    key = f"policy:{published.name}:{published.version}"
                    await self._notifier.notify(conn, account_id, "policy_updated", data, key=key)
            after = ids[-1]


def _text(name: str, places: Mapping[str, str], *, plain: bool) -> str:
    """A text of this package with its `{{places}}` filled in; for a summary, points parted by blank lines."""
    text = resources.files("livecore.trust").joinpath("texts", name).read_text(encoding="utf-8")
    for place, value in places.items():
        text = text.replace("{{" + place + "}}", value if plain else escape(value))
    return text.strip()
