"""Claims about intellectual property, by anybody; what staff decide is in `livecore.rest.admin`."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from livecore import errors
from livecore.cursors import decode_cursor, encode_cursor
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes
from livecore.rest.reading import bearer
from livecore.trust.claims import ClaimView
from livecore.trust.targets import Pointer

routes = Routes("claims")

_MAIL = re.compile(r"[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00.]+|[^@\s\x00]+@localhost")

Kind = Literal["copyright", "trademark"]
TargetKind = Literal["video", "image", "post", "comment", "live", "profile_picture", "profile_name"]


def _line(value: str) -> str:
    if any(ord(letter) < 32 and letter not in "\n\t" for letter in value):
        raise ValueError("holds control characters")
    return value


def _mail(value: str) -> str:
    if not _MAIL.fullmatch(value):
        raise ValueError("is not a mail address")
    return value


Text = Annotated[str, Field(max_length=5000), AfterValidator(_line)]
Line = Annotated[str, Field(max_length=300), AfterValidator(_line)]


class ClaimTarget(Body):
    """What it is about: by `url` (an address here), or by `kind` and `id`, or for a profile by `kind` and `username`."""

    kind: TargetKind | None = None
    id: Line | None = None
    url: Annotated[str, Field(max_length=2000), AfterValidator(_line)] | None = None
    username: Line | None = None


class ClaimContact(Body):
    name: Line | None = None
    address: Text | None = None
    phone: Line | None = None
    email: Annotated[str, Field(max_length=254), AfterValidator(_mail)] | None = None


class ClaimNew(Body):
    """A claim is complete with these; what is missing is named in a 422 and nothing is kept.

    Copyright (17 USC 512(c)(3)(A)): `signature`, `work`, `target`, `contact`, `good_faith`, `accuracy`.
    Trademark: `mark`, `registration_number`, `jurisdiction`, `goods_class`, `target`, `authority`, `contact`, `good_faith`, `signature`.
    """

    kind: Kind
    target: ClaimTarget | None = None
    contact: ClaimContact | None = None
    signature: Line | None = None
    good_faith: bool = False
    work: Text | None = None
    accuracy: bool = False
    mark: Line | None = None
    registration_number: Line | None = None
    jurisdiction: Line | None = None
    goods_class: Line | None = None
    authority: Text | None = None
    remarks: Text | None = None


class ClaimReceipt(Model):
    """`token` follows or withdraws the claim; it is told once."""

    id: str
    token: str
    state: str
    status: str


class ClaimConfirm(Body):
    code: Annotated[str, Field(min_length=6, max_length=6, pattern="^[0-9]{6}$")]


class ClaimStatus(Model):
    """Times are Unix milliseconds; `target` is null when its account was erased. `details` and `counter_notice` are for the
    claimant and for staff."""

    id: str
    kind: str
    state: str
    target: dict[str, str] | None
    channel: str
    received_at: int
    decided_at: int | None
    countered_at: int | None
    details: dict[str, Any] | None = None
    counter_notice: dict[str, Any] | None = None


class ReceiptQuery(Params):
    token: str | None = Field(default=None, max_length=200)


class CounterNotice(Body):
    """17 USC 512(g)(3): `statement` is made under penalty of perjury, `consent` is to your district's court and to service of process."""

    signature: Line | None = None
    statement: bool = False
    name: Line | None = None
    address: Text | None = None
    phone: Line | None = None
    consent: bool = False
    remarks: Text | None = None


class ClaimsQuery(Params):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = None


def status_of(view: ClaimView) -> ClaimStatus:
    return ClaimStatus(
        id=view.id,
        kind=view.kind,
        state=view.state,
        target={"kind": view.target.kind, "id": view.target.id} if view.target else None,
        channel=view.channel,
        received_at=view.received_ms,
        decided_at=view.decided_ms,
        countered_at=view.countered_ms,
        details=view.details,
        counter_notice=view.counter_notice,
    )


def _token(call: Call) -> str:
    token = bearer(call.request) or call.request.query.get("token", "")
    if not token:
        raise errors.Unauthorised("Give the claim's receipt token.")
    return token


@routes.post("/api/v1/claims", auth="none", body=ClaimNew, ok=(201, ClaimReceipt), rate="claim_per_address")
async def submit(call: Call, body: ClaimNew) -> Reply:
    """Claim that something here infringes a copyright or a trademark; no account is needed.

    A code is sent to the mail address of `contact`; the claim is looked at once it is confirmed.
    """
    pointer = Pointer(**body.target.model_dump()) if body.target is not None else None
    given = body.model_dump(exclude={"kind", "target"}, exclude_none=True)
    receipt = await call.app.claims.submit(body.kind, pointer, given)
    path = f"/api/v1/claims/{receipt.id}"
    return Reply(ClaimReceipt(id=receipt.id, token=receipt.token, state="unconfirmed", status=path), status=201, headers={"Location": path})


@routes.post("/api/v1/claims/{id}/confirm", auth="none", body=ClaimConfirm, ok=(204, None), errors=(409,))
async def confirm(call: Call, body: ClaimConfirm) -> Reply:
    """Confirm the claimant's mail address with the code that was sent to it."""
    await call.app.claims.confirm(call.path["id"], body.code)
    return Reply(None, status=204)


@routes.get("/api/v1/claims/{id}", auth="none", params=ReceiptQuery, ok=(200, ClaimStatus), errors=(401,))
async def follow(call: Call) -> Reply:
    """Where a claim stands, for who holds its receipt token (`Authorization: Bearer …` or `?token=`)."""
    return Reply(status_of(await call.app.claims.by_receipt(call.path["id"], _token(call))))


@routes.post("/api/v1/claims/{id}/withdraw", auth="none", params=ReceiptQuery, ok=(200, ClaimStatus), errors=(401, 409))
async def withdraw(call: Call) -> Reply:
    """Take a claim back, with its receipt token; what was taken down on it alone returns."""
    return Reply(status_of(await call.app.claims.withdraw(call.path["id"], _token(call))))


@routes.post("/api/v1/claims/{id}/counter-notice", body=CounterNotice, ok=(200, ClaimStatus), errors=(409,))
async def counter(call: Call, body: CounterNotice) -> Reply:
    """Answer an upheld claim about content of one's own (17 USC 512(g)(3)); it is forwarded to the claimant."""
    given = body.model_dump(exclude_none=True)
    return Reply(status_of(await call.app.claims.counter(call.me.account_id, call.path["id"], given)))


@routes.get("/api/v1/me/claims", params=ClaimsQuery, ok=(200, Page[ClaimStatus]))
async def against_me(call: Call) -> Reply:
    """Claims about my content, newest first."""
    query: ClaimsQuery = call.params
    before = str(decode_cursor(call.app.keys, "claims-mine", query.cursor)[0]) if query.cursor else None
    found = await call.app.claims.against(call.me.account_id, before, query.limit + 1)
    items = [status_of(view) for view in found[: query.limit]]
    more = encode_cursor(call.app.keys, "claims-mine", [items[-1].id]) if len(found) > query.limit else None
    return Reply(Page[ClaimStatus](items=items, next_cursor=more))


class Agent(Model):
    name: str
    address: str
    email: str
    phone: str


@routes.get("/api/v1/ip/agent", auth="none", ok=(200, Agent))
async def agent(call: Call) -> Reply:
    """The designated copyright agent (17 USC 512(c)(2))."""
    name, address, email, phone = [*call.app.settings.copyright_agent.split("|"), "", "", "", ""][:4]
    return Reply(Agent(name=name, address=address, email=email, phone=phone))
