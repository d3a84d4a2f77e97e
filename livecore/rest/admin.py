"""What staff see and decide. Every act, and every look at what somebody wrote, is in the audit log with its actor."""

from typing import Annotated, Any, Literal

from pydantic import Field

from livecore import errors
from livecore.cursors import decode_cursor, encode_cursor
from livecore.ids import is_id, new_id
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes
from livecore.rest.claims import ClaimStatus, Text, status_of
from livecore.trust.reports import CaseView

routes = Routes("admin")

Reason = Annotated[Text, Field(min_length=1)]
# A year is as good as for ever: then it is said without an end.
Days = Annotated[int, Field(ge=1, le=366)]
Limit = Annotated[int, Field(ge=1, le=200)]


class ClaimQueue(Params):
    state: Literal["unconfirmed", "received", "upheld", "rejected", "withdrawn", "countered", "restored"] | None = None
    limit: Limit = 50
    cursor: str | None = None


class ClaimDecision(Body):
    decision: Literal["uphold", "reject", "restore"]
    reason: Reason


class ReportQueue(Params):
    state: Literal["open", "closed"] = "open"
    limit: Limit = 50
    cursor: str | None = None


class CaseSummary(Model):
    """`reports` counts the people who reported it; times are Unix milliseconds."""

    id: str
    target: dict[str, str]
    subject: str
    state: str
    decision: str | None
    reports: int
    opened_at: int
    touched_at: int


class CaseReport(Model):
    id: str
    reason: str
    details: str | None
    evidence: list[dict[str, Any]] | None
    created_at: int


class Case(Model):
    case: CaseSummary
    reports: list[CaseReport]


class CaseDecision(Body):
    """`hold` keeps the case open, and the person from meeting strangers meanwhile; `days` belongs to `suspend` (null: until reinstated)."""

    decision: Literal["dismiss", "warn", "remove", "hold", "suspend"]
    reason: Reason
    days: Days | None = None


class AuditQuery(Params):
    limit: Limit = 50
    cursor: str | None = None


class AuditEntry(Model):
    """`forgotten`: the details were erased with the account that they were about; the entry's place in the chain stays."""

    seq: int
    at: int
    act: str
    actor: str | None
    subject: str | None
    target: str | None
    case: str | None
    details: dict[str, Any] | None
    forgotten: bool


class AuditVerdict(Model):
    intact: bool
    entries: int
    details: int
    forgotten: int
    broken_at: int | None
    reason: str


class CaseQuery(Params):
    case: str | None = Field(default=None, max_length=64)


class StaffView(Model):
    account: dict[str, Any]


class NewsLetter(Body):
    """`username`: to this person alone; left out: to everybody who wants news."""

    subject: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    text: Annotated[Text, Field(min_length=1, max_length=20_000)]
    username: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class NewsLetterSent(Model):
    letter: str


class Purge(Body):
    """The account goes at once, without a grace period."""

    ground: Literal["underage"]
    reason: Reason


class Suspension(Body):
    """`days` null: until somebody reinstates. `case`: the id of the claim or report that led to it."""

    reason: Reason
    days: Days | None = None
    case: Annotated[str, Field(max_length=64)] | None = None


class Reinstatement(Body):
    reason: Reason


class Purged(Model):
    scheduled: bool


# -- claims
@routes.get("/api/v1/admin/claims", auth="staff:legal|admin", params=ClaimQueue, ok=(200, Page[ClaimStatus]))
async def list_claims(call: Call) -> Reply:
    """Claims, newest first, without what the claimants wrote."""
    query: ClaimQueue = call.params
    before = str(decode_cursor(call.app.keys, "claims", query.cursor)[0]) if query.cursor else None
    found = await call.app.claims.queue(query.state, before, query.limit + 1)
    items = [status_of(view) for view in found[: query.limit]]
    more = encode_cursor(call.app.keys, "claims", [items[-1].id]) if len(found) > query.limit else None
    return Reply(Page[ClaimStatus](items=items, next_cursor=more))


@routes.get("/api/v1/admin/claims/{id}", auth="staff:legal|admin", ok=(200, ClaimStatus))
async def read_claim(call: Call) -> Reply:
    """A claim with what the claimant wrote; the look is recorded."""
    return Reply(status_of(await call.app.claims.for_staff(call.me.account_id, call.path["id"])))


@routes.post("/api/v1/admin/claims/{id}/decision", auth="staff:legal|admin", body=ClaimDecision, ok=(200, ClaimStatus), errors=(409,))
async def decide_claim(call: Call, body: ClaimDecision) -> Reply:
    """Uphold (the target is disabled everywhere at once), reject, or restore after a counter-notice."""
    return Reply(status_of(await call.app.claims.decide(call.me.account_id, call.path["id"], body.decision, body.reason)))


# -- reports
def _summary(case: CaseView) -> CaseSummary:
    return CaseSummary(
        id=case.id,
        target={"kind": case.target_kind, "id": case.target_id},
        subject=case.subject_id,
        state=case.state,
        decision=case.decision,
        reports=case.reports,
        opened_at=case.opened_ms,
        touched_at=case.touched_ms,
    )


@routes.get("/api/v1/admin/reports", auth="staff:moderator|admin", params=ReportQueue, ok=(200, Page[CaseSummary]))
async def list_reports(call: Call) -> Reply:
    """Cases that reports opened, newest first."""
    query: ReportQueue = call.params
    before = str(decode_cursor(call.app.keys, "reports", query.cursor)[0]) if query.cursor else None
    found = await call.app.reports.queue(query.state, before, query.limit + 1)
    items = [_summary(case) for case in found[: query.limit]]
    more = encode_cursor(call.app.keys, "reports", [items[-1].id]) if len(found) > query.limit else None
    return Reply(Page[CaseSummary](items=items, next_cursor=more))


@routes.get("/api/v1/admin/reports/{id}", auth="staff:moderator|admin", ok=(200, Case))
async def read_report(call: Call) -> Reply:
    """A case with what was reported and the copies that were attached; the look is recorded. Who reported is not shown."""
    case, reports = await call.app.reports.for_staff(call.me.account_id, call.path["id"])
    views = [CaseReport(id=r.id, reason=r.reason, details=r.text, evidence=r.evidence, created_at=r.created_ms) for r in reports]
    return Reply(Case(case=_summary(case), reports=views))


@routes.post("/api/v1/admin/reports/{id}/decision", auth="staff:moderator|admin", body=CaseDecision, ok=(200, CaseSummary), errors=(409,))
async def decide_report(call: Call, body: CaseDecision) -> Reply:
    """Dismiss, warn the person, remove the content, or suspend the person; or hold, and decide later."""
    days = body.days if body.decision == "suspend" else None
    return Reply(_summary(await call.app.reports.decide(call.me.account_id, call.path["id"], body.decision, body.reason, days)))


# -- the log
@routes.get("/api/v1/admin/audit", auth="staff:admin|legal", params=AuditQuery, ok=(200, Page[AuditEntry]))
async def audit_log(call: Call) -> Reply:
    """Acts of staff and of the service, newest first."""
    query: AuditQuery = call.params
    before = int(decode_cursor(call.app.keys, "audit", query.cursor)[0]) if query.cursor else None
    found = await call.app.audit.entries(before, query.limit + 1)
    items = []
    for entry in found[: query.limit]:
        content = entry.details or {}
        items.append(
            AuditEntry(
                seq=entry.seq,
                at=entry.at_ms,
                act=entry.act,
                actor=entry.actor_id,
                subject=entry.subject_id,
                target=content.get("target"),
                case=content.get("case"),
                details=content.get("details"),
                forgotten=entry.details is None,
            )
        )
    more = encode_cursor(call.app.keys, "audit", [items[-1].seq]) if len(found) > query.limit else None
    return Reply(Page[AuditEntry](items=items, next_cursor=more))


@routes.get("/api/v1/admin/audit/verify", auth="staff:admin|legal", ok=(200, AuditVerdict))
async def verify_audit(call: Call) -> Reply:
    """Read the whole chain and say whether anything was changed or is missing."""
    verdict = await call.app.audit.verify()
    return Reply(
        AuditVerdict(
            intact=verdict.intact,
            entries=verdict.entries,
            details=verdict.details,
            forgotten=verdict.forgotten,
            broken_at=verdict.broken_at,
            reason=verdict.reason,
        )
    )


# -- people
@routes.get("/api/v1/admin/users/{username}", auth="staff:support|moderator|legal|admin", params=CaseQuery, ok=(200, StaffView))
async def read_person(call: Call) -> Reply:
    """A person's account, for somebody with a case at hand (`?case=` the id of a claim or report); the look is recorded."""
    case = call.params.case
    if not case or not is_id(case) or not await call.app.trust.knows_case(case):
        raise errors.Forbidden("Name the case that needs this.", type="case_needed")
    view = await call.app.accounts.staff_view(call.path["username"])
    if view is None:
        raise errors.NotFound("There is no such person.")
    async with call.app.db.write() as conn:
        await call.app.audit.record(conn, call.me.account_id, "account.read", subject=str(view["id"]), case=case)
    return Reply(StaffView(account=dict(view)))


async def _anybody(call: Call) -> str:
    account_id = await call.app.accounts.id_of(call.path["username"])
    if account_id is None:
        raise errors.NotFound("There is no such person.")
    return account_id


@routes.post("/api/v1/admin/users/{username}/suspend", auth="staff:moderator|admin", body=Suspension, ok=(204, None), errors=(404, 409))
async def suspend(call: Call, body: Suspension) -> Reply:
    """Put a person out: every session ends, signing in answers 403 `suspended` with `until`, nobody sees them. They are told by mail."""
    if body.case is not None and not (is_id(body.case) and await call.app.trust.knows_case(body.case)):
        raise errors.Invalid([errors.FieldError("case", "there is no such case")])
    await call.app.trust.suspensions.suspend(call.me.account_id, await _anybody(call), body.reason, body.days, body.case)
    return Reply(status=204)


@routes.post(
    "/api/v1/admin/users/{username}/reinstate", auth="staff:moderator|admin", body=Reinstatement, ok=(204, None), errors=(404, 409)
)
async def reinstate(call: Call, body: Reinstatement) -> Reply:
    """Let a suspended person in again. They are told by mail."""
    await call.app.trust.suspensions.reinstate(call.me.account_id, await _anybody(call), body.reason)
    return Reply(status=204)


@routes.post("/api/v1/admin/users/{username}/purge", auth="staff:legal|admin", body=Purge, ok=(202, Purged), errors=(409,))
async def purge(call: Call, body: Purge) -> Reply:
    """Remove the account of somebody who was found to be under 18, with everything in it."""
    await call.app.minors.purge(call.me.account_id, call.path["username"], body.reason)
    return Reply(Purged(scheduled=True), status=202)


@routes.post("/api/v1/admin/news", auth="staff:admin", body=NewsLetter, ok=(202, NewsLetterSent), errors=(404,))
async def send_news(call: Call, body: NewsLetter) -> Reply:
    """Send news about the service by mail, to those who switched them on. To one who did not: 403 `opted_out`, and nothing is sent."""
    news = call.app.account_parts.news
    if body.username is None:
        letter = await news.send_to_all(body.subject, body.text)
        subject = None
    else:
        subject = await call.app.directory.by_username(body.username)
        if subject is None:
            raise errors.NotFound("There is no such person.")
        letter = new_id()
        await news.send(subject, letter, body.subject, body.text)
    async with call.app.db.write() as conn:
        await call.app.audit.record(conn, call.me.account_id, "news.send", subject=subject, target=letter)
    return Reply(NewsLetterSent(letter=letter), status=202)
