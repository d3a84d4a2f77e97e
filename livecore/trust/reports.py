"""Reports of people and content: merged into one open case for each target, looked at by staff."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, func, or_, select, union, update
from sqlalchemy import case as sql_case
from sqlalchemy.dialects import postgresql, sqlite

from livecore import errors
from livecore.config import Settings
from livecore.errors import FieldError, Invalid
from livecore.ids import is_id, new_id
from livecore.ports import Activity, Audit, Blocker, Clock, Database, Directory, KeyDestroyed, Keys, Notifier, TakedownTarget
from livecore.trust.suspensions import Suspensions
from livecore.trust.tables import report, report_case
from livecore.trust.targets import Found, Takedowns

# Kinds that a takedown reaches; the others are about what a person did.
CONTENT_KINDS = ("video", "image", "live", "post", "comment", "profile_picture", "profile_name")
PERSON_KINDS = ("user", "message", "group")
KINDS = (*CONTENT_KINDS, *PERSON_KINDS)
_BATCH = 500
# One person's word is enough to keep somebody from strangers until it was looked at, `review_window_s` at most.
GRAVE_REASONS = ("minor",)
REASONS = ("spam", "harassment", "violence", "hate", "sexual", "minor", "self_harm", "fraud", "impersonation", "illegal", "other")


@dataclass(frozen=True)
class Reported:
    """`new` is False when this person had reported the same target in the open case already."""

    id: str
    case_id: str
    new: bool
    blocked: bool


@dataclass(frozen=True)
class CaseView:
    id: str
    target_kind: str
    target_id: str
    subject_id: str
    state: str
    decision: str | None
    reports: int
    opened_ms: int
    touched_ms: int


@dataclass(frozen=True)
class ReportView:
    """`text` and `evidence` are None when nothing was given, or when the reporter's account was erased."""

    id: str
    reason: str
    text: str | None
    evidence: list[dict[str, Any]] | None
    created_ms: int


class Reports:
    def __init__(
        self,
        db: Database,
        keys: Keys,
        clock: Clock,
        settings: Settings,
        directory: Directory,
        audit: Audit,
        notifier: Notifier,
        activity: Activity,
        takedowns: Takedowns,
        blocker: Blocker,
        suspensions: Suspensions,
    ) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._directory = directory
        self._audit = audit
        self._notifier = notifier
        self._activity = activity
        self._takedowns = takedowns
        self._blocker = blocker
        self._suspensions = suspensions
        # Told of a report once it is kept: the two are not left together.
        self.on_report: Callable[[str, str], Awaitable[None]] | None = None

    async def add(
        self,
        reporter_id: str,
        kind: str,
        target_id: str | None,
        username: str | None,
        *,
        reason: str,
        text: str | None,
        evidence: Sequence[Mapping[str, Any]],
        block: bool,
    ) -> Reported:
        """Raises Invalid naming what of the target is missing or not there, or that one reports oneself."""
        target_id, subject_id = await self._resolve(kind, target_id, username)
        if subject_id == reporter_id:
            raise Invalid([FieldError("target", "is yourself")])
        scope = f"account:{reporter_id}"
        sealed_text = await self._keys.seal(scope, text.encode(), "report.text") if text else None
        sealed_evidence = await self._keys.seal(scope, orjson.dumps(list(evidence)), "report.evidence") if evidence else None
        now = self._clock.at_ms()
        dialect = sqlite if self._db.dialect == "sqlite" else postgresql
        async with self._db.write() as conn:
            open_key = f"{kind}:{target_id}"
            # Two that report at once meet at the unique keys: one opens the case, the other joins it.
            await conn.execute(
                dialect.insert(report_case)
                .values(
                    id=new_id(),
                    target_kind=kind,
                    target_id=target_id,
                    subject_id=subject_id,
                    state="open",
                    reports=0,
                    opened_ms=now,
                    touched_ms=now,
                    open_key=open_key,
                )
                .on_conflict_do_nothing(index_elements=["open_key"])
            )
            case_id: str = (await conn.execute(select(report_case.c.id).where(report_case.c.open_key == open_key))).scalar_one()
            made = await conn.execute(
                dialect.insert(report)
                .values(
                    id=new_id(),
                    case_id=case_id,
                    reporter_id=reporter_id,
                    reason=reason,
                    text=sealed_text,
                    evidence=sealed_evidence,
                    blocked=block,
                    created_ms=now,
                )
                .on_conflict_do_nothing(index_elements=["case_id", "reporter_id"])
            )
            new = bool(made.rowcount)
            if new:
                counted = {"reports": report_case.c.reports + 1, "touched_ms": now}
                await conn.execute(update(report_case).where(report_case.c.id == case_id).values(counted))
                await self._audit.record(conn, "system", "report.add", subject=subject_id, case=case_id, details={"reason": reason})
                await self._activity.add(conn, reporter_id, "reported", {"kind": kind, "reason": reason})
            mine = select(report.c.id).where(report.c.case_id == case_id, report.c.reporter_id == reporter_id)
            report_id: str = (await conn.execute(mine)).scalar_one()
        if block:
            await self._blocker.block(reporter_id, subject_id)
        if self.on_report is not None:
            await self.on_report(reporter_id, subject_id)
        return Reported(report_id, case_id, new, block)

    async def _resolve(self, kind: str, target_id: str | None, username: str | None) -> tuple[str, str]:
        """(the target's id, the account that answers for it)."""
        account_id = await self._directory.by_username(username) if username else None
        if username and account_id is None:
            raise Invalid([FieldError("target.username", "there is no such person here")])
        if kind == "user" or (kind.startswith("profile_") and account_id is not None):
            account_id = account_id or target_id
            if account_id is None or not is_id(account_id) or not await self._directory.is_active(account_id):
                raise Invalid([FieldError("target", "there is no such person here")])
            return account_id, account_id
        if target_id is None or not is_id(target_id):
            raise Invalid([FieldError("target.id", "is missing or no id")])
        if kind in ("message", "group"):
            # Nothing is kept that could be looked up: who reports says who wrote it, and brings a copy.
            if account_id is None:
                raise Invalid([FieldError("target.username", "say who it was")])
            return target_id, account_id
        owner = await self._takedowns.owner_of(TakedownTarget(kind, target_id))
        if owner is None:
            raise Invalid([FieldError("target", f"there is no such {kind.replace('_', ' ')} here")])
        return target_id, owner

    # -- staff
    async def queue(self, state: str, before: str | None, limit: int) -> Sequence[CaseView]:
        query = select(report_case).where(report_case.c.state == state)
        if before is not None:
            query = query.where(report_case.c.id < before)
        async with self._db.read() as conn:
            return [_case(row) for row in (await conn.execute(query.order_by(report_case.c.id.desc()).limit(limit))).all()]

    async def for_staff(self, actor: str, case_id: str) -> tuple[CaseView, list[ReportView]]:
        """The case with what was reported; the look is recorded."""
        case = await self._case(case_id)
        async with self._db.read() as conn:
            rows = (await conn.execute(select(report).where(report.c.case_id == case_id).order_by(report.c.id).limit(200))).all()
        views = [await self._opened(row) for row in rows]
        async with self._db.write() as conn:
            await self._audit.record(conn, actor, "report.read", subject=case.subject_id, case=case_id)
        return case, views

    async def _opened(self, row: Row[Any]) -> ReportView:
        scope = f"account:{row.reporter_id}"
        try:
            text = (await self._keys.open(scope, row.text, "report.text")).decode() if row.text else None
            evidence = orjson.loads(await self._keys.open(scope, row.evidence, "report.evidence")) if row.evidence else None
        except KeyDestroyed:
            text, evidence = None, None
        return ReportView(row.id, row.reason, text, evidence, row.created_ms)

    async def decide(self, actor: str, case_id: str, decision: str, reason: str, days: int | None = None) -> CaseView:
        """`dismiss`, `warn` (a notice to the person), `remove` (a takedown of the content) or `suspend` (the person; `days` None: until
        reinstated). `hold` leaves the case open and the person from strangers until it is decided. Raises Conflict, Invalid."""
        case = await self._case(case_id)
        if decision == "remove" and case.target_kind not in CONTENT_KINDS:
            raise Invalid([FieldError("decision", f"a {case.target_kind} cannot be removed; warn the person")])
        kept = {} if decision == "hold" else {"state": "closed", "open_key": None}
        async with self._db.write() as conn:
            changed = await conn.execute(
                update(report_case)
                .where(report_case.c.id == case_id, report_case.c.state == "open")
                .values(decision=decision, touched_ms=self._clock.at_ms(), **kept)
            )
            if not changed.rowcount:
                raise errors.Conflict("This case is closed.")
            if decision == "remove":
                found = Found(TakedownTarget(case.target_kind, case.target_id), case.subject_id)
                await self._takedowns.disable(conn, found, "report", case_id, reason)
            elif decision == "warn":
                data = {"case": case_id, "kind": case.target_kind, "reason": reason}
                await self._notifier.notify(conn, case.subject_id, "warning", data, key=f"warning:{case_id}")
            elif decision == "suspend":
                await self._suspensions.impose(conn, actor, case.subject_id, reason, days, case_id)
            await self._audit.record(conn, actor, f"report.{decision}", subject=case.subject_id, case=case_id, details={"reason": reason})
        if decision == "suspend":
            await self._suspensions.end_sessions(case.subject_id)
        return await self._case(case_id)

    async def _case(self, case_id: str) -> CaseView:
        async with self._db.read() as conn:
            row = (await conn.execute(select(report_case).where(report_case.c.id == case_id))).one_or_none()
        if row is None:
            raise errors.NotFound("There is no such case.")
        return _case(row)

    async def knows(self, case_id: str) -> bool:
        async with self._db.read() as conn:
            return (await conn.execute(select(report_case.c.id).where(report_case.c.id == case_id))).first() is not None

    # -- what reports mean for meeting people (ports.Reviews)
    async def under_review(self, account_ids: Sequence[str]) -> frozenset[str]:
        """By the decision of staff, by several people's reports, or by a grave one; one person alone puts nobody out."""
        found: set[str] = set()
        since_ms = self._clock.at_ms() - self._settings.review_window_s * 1000
        async with self._db.read() as conn:
            for start in range(0, len(account_ids), _BATCH):
                part = account_ids[start : start + _BATCH]
                mine = (report_case.c.subject_id.in_(part), report_case.c.state == "open")
                held = select(report_case.c.subject_id).where(*mine, report_case.c.decision == "hold")
                grave = func.sum(sql_case((report.c.reason.in_(GRAVE_REASONS), 1), else_=0))
                many = func.count(report.c.reporter_id.distinct()) >= self._settings.review_reporters
                lately = (
                    select(report_case.c.subject_id)
                    .join(report, report.c.case_id == report_case.c.id)
                    .where(*mine, report.c.created_ms > since_ms)
                    .group_by(report_case.c.subject_id)
                    .having(or_(many, grave > 0))
                )
                found |= set((await conn.execute(union(held, lately))).scalars())
        return frozenset(found)

    async def reported_either_way(self, account_id: str) -> frozenset[str]:
        both = select(report_case.c.subject_id, report.c.reporter_id).join_from(report, report_case, report_case.c.id == report.c.case_id)
        mine = or_(report.c.reporter_id == account_id, report_case.c.subject_id == account_id)
        async with self._db.read() as conn:
            rows = (await conn.execute(both.where(mine))).all()
        return frozenset({one for row in rows for one in (row.subject_id, row.reporter_id)} - {account_id})

    # -- leaving
    async def erase(self, account_id: str) -> None:
        """See `ports.Eraser`: what others reported about the account goes too, copies of its messages included."""
        cases = select(report_case.c.id).where(report_case.c.subject_id == account_id)
        async with self._db.write() as conn:
            await conn.execute(delete(report).where(report.c.case_id.in_(cases)))


def _case(row: Row[Any]) -> CaseView:
    return CaseView(
        row.id, row.target_kind, row.target_id, row.subject_id, row.state, row.decision, row.reports, row.opened_ms, row.touched_ms
    )
