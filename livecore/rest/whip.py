"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): SDP over HTTP in front of the media plane.

The session's address carries who may change it, signed, so that any process of the platform can check it
without keeping sessions of its own.
"""

from aiohttp import web

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
from livecore.rest.api import Call, Raw, Reply, Routes, bearer, read_bytes

routes = Routes("media")

SDP = "application/sdp"
TRICKLE = "application/trickle-ice-sdpfrag"
# Chrome's offer with every codec and simulcast is some 10 KB; ten times that is no offer.
SDP_LIMIT_BYTES = 100_000
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post",
}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
    "Accept-Post": SDP,
    "Accept-Patch": TRICKLE,
}


def _problem(exc: MediaError) -> errors.Problem:
    """The media plane's refusals in HTTP's words."""
    if isinstance(exc, NoPublisher):
        return errors.Conflict("Nobody publishes here yet.", type="no_publisher", headers=CORS | {"Retry-After": str(exc.retry_after_s)})
    if isinstance(exc, BadOffer):
        return errors.Malformed(str(exc), type="bad_offer", headers=CORS)
    if isinstance(exc, NoCommonCodec):
        problem = errors.Problem(str(exc), type="no_common_codec", title="There is no codec that both sides speak", headers=CORS)
        problem.status = 406
        return problem
    if isinstance(exc, StaleTag):
        return errors.StaleTag("The ICE session was restarted meanwhile.", headers=CORS)
    if isinstance(exc, NoSuchSession):
        return errors.NotFound("There is no such session.", headers=CORS)
    if isinstance(exc, Full):
        return errors.Unavailable("This server is full.", retry_after_s=10, type="full")
    return errors.Unavailable("The media plane is coming back.", type="media_away")


def _token(call: Call) -> str:
    token = bearer(call.request)
    if token is None:
        raise errors.Unauthorised("A bearer token is needed.", headers={"WWW-Authenticate": "Bearer"} | CORS)
    return token


async def _offer(call: Call) -> str:
    if call.request.content_type != SDP:
        raise errors.WrongMedia(f"Send {SDP}.", headers=CORS | {"Accept-Post": SDP})
    try:
        return (await read_bytes(call.request, SDP_LIMIT_BYTES)).decode()
    except UnicodeDecodeError as exc:
        raise errors.Malformed("The offer is not UTF-8.", type="bad_offer", headers=CORS) from exc


def _created(call: Call, answer: Answer, who: str) -> web.Response:
    session = call.app.sign_media_session(answer.session_id, who)
    headers = CORS | {"Location": f"/media/{session}", "ETag": answer.etag, "Accept-Patch": TRICKLE}
    response = web.Response(status=201, text=answer.sdp, content_type=SDP, headers=headers)
    for server in call.app.ice_servers(who):
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
    publisher = await call.app.lives.publisher(call.path["live_id"], _token(call))
    offer = await _offer(call)
    if call.app.draining:
        raise errors.Unavailable("This server is about to stop; come back in a moment.")
    try:
        answer = await call.app.media.publish(
            publisher.live_id,
            publisher.publication_id,
            offer,
            prefer=await call.app.lives.prefers(publisher.live_id),
            publisher=publisher.account_id,
        )
    except MediaError as exc:
        raise _problem(exc) from exc
    return _created(call, answer, publisher.publication_id)


@routes.post(
    "/whep/{live_id}",
    auth="none",
    body=Raw((SDP,), SDP_LIMIT_BYTES),
    ok=(201, Raw((SDP,))),
    errors=(400, 401, 403, 404, 406, 409, 410),
    rate="anonymous_per_address",
)
async def watch(call: Call) -> web.Response:
    """Watch a live (WHEP) with one's own access token; `?publication=` names one of several."""
    me = await call.app.authenticator.authenticate(_token(call))
    await call.app.check_principal(me, "account")
    await call.app.limiter.hit("join_per_account", me.account_id)
    facts = await call.app.lives.may_join(me.account_id, call.path["live_id"])
    publication_id = call.request.query.get("publication") or await call.app.lives.host_publication(facts.id)
    offer = await _offer(call)
    try:
        answer = await call.app.media.subscribe(facts.id, publication_id, offer, viewer=me.account_id)
    except MediaError as exc:
        raise _problem(exc) from exc
    return _created(call, answer, me.account_id)


async def _session(call: Call) -> str:
    """The session that this address names, for its owner alone."""
    signed = call.path["session"]
    token = _token(call)
    session_id, who = call.app.media_session(signed)
    if token.startswith("live_"):
        owner = await call.app.lives.publication_of(token)
    else:
        owner = (await call.app.authenticator.authenticate(token)).account_id
    if owner != who:
        raise errors.Forbidden("This session is somebody else's.", headers=CORS)
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
        raise errors.NeedsTag(headers=CORS)
    try:
        fragment = (await read_bytes(call.request, SDP_LIMIT_BYTES)).decode()
        answer = await call.app.media.patch(session_id, fragment, match.strip())
    except UnicodeDecodeError as exc:
        raise errors.Malformed("The fragment is not UTF-8.", headers=CORS) from exc
    except MediaError as exc:
        raise _problem(exc) from exc
    headers = CORS | {"ETag": answer.etag}
    if answer.status == 204:
        return web.Response(status=204, headers=headers)
    return web.Response(status=200, text=answer.body or "", content_type=TRICKLE, headers=headers)


@routes.delete("/media/{session}", auth="none", ok=(200, None), errors=(401, 403, 404, 410), rate="anonymous_per_address")
async def leave(call: Call) -> web.Response:
    """End the session."""
    session_id = await _session(call)
    try:
        await call.app.media.close_session(session_id, "left")
    except MediaError as exc:
        raise _problem(exc) from exc
    return web.Response(status=200, headers=CORS)


async def _preflight(call: Call) -> Reply | web.Response:
    """What these addresses take (CORS and RFC 9725's Accept-Post)."""
    return web.Response(status=204, headers=PREFLIGHT)


for _path in ("/whip/{live_id}", "/whep/{live_id}", "/media/{session}"):
    routes.route("OPTIONS", _path, auth="none", ok=(204, None), rate="anonymous_per_address", hidden=True)(_preflight)
