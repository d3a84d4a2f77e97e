"""Legal holds: asked for by one of the staff, in force once another one agrees, ended by staff or by their time."""

from typing import Annotated

from pydantic import Field

from livecore import errors
from livecore.rest.api import Body, Call, Model, Page, Reply, Routes
from livecore.rest.claims import Text
from livecore.trust.holds import Row

routes = Routes("admin")

Reason = Annotated[Text, Field(min_length=1)]
# Who holds back what others would delete is not whoever moderates.
STAFF = "staff:legal|admin"


class NewHold(Body):
    username: Annotated[str, Field(min_length=1, max_length=40)]
    reason: Reason
    ends_at: Annotated[int, Field(ge=0, description="Unix milliseconds; at most three years ahead.")]


class EndOfHold(Body):
    reason: Reason


class Hold(Model):
    """`approved_at` null: it waits for a second one of the staff and keeps nothing yet. `messages`: kept so far."""

    id: str
    account: str | None
    username: str | None
    reason: str | None
    asked_by: str | None
    asked_at: int
    approved_by: str | None
    approved_at: int | None
    ends_at: int
    messages: int


async def _model(call: Call, row: Row) -> Hold:
    card = (await call.app.directory.cards(None, [row["account_id"]])).get(row["account_id"]) if row["account_id"] else None
    return Hold(
        id=row["id"],
        account=row["account_id"],
        username=card.username if card else None,
        reason=await call.app.holds.reason_of(row),
        asked_by=row["asked_by"],
        asked_at=row["asked_ms"],
        approved_by=row["approved_by"],
        approved_at=row["approved_ms"],
        ends_at=row["ends_ms"],
        messages=await call.app.holds.kept(row["id"]),
    )


@routes.post("/api/v1/admin/holds", auth=STAFF, body=NewHold, ok=(201, Hold), errors=(404, 409))
async def ask(call: Call, body: NewHold) -> Reply:
    """Ask that an account be preserved. Nothing is kept until another one of the staff agrees."""
    account_id = await call.app.directory.by_username(body.username)
    if account_id is None:
        raise errors.NotFound("There is no such person.")
    row = await call.app.holds.ask(call.me.account_id, account_id, body.reason, body.ends_at)
    return Reply(await _model(call, row), status=201)


@routes.get("/api/v1/admin/holds", auth=STAFF, ok=(200, Page[Hold]))
async def listed(call: Call) -> Reply:
    """Holds that are asked for or in force."""
    return Reply(Page[Hold](items=[await _model(call, row) for row in await call.app.holds.listed()]))


@routes.post("/api/v1/admin/holds/{id}/approve", auth=STAFF, ok=(200, Hold), errors=(403, 404, 409))
async def approve(call: Call) -> Reply:
    """Agree to it: it is in force from now on. 403 `second_person` for who asked."""
    return Reply(await _model(call, await call.app.holds.approve(call.me.account_id, call.path["id"])))


@routes.post("/api/v1/admin/holds/{id}/end", auth=STAFF, body=EndOfHold, ok=(204, None), errors=(404, 409))
async def end(call: Call, body: EndOfHold) -> Reply:
    """End it, or turn it down. What it kept goes; an erasure that waited goes on."""
    await call.app.holds.end(call.me.account_id, call.path["id"], body.reason)
    return Reply(None, status=204)
