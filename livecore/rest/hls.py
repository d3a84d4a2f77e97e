"""Low-latency HLS (RFC 8216bis): a live's playlists, parts and segments.

`index.m3u8` asks who is there and names the media playlist under a path that is signed for this viewer; everything below that path
needs no header. See docs/hls.md.
"""

import asyncio

from aiohttp import web
from pydantic import ConfigDict, Field

from livecore import errors
from livecore.lives.playback import Viewing
from livecore.media.origin import MEDIA_TYPE, PLAYLIST, PLAYLIST_TYPE, Answer, Target
from livecore.media.playlist import AAC_SUFFIX, Segment, Stream, Variant, multivariant
from livecore.rest.api import Call, Params, Raw, Routes
from livecore.rest.hls_connection import can_take_over, take_over
from livecore.rest.reading import bearer

routes = Routes("media")

CORS = {"Access-Control-Allow-Origin": "*"}
_TOKEN_LIMIT_CHARS = 1024
# A live that has just begun has its first part within this time: a key frame and a fifth of a second.
BEGIN_WAIT_S = 4.0
# What is announced before a segment has been seen.
UNKNOWN_BPS = 2_000_000
# A rate that is announced must not be exceeded (RFC 8216bis, 4.4.6.2); segments to come differ from those that were.
BANDWIDTH_MARGIN = 1.2


class IndexParams(Params):
    token: str | None = Field(
        default=None, max_length=_TOKEN_LIMIT_CHARS, description="What `hls` of a live carries, instead of a bearer token."
    )
    publication: str | None = Field(default=None, max_length=40, description="One of several; the host's when it is not given.")


class Directives(Params):
    """Delivery directives (RFC 8216bis, 6.2.5). What is malformed is answered with 400, and other parameters are left alone, as it says."""

    model_config = ConfigDict(extra="ignore")

    msn: str | None = Field(default=None, alias="_HLS_msn", description="Answer once the playlist has this segment.")
    part: str | None = Field(default=None, alias="_HLS_part", description="And this part of it.")
    skip: str | None = Field(default=None, alias="_HLS_skip", description="`YES`: leave out what is old.")


async def _viewer(call: Call) -> str:
    """Who asks: the bearer of an access token, or of a link that was signed for them."""
    token = bearer(call.request)
    if token is None and call.params.token is None:
        raise errors.Unauthorised("A bearer token or ?token= is needed.", headers={"WWW-Authenticate": "Bearer"} | CORS)
    if token is None:
        grant = call.app.links.check(call.params.token, f"live/{call.path['live_id']}")
        return grant.account_id
    me = await call.app.authenticator.authenticate(token)
    await call.app.check_principal(me, "account")
    return me.account_id


@routes.get(
    "/live/{live_id}/index.m3u8",
    auth="none",
    params=IndexParams,
    ok=(200, Raw((PLAYLIST_TYPE,))),
    errors=(401, 403, 404, 409, 410),
    rate="anonymous_per_address",
)
async def index(call: Call) -> web.Response:
    """Watch a live by HLS: the multivariant playlist, for one's own access token or the `?token=` that the live's `hls` carries."""
    live_id = call.path["live_id"]
    account_id = await _viewer(call)
    await call.app.limiter.hit("join_per_account", account_id)
    live = await call.app.lives.to_watch(account_id, live_id)
    publication_id = call.params.publication or await call.app.publications.host_publication(live_id)
    stream = await _begun(call, live, publication_id)
    await call.app.origin.begin(publication_id)
    init = stream.newest_init
    if init is None or stream.facts.live != live_id:
        raise errors.NotFound("This live cannot be watched by HLS.", headers=CORS)
    # The sound as it was sent comes first: players take the first variant that they know.
    variants = [_variant(call, account_id, live_id, publication_id, stream)]
    in_aac = call.app.origin.stream(publication_id + AAC_SUFFIX)
    if in_aac is not None and in_aac.is_playable and "mp4a" in (in_aac.newest_init or init).codecs:
        variants.append(_variant(call, account_id, live_id, publication_id + AAC_SUFFIX, in_aac))
    return web.Response(text=multivariant(variants), content_type=PLAYLIST_TYPE, headers=CORS | {"Cache-Control": "private, no-store"})


def _variant(call: Call, account_id: str, live_id: str, stream_id: str, stream: Stream) -> Variant:
    init = stream.newest_init
    assert init is not None
    signed = call.app.playback.sign(account_id, live_id, stream_id)
    return Variant(f"/live/{live_id}/{signed}/{PLAYLIST}", init.codecs, init.width, init.height, _bandwidth_bps(stream))


async def _begun(call: Call, live: dict[str, object], publication_id: str) -> Stream:
    """The stream once it has something to play. Raises Conflict before it begins, Gone after it is over."""
    origin = call.app.origin
    stream = origin.stream(publication_id)
    if live["state"] == "live" and (stream is None or not stream.is_playable):
        try:
            async with asyncio.timeout(BEGIN_WAIT_S):
                while stream is None or not stream.is_playable:
                    await asyncio.sleep(0.1)
                    stream = origin.stream(publication_id)
        except TimeoutError:
            stream = None
    if stream is not None and stream.is_playable:
        return stream
    if live["state"] == "ended":
        raise errors.Gone("This live is over.", type="ended", video=live["video_id"], headers=CORS)
    raise errors.Conflict("There is nothing to play by HLS here yet.", type="no_publisher", headers=CORS | {"Retry-After": "1"})


def _bandwidth_bps(stream: Stream) -> int:
    recent: list[Segment] = list(stream.segments)[-8:]
    rates = [8 * segment.size / segment.duration_s for segment in recent if segment.duration_s > 0.5]
    return round(max(rates) * BANDWIDTH_MARGIN) if rates else UNKNOWN_BPS


@routes.get("/live/{live_id}/{signed}/allowed", auth="none", ok=(204, None), errors=(403,), rate="")
async def allowed(call: Call) -> web.Response:
    """Whether a signed path is still good: for a cache in front, which keeps what lies below it without asking us."""
    try:
        viewing = await _admitted(call)
    except (errors.NotFound, errors.Gone) as gone:
        # nginx takes 401 and 403 for a refusal, and anything else for a fault.
        raise errors.Forbidden("This link ended.", type="bad_link", headers=CORS) from gone
    return web.Response(status=204, headers=CORS | {"X-Publication": viewing.publication_id, "Cache-Control": "private, max-age=10"})


# No rule of `RATES`: a viewer asks ten times a second, a school of them a thousand times. What is not admitted counts as anonymous.
@routes.get(
    "/live/{live_id}/{signed}/{file}",
    auth="none",
    params=Directives,
    ok=(200, Raw((PLAYLIST_TYPE, MEDIA_TYPE))),
    errors=(400, 403, 404, 410, 503),
    rate="",
)
async def fetch(call: Call) -> web.StreamResponse:
    """A media playlist, a part or a segment, under the path that `index.m3u8` named. `_HLS_msn`, `_HLS_part` and `_HLS_skip` as in RFC 8216bis."""
    viewing = await _admitted(call)
    origin = call.app.origin
    if can_take_over(call.request):
        return await take_over(call.request, origin, call.app.playback.known)
    answer = origin.ask(viewing.publication_id, call.path["file"], call.request.query)
    if answer is None:
        answer = await origin.load(viewing.publication_id, call.path["file"])
    elif not isinstance(answer, Answer):
        answer = await _waited(call, viewing, answer)
    if not viewing.is_current:
        raise errors.Forbidden("This link ended.", type="bad_link", headers=CORS)
    headers = CORS | {"Cache-Control": answer.cache_control}
    if answer.retry_after_s is not None:
        headers["Retry-After"] = str(answer.retry_after_s)
    return web.Response(status=answer.status, body=answer.body, content_type=answer.media_type, headers=headers)


async def _admitted(call: Call) -> Viewing:
    try:
        return await call.app.playback.admit(call.path["signed"], call.path["live_id"])
    except errors.Problem as refused:
        await call.app.limiter.hit("anonymous_per_address", call.subscriber)
        refused.headers = {**(refused.headers or {}), **CORS}
        raise


async def _waited(call: Call, viewing: Viewing, target: Target) -> Answer:
    came: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    call.app.origin.wait(viewing.publication_id, target, lambda answer: None if came.done() else came.set_result(answer))
    return await came
