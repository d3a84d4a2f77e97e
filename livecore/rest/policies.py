"""Policies, the data map and who receives data: public, with their dates."""

import hashlib
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, Field

from livecore import data, errors
from livecore.privacy.published import Category, Recipient, categories, recipients
from livecore.rest.api import Body, Call, Model, Raw, Reply, Routes
from livecore.trust.policies import POLICIES, SHARING_NOTICE, TITLES, Policy
from livecore.trust.policy_html import PAGE_CSP, page

routes = Routes("policies")


class PolicyView(Model):
    """`last_modified` and `effective` are dates (ISO 8601); `summary` holds points parted by blank lines."""

    policy: str
    title: str
    version: int
    last_modified: str
    effective: str
    summary: str
    html: str


class PolicySummary(Model):
    policy: str
    version: int
    last_modified: str
    effective: str
    summary: str


class PolicyVersionView(Model):
    version: int
    last_modified: str
    effective: str
    summary: str
    changes: str
    in_force: bool


class PolicyVersionsView(Model):
    items: list[PolicyVersionView]


class DataMapView(Model):
    categories: list[Category]


class RecipientsView(Model):
    items: list[Recipient]


class SharingNotice(Model):
    text: str


class AcceptPolicy(Body):
    """`version` left out = the one in force."""

    version: int | None = Field(default=None, ge=1, le=1_000_000)


class Accepted(Model):
    policy: str
    version: int
    declined: bool


def _known(name: str) -> str:
    if name not in POLICIES:
        raise errors.NotFound("There is no such policy.")
    return name


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise errors.NotFound("There is no such version.")
    return int(text)


def _view(policy: Policy) -> PolicyView:
    return PolicyView(
        policy=policy.name,
        title=TITLES[policy.name],
        version=policy.version,
        last_modified=policy.last_modified,
        effective=policy.effective,
        summary=policy.summary,
        html=policy.html,
    )


def _etag(policy: Policy, form: str) -> str:
    return hashlib.sha256(f"{form}:{policy.version}:{policy.published_ms}:{policy.html}".encode()).hexdigest()[:24]


def _wants_html(request: web.Request) -> bool:
    """Whether the client names HTML before JSON, as a browser does that opens the address."""
    accept = request.headers.get("Accept", "")
    html, json = accept.find("text/html"), accept.find("application/json")
    return html >= 0 and (json < 0 or html < json)


def _shown(call: Call, policy: Policy) -> Reply | web.StreamResponse:
    headers = {"Cache-Control": "public, no-cache", "Vary": "Accept"}
    if not _wants_html(call.request):
        return Reply(_view(policy), headers=headers, etag=_etag(policy, "json"))
    etag = f'"{_etag(policy, "html")}"'
    headers |= {"ETag": etag, "Content-Security-Policy": PAGE_CSP}
    if etag in [tag.strip().removeprefix("W/") for tag in call.request.headers.get("If-None-Match", "").split(",")]:
        return web.Response(status=304, headers=headers)
    text = page(
        title=TITLES[policy.name],
        last_modified=policy.last_modified,
        effective=policy.effective,
        version=policy.version,
        summary=policy.summary,
        html=policy.html,
    )
    return web.Response(text=text, content_type="text/html", headers=headers)


# These stand before `{policy}`, which would take their names.
@routes.get("/api/v1/policies/data-map", auth="none", ok=(200, DataMapView))
async def data_map(call: Call) -> Reply:
    """What is kept about people, why, for how long, and how it leaves: drawn from the schema itself."""
    return Reply(DataMapView(categories=categories(data.metadata, data.data_map)))


@routes.get("/api/v1/policies/processors", auth="none", ok=(200, RecipientsView))
async def processors(call: Call) -> Reply:
    """Who receives data so that the service can run, as this server is configured."""
    return Reply(RecipientsView(items=recipients(call.app.settings)))


@routes.get("/api/v1/policies/notices/sharing", auth="none", ok=(200, SharingNotice))
async def sharing_notice(call: Call) -> Reply:
    """What everybody should know before sharing."""
    return Reply(SharingNotice(text=SHARING_NOTICE))


@routes.get("/api/v1/policies/{policy}", auth="none", ok=((200, PolicyView), (200, Raw(("text/html",)))), errors=(404,))
async def get_policy(call: Call) -> Reply | web.StreamResponse:
    """The version in force, as JSON, or as a page for a client that asks for HTML."""
    return _shown(call, await call.app.policies.current(_known(call.path["policy"])))


@routes.get("/api/v1/policies/{policy}/summary", auth="none", ok=(200, PolicySummary), errors=(404,))
async def get_summary(call: Call) -> Reply:
    """The version in force in short."""
    policy = await call.app.policies.current(_known(call.path["policy"]))
    view = PolicySummary(
        policy=policy.name,
        version=policy.version,
        last_modified=policy.last_modified,
        effective=policy.effective,
        summary=policy.summary,
    )
    return Reply(view, etag=_etag(policy, "summary"))


@routes.get("/api/v1/policies/{policy}/versions", auth="none", ok=(200, PolicyVersionsView), errors=(404,))
async def list_versions(call: Call) -> Reply:
    """Every published version, newest first."""
    name = _known(call.path["policy"])
    current = await call.app.policies.current(name)
    items = [
        PolicyVersionView(
            version=one.version,
            last_modified=one.last_modified,
            effective=one.effective,
            summary=one.summary,
            changes=one.changes,
            in_force=one.version == current.version,
        )
        for one in await call.app.policies.versions(name)
    ]
    return Reply(PolicyVersionsView(items=items))


@routes.get("/api/v1/policies/{policy}/versions/{version}", auth="none", ok=((200, PolicyView), (200, Raw(("text/html",)))), errors=(404,))
async def get_version(call: Call) -> Reply | web.StreamResponse:
    """A published version, old ones too."""
    return _shown(call, await call.app.policies.version(_known(call.path["policy"]), _number(call.path["version"])))


@routes.post("/api/v1/policies/{policy}/accept", auth="any", body=AcceptPolicy, ok=(200, Accepted), errors=(404,))
async def accept(call: Call, body: AcceptPolicy) -> Reply:
    """Accept the version in force; reopens an account that had declined."""
    name = _known(call.path["policy"])
    version = await call.app.policies.accept(call.me.account_id, name, body.version)
    return Reply(Accepted(policy=name, version=version, declined=False))


@routes.post("/api/v1/policies/{policy}/decline", auth="any", ok=(200, Accepted), errors=(404, 409))
async def decline(call: Call) -> Reply:
    """Decline the version in force: only policies, export, deletion and support answer afterwards."""
    name = _known(call.path["policy"])
    version = await call.app.policies.decline(call.me.account_id, name)
    return Reply(Accepted(policy=name, version=version, declined=True))


class AcceptanceView(Model):
    """`at` is Unix milliseconds; `mode` is sign_up, accepted, continued_use or declined."""

    policy: str
    version: int
    mode: str
    at: int


class AcceptancesView(Model):
    items: list[AcceptanceView]


@routes.get("/api/v1/me/policies", auth="any", ok=(200, AcceptancesView))
async def my_acceptances(call: Call) -> Reply:
    """What I accepted or declined, newest first."""
    rows = await call.app.policies.history(call.me.account_id)
    return Reply(AcceptancesView(items=[AcceptanceView(policy=r.policy, version=r.version, mode=r.mode, at=r.at_ms) for r in rows]))


# -- by staff
def _plain(value: str) -> str:
    if "\x00" in value:
        raise ValueError("holds a character that is not text")
    return value


Text = Annotated[str, AfterValidator(_plain)]


class PolicyDraft(Body):
    summary: Text = Field(min_length=1, max_length=5000)
    html: Text = Field(min_length=1, max_length=200_000)
    changes: Text = Field(min_length=1, max_length=5000)


class PolicyPublish(Body):
    """`effective_at` in Unix milliseconds; left out = at once."""

    effective_at: int | None = Field(default=None, ge=0, le=10**14)


@routes.post(
    "/api/v1/admin/policies/{policy}/versions", auth="staff:legal|admin", body=PolicyDraft, ok=(201, PolicyView), errors=(404, 409)
)
async def draft(call: Call, body: PolicyDraft) -> Reply:
    """Write the next version; nobody else sees it until it is published."""
    name = _known(call.path["policy"])
    made = await call.app.policies.draft(call.me.account_id, name, summary=body.summary, html=body.html, changes=body.changes)
    return Reply(_view(made), status=201)


@routes.post(
    "/api/v1/admin/policies/{policy}/versions/{version}/publish",
    auth="staff:legal|admin",
    body=PolicyPublish,
    ok=(200, PolicyView),
    errors=(404,),
)
async def publish(call: Call, body: PolicyPublish) -> Reply:
    """Publish a draft and tell every active account, once."""
    name, version = _known(call.path["policy"]), _number(call.path["version"])
    return Reply(_view(await call.app.policies.publish(call.me.account_id, name, version, body.effective_at)))
