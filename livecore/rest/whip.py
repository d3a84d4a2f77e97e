"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): SDP over HTTP in front of the media plane.

The session's address carries who may change it, signed, so that any process of the platform can check it
without keeping sessions of its own.
"""

from aiohttp import web
from pydantic import ConfigDict, Field

from livecore import errors
from livecore.media.control import (
    Answer,
    BadOffer,
    Full,
    MediaError,
    NoCommonCodec,
    NoPublisher,
    NoSuchSession,
    StaleTag,
)
from livecore.rest.api import Body, Call, Model, Params, Raw, Reply, Routes
from livecore.rest.reading import bearer, read_bytes

routes = Routes("media")

SDP = "application/sdp"
TRICKLE = "application/trickle-ice-sdpfrag"
# Chrome's offer with every codec and simulcast is some 10 KB; ten times that is no offer.
SDP_LIMIT_BYTES = 100_000
EXPOSED = "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post, WWW-Authenticate"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
}
_PATHS = ("/whip/", "/whep/", "/media/")


async def expose(request: web.Request, response: web.StreamResponse) -> None:
    """Players of other origins may read every answer of these addresses, refusals too; a signal of aiohttp (`on_response_prepare`)."""
    if request.path.startswith(_PATHS):
        response.headers.setdefault("Access-Control-Allow-Origin", "*")
        response.headers.setdefault("Access-Control-Expose-Headers", EXPOSED)
        if request.method == "OPTIONS" or response.status in (405, 415):
            name, value = ("Accept-Patch", TRICKLE) if request.path.startswith("/media/") else ("Accept-Post", SDP)
            response.headers.setdefault(name, value)


def _problem(exc: MediaError) -> errors.Problem:
    """The media plane's refusals in HTTP's words."""
    if isinstance(exc, NoPublisher):
        return errors.Conflict("Nobody publishes here yet.", type="no_publisher", headers={"Retry-After": str(exc.retry_after_s)})
    if isinstance(exc, BadOffer):
        return errors.Malformed(str(exc), type="bad_offer")
    if isinstance(exc, NoCommonCodec):
        problem = errors.Problem(str(exc), type="no_common_codec", title="There is no codec that both sides speak")
        problem.status = 406
        return problem
    if isinstance(exc, StaleTag):
        return errors.StaleTag("The ICE session was restarted meanwhile.")
    if isinstance(exc, NoSuchSession):
        return errors.NotFound("There is no such session.")
    if isinstance(exc, Full):
        return errors.Unavailable("This server is full.", retry_after_s=10, type="full")
    return errors.Unavailable("The media plane is coming back.", type="media_away")


def _token(call: Call) -> str:
    token = bearer(call.request)
    if token is None:
        raise errors.Unauthorised("A bearer token is needed.", headers={"WWW-Authenticate": "Bearer"})
    return token


async def _offer(call: Call) -> str:
    if call.request.content_type != SDP:
        raise errors.WrongMedia(f"Send {SDP}.", headers={"Accept-Post": SDP})
    try:
        return (await read_bytes(call.request, SDP_LIMIT_BYTES)).decode()
    except UnicodeDecodeError as exc:
        raise errors.Malformed("The offer is not UTF-8.", type="bad_offer") from exc


def _created(call: Call, answer: Answer, who: str) -> web.Response:
    session = call.app.media_rights.sign_session(answer.session_id, who)
    headers = {"Location": f"/media/{session}", "ETag": answer.etag, "Accept-Patch": TRICKLE}
    response = web.Response(status=201, text=answer.sdp, content_type=SDP, headers=headers)
    for server in call.app.media_rights.ice_servers(who):
        response.headers.add("Link", server)
    return response


@routes.post(
    "/whip/{live_id}",
    auth="none",
    body=Raw((SDP,), SDP_LIMIT_BYTES),
    ok=(201, Raw((SDP,))),
    errors=(400, 401, 403, 404, 406, 409, 410),
    rate="anonymous_per_address",
)
async def publish(call: Call) -> web.Response:
    """Publish to a live (WHIP). The bearer token is the one that making the live, or a guest's invitation, told."""
    publisher = await call.app.publications.publisher(call.path["live_id"], _token(call))
    offer = await _offer(call)
    if call.app.draining:
        raise errors.Unavailable("This server is about to stop; come back in a moment.")
    try:
        answer = await call.app.media.publish(
            publisher.live_id,
            publisher.publication_id,
            offer,
            prefer=await call.app.publications.prefers(publisher.live_id),
            publisher=publisher.account_id,
        )
    except MediaError as exc:
        raise _problem(exc) from exc
    return _created(call, answer, publisher.publication_id)


class WatchParams(Params):
    model_config = ConfigDict(extra="ignore")  # players add what they like

    publication: str | None = Field(default=None, max_length=64)
    max_height: int | None = Field(default=None, ge=1, le=10_000)


@routes.post(
    "/whep/{live_id}",
    auth="none",
    params=WatchParams,
    body=Raw((SDP,), SDP_LIMIT_BYTES),
    ok=(201, Raw((SDP,))),
    errors=(400, 401, 403, 404, 406, 409, 410),
    rate="anonymous_per_address",
)
async def watch(call: Call) -> web.Response:
    """Watch a live (WHEP) with one's own access token, or a watch token for this live.

    `?publication=` names one of several; `?max_height=` asks for no higher picture than so many pixels, where there is a choice.
    """
    viewer = await _viewer(call, _token(call))
    await call.app.limiter.hit("join_per_account", viewer)
    facts = await call.app.lives.may_join(viewer, call.path["live_id"])
    publication_id = call.params.publication or await call.app.publications.host_publication(facts.id)
    offer = await _offer(call)
    try:
        answer = await call.app.media.subscribe(facts.id, publication_id, offer, viewer=viewer, max_height=call.params.max_height)
    except MediaError as exc:
        raise _problem(exc) from exc
    return _created(call, answer, viewer)


async def _viewer(call: Call, token: str) -> str:
    """Whose token this is: an access token, or one that watches this live alone."""
    if token.startswith("watch_"):
        account_id = call.app.media_rights.watch_grant(token, call.path["live_id"])
        if not await call.app.directory.is_active(account_id):
            raise errors.Forbidden("This account may not watch.")
        return account_id
    me = await call.app.authenticator.authenticate(token)
    await call.app.check_principal(me, "account")
    return me.account_id


async def _session(call: Call) -> str:
    """The session that this address names, for its owner alone."""
    signed = call.path["session"]
    token = _token(call)
    session_id, who = call.app.media_rights.session(signed)
    if token.startswith("live_"):
        owner = await call.app.publications.publication_of(token)
    elif token.startswith("watch_"):
        owner = call.app.media_rights.watch_grant(token, None)
    else:
        owner = (await call.app.authenticator.authenticate(token)).account_id
    if owner != who:
        raise errors.Forbidden("This session is somebody else's.")
    return session_id


@routes.patch(
    "/media/{session}",
    auth="none",
    body=Raw((TRICKLE,), SDP_LIMIT_BYTES),
    ok=((204, None), (200, Raw((TRICKLE,)))),
    errors=(400, 401, 403, 404, 410, 412, 428),
    rate="anonymous_per_address",
)
async def trickle(call: Call) -> web.Response:
    """Trickle ICE or restart it (RFC 8840 fragments): `If-Match` names the ICE session, `*` restarts it."""
    session_id = await _session(call)
    match = call.request.headers.get("If-Match")
    if match is None:
        raise errors.NeedsTag()
    try:
        fragment = (await read_bytes(call.request, SDP_LIMIT_BYTES)).decode()
        answer = await call.app.media.patch(session_id, fragment, match.strip())
    except UnicodeDecodeError as exc:
        raise errors.Malformed("The fragment is not UTF-8.") from exc
    except MediaError as exc:
        raise _problem(exc) from exc
    headers = {"ETag": answer.etag}
    if answer.status == 204:
        return web.Response(status=204, headers=headers)
    return web.Response(status=200, text=answer.body or "", content_type=TRICKLE, headers=headers)


@routes.delete("/media/{session}", auth="none", ok=(200, None), errors=(401, 403, 404, 410), rate="anonymous_per_address")
async def leave(call: Call) -> web.Response:
    """End the session. One that is over already, by the end of its live above all, is over: 200 too."""
    session_id = await _session(call)
    try:
        await call.app.media.close_session(session_id, "left")
    except MediaError as exc:
        if not isinstance(exc, NoSuchSession):
            raise _problem(exc) from exc
    return web.Response(status=200)


class LayerWish(Body):
    """What a viewer asks for; null: no limit but what its path carries."""

    rid: str | None = Field(default=None, max_length=64)
    max_height: int | None = Field(default=None, ge=1, le=10_000)


class Choice(Model):
    rid: str
    height: int | None
    bitrate_bps: int


class Layers(Model):
    """What a viewer may be sent, the thinnest first; `current` is what it is sent now (null: sound alone, or nothing yet)."""

    layers: list[Choice]
    current: str | None
    rid: str | None
    max_height: int | None


@routes.get("/media/{session}/layers", auth="none", ok=(200, Layers), errors=(401, 403, 404, 410), rate="anonymous_per_address")
async def layers(call: Call) -> Reply:
    """Which layers this viewer's session may choose from, which it is on, and what it asked for."""
    session_id = await _session(call)
    try:
        found = await call.app.media.layers(session_id)
    except MediaError as exc:
        raise _problem(exc) from exc
    return Reply(Layers.model_validate(found))


@routes.put(
    "/media/{session}/layers", auth="none", body=LayerWish, ok=(204, None), errors=(401, 403, 404, 410), rate="anonymous_per_address"
)
async def wish(call: Call, body: LayerWish) -> Reply:
    """Ask for no better layer than one by name, or none higher than so many pixels; both null leave it to what the path carries."""
    session_id = await _session(call)
    try:
        await call.app.media.prefer_layer(session_id, body.rid, body.max_height)
    except MediaError as exc:
        raise _problem(exc) from exc
    return Reply(status=204)


async def _preflight(call: Call) -> Reply | web.Response:
    """What these addresses take (CORS and RFC 9725's Accept-Post; that says 200, where browsers would take 204 too)."""
    return web.Response(headers=PREFLIGHT)


for _path in ("/whip/{live_id}", "/whep/{live_id}", "/media/{session}", "/media/{session}/layers"):
    routes.route("OPTIONS", _path, auth="none", ok=(200, None), rate="anonymous_per_address", hidden=True)(_preflight)
