"""Reports of people and content."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from livecore.rest.api import Body, Call, Model, Reply, Routes
from livecore.rest.claims import Line, Text

routes = Routes("reports")

Kind = Literal["user", "video", "image", "message", "group", "live", "comment", "post", "profile_picture", "profile_name"]
Reason = Literal["spam", "harassment", "violence", "hate", "sexual", "minor", "self_harm", "fraud", "impersonation", "illegal", "other"]


def _json_safe(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a character that is not text")
    return value


class ReportTarget(Body):
    """A person by `username`; content by `id`; a message or group by `id` and the `username` of whom it is about."""

    kind: Kind
    id: Line | None = None
    username: Line | None = None


class Evidence(Body):
    """A copy of a message that the reporter has, since the service keeps none. `sent_at` is Unix milliseconds."""

    text: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_json_safe)]
    sender: Line | None = None
    sent_at: int | None = Field(default=None, ge=0, le=10**14)


class ReportNew(Body):
    target: ReportTarget
    reason: Reason
    details: Text | None = None
    evidence: list[Evidence] = Field(default_factory=list, max_length=50)
    block: bool = False


class ReportMade(Model):
    """`merged`: this person had reported it already, and the report stands as it was."""

    id: str
    merged: bool
    blocked: bool


@routes.post("/api/v1/reports", body=ReportNew, ok=((201, ReportMade), (200, ReportMade)), rate="report_per_account")
async def add(call: Call, body: ReportNew) -> Reply:
    """Report a person or content; with `block` that person is blocked at once."""
    made = await call.app.reports.add(
        call.me.account_id,
        body.target.kind,
        body.target.id,
        body.target.username,
        reason=body.reason,
        text=body.details,
        evidence=[one.model_dump(exclude_none=True) for one in body.evidence],
        block=body.block,
    )
    return Reply(ReportMade(id=made.id, merged=not made.new, blocked=made.blocked), status=201 if made.new else 200)
