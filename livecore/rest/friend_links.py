"""Friend links and their QR codes: shown to somebody, accepted, and they are friends."""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from livecore.people.friend_links import Link, qr_svg
from livecore.rest.api import Body, Call, Model, Page, Raw, Reply, Routes
from livecore.rest.people import FriendRequest, Person, person_model, request_model

routes = Routes("friend-links")

SVG = "image/svg+xml"
# Where the demo shows a link; another client may make its own address of the token.
PAGE = "/friend/"

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{20,64}$")]


class FriendLink(Model):
    """`url` is what to send or to show as a QR code (`qr`). `uses_left` null: as often as one likes until `expires_at`."""

    id: str
    token: str
    url: str
    qr: str
    uses: int
    uses_left: int | None
    created_at: int
    expires_at: int


class FriendLinkNew(Body):
    """`expires_in` in seconds; the server's setting friend_link_s is the longest."""

    expires_in: Annotated[int, Field(ge=60, le=31_536_000, strict=True)] | None = None
    max_uses: Annotated[int, Field(ge=1, le=1000, strict=True)] | None = None


class FriendLinkGiven(Body):
    token: Token


def _model(call: Call, link: Link) -> FriendLink:
    return FriendLink(
        id=link.id,
        token=link.token,
        url=f"{call.app.url}{PAGE}{link.token}",
        qr=f"/api/v1/friend-links/{link.id}/qr.svg",
        uses=link.uses,
        uses_left=link.uses_left,
        created_at=link.created_ms,
        expires_at=link.expires_ms,
    )


@routes.post("/api/v1/friend-links", body=FriendLinkNew, ok=(201, FriendLink), errors=(409,))
async def make(call: Call, body: FriendLinkNew) -> Reply:
    """Make a link that makes whoever accepts it your friend, until it expires, is used up, or you delete it."""
    longest_s = call.app.settings.friend_link_s
    link = await call.app.friend_links.make(call.me.account_id, min(body.expires_in or longest_s, longest_s), body.max_uses)
    return Reply(_model(call, link), status=201, headers={"Location": f"/api/v1/friend-links/{link.id}"})


@routes.get("/api/v1/friend-links", ok=(200, Page[FriendLink]))
async def list_links(call: Call) -> Reply:
    """Your links that are still good, newest first."""
    return Reply(Page[FriendLink](items=[_model(call, link) for link in await call.app.friend_links.of(call.me.account_id)]))


@routes.get("/api/v1/friend-links/{id}", ok=(200, FriendLink))
async def read(call: Call) -> Reply:
    """One of your links."""
    return Reply(_model(call, await call.app.friend_links.one(call.me.account_id, call.path["id"])))


@routes.get("/api/v1/friend-links/{id}/qr.svg", ok=(200, Raw((SVG,))))
async def qr(call: Call) -> web.Response:
    """The QR code of one of your links."""
    link = await call.app.friend_links.one(call.me.account_id, call.path["id"])
    return web.Response(text=qr_svg(_model(call, link).url), content_type=SVG, headers={"Cache-Control": "no-store"})


@routes.delete("/api/v1/friend-links/{id}", ok=(204, None))
async def revoke(call: Call) -> Reply:
    """Delete a link: it makes no more friends."""
    await call.app.friend_links.revoke(call.me.account_id, call.path["id"])
    return Reply(status=204)


@routes.post("/api/v1/friend-links/open", body=FriendLinkGiven, ok=(200, Person), errors=(404, 410), rate="search_per_account")
async def open_link(call: Call, body: FriendLinkGiven) -> Reply:
    """Whose link this is. 410 `link_over` when it expired or is used up."""
    me = call.me.account_id
    return Reply(await person_model(call.app, me, await call.app.friend_links.owner(me, body.token)))


@routes.post(
    "/api/v1/friend-links/accept",
    body=FriendLinkGiven,
    ok=(200, FriendRequest),
    errors=(404, 409, 410),
    rate="friend_request_per_account",
)
async def accept(call: Call, body: FriendLinkGiven) -> Reply:
    """Become friends with whoever made the link, at once; they are told (`friend:accepted`). Again it answers the same and changes
    nothing, also when the link is over by then."""
    return Reply(await request_model(call, await call.app.friend_links.accept(call.me.account_id, body.token)))
