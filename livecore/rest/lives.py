"""Lives: going live, who is on the air, guests, moderation, figures."""

from typing import Any, Literal

from pydantic import Field, SkipValidation

from livecore import cursors, errors
from livecore.lives.ranking import Ranked
from livecore.lives.service import Invitation, NewLive
from livecore.media.control import MediaError
from livecore.media.figures import LiveFigures
from livecore.ports import Audience
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes

routes = Routes("lives")

PAGE_LIMIT = 50


class Host(Model):
    id: str
    username: str
    name: str | None
    avatar: str | None


class Live(Model):
    """`…_at` are Unix milliseconds."""

    id: str
    title: str
    host: Host
    visibility: Audience
    state: Literal["waiting", "live", "ended"]
    record: bool
    keep_replay: bool
    slow_mode: int = Field(description="Seconds between a viewer's lines.")
    viewers: int
    peak_viewers: int
    created_at: int
    started_at: int | None
    ended_at: int | None
    end_reason: str | None
    video_id: str | None = Field(description="The replay, or its first part: `…/replays` has all.")
    recording_failure: str | None = Field(
        description="To its host: why it is recorded no more (`disk_full`, `too_large`, `write_error`, …)."
    )
    whep: str
    hls: str | None = Field(description="A playlist, signed for this viewer; null while the codec cannot be carried (VP8).")
    playback: Literal["webrtc", "hls"] = Field(description="How a newcomer had best watch: by HLS where very many do.")


class LiveCreated(Live):
    whip: str
    token: str = Field(description="Publishes to this live and nothing else; told once.")


class LiveNew(Body):
    title: str = Field(min_length=1, max_length=120)
    visibility: Audience = "everyone"
    record: bool = True
    keep_replay: bool = True
    codec: Literal["h264", "vp8", "vp9", "av1"] = "h264"
    slow_mode: int = Field(default=0, ge=0, le=3600)
    guests: list[str] = Field(default_factory=list, max_length=8)


class LiveChange(Body):
    title: str | None = Field(default=None, min_length=1, max_length=120)
    visibility: Audience | None = None
    keep_replay: bool | None = None
    slow_mode: int | None = Field(default=None, ge=0, le=3600)


class GuestNew(Body):
    username: str = Field(min_length=1, max_length=40)


class Guest(Model):
    publication: str
    whip: str
    token: str
    expires_at: int = Field(description="Until then it begins a session; a running one goes on.")


class WatchToken(Model):
    whep: str
    token: str = Field(description="Watches this live and nothing else.")
    expires_at: int


class Figures(Model):
    """What the media plane counts, for the host. A thousand viewers are not checked one by one: they come from our own worker."""

    live: str
    viewers: int
    media: SkipValidation[LiveFigures]


class ListParams(Params):
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)


class DiscoverParams(ListParams):
    reasons: bool = False


class DiscoveredLive(Live):
    reason: Literal["friend", "followed", "interests", "popular", "fresh", "newcomer"] | None = None


async def live_models(call: Call, rows: list[dict[str, Any]]) -> list[Live]:
    """Rows of the service as their viewer sees them; a host without a card is gone, and the live with them."""
    viewer = call.me.account_id
    cards = await call.app.directory.cards(viewer, [row["owner_id"] for row in rows])
    models = []
    for row in rows:
        card = cards.get(row["owner_id"])
        if card is None:
            continue
        models.append(
            Live(
                id=row["id"],
                title=row["title"],
                host=Host(id=card.id, username=card.username, name=card.name, avatar=card.avatar),
                visibility=row["visibility"],
                state=row["state"],
                record=row["record"],
                keep_replay=row["keep_replay"],
                slow_mode=row["slow_mode_s"],
                viewers=row.get("viewers", 0),
                peak_viewers=row["peak_viewers"],
                created_at=row["created_ms"],
                started_at=row["started_ms"],
                ended_at=row["ended_ms"],
                end_reason=row["end_reason"],
                video_id=row["video_id"],
                recording_failure=row["recording_failure"] if row["owner_id"] == viewer else None,
                whep=f"/whep/{row['id']}",
                hls=_hls(call, row),
                playback="hls" if row.get("viewers", 0) >= call.app.settings.hls_above_viewers and _hls(call, row) else "webrtc",
            )
        )
    return models


def _hls(call: Call, row: dict[str, Any]) -> str | None:
    """For this viewer; the codec is what the host prefers until it is known what comes."""
    if not call.app.settings.hls or (row["codec"] or row["prefer"]) == "vp8":
        return None
    token = call.app.links.sign_steadily(f"live/{row['id']}", call.me.account_id)
    return f"/live/{row['id']}/index.m3u8?token={token}"


async def _one(call: Call, row: dict[str, Any]) -> Live:
    models = await live_models(call, [row])
    if not models:
        raise errors.NotFound("There is no such live.")
    return models[0]


@routes.post("/api/v1/lives", body=LiveNew, ok=(201, LiveCreated), errors=(404, 409), idempotent=True)
async def create(call: Call, body: LiveNew) -> Reply:
    """Make a live, ready to publish to with WHIP."""
    row, invitation = await call.app.lives.create(
        call.me,
        NewLive(
            title=body.title,
            visibility=body.visibility,
            record=body.record,
            keep_replay=body.keep_replay,
            prefer=body.codec,
            slow_mode_s=body.slow_mode,
            guests=body.guests,
        ),
        call.idempotency_key,
    )
    model = await _one(call, dict(row))
    created = LiveCreated(**model.model_dump(), whip=f"/whip/{row['id']}", token=invitation.token)
    return Reply(created, headers={"Location": f"/api/v1/lives/{row['id']}"})


@routes.get("/api/v1/lives", params=ListParams, ok=(200, Page[Live]))
async def on_the_air(call: Call) -> Reply:
    """Lives on the air that you may watch, newest first."""
    return await _page(call, "lives")


@routes.get("/api/v1/discover/lives", params=DiscoverParams, ok=(200, Page[DiscoveredLive]), rate="search_per_account")
async def discover(call: Call) -> Reply:
    """Who is live now, best first: friends and followed ones, interests in common, viewers, how fresh; every fifth place is for a newcomer.

    Plainly by time with `personalised` off or under restriction. The order is fixed by the first page: what ends or is blocked
    meanwhile is left out, nothing is repeated. With `reasons` each says why it stands where it stands.
    """
    kind = f"discover-lives:{call.me.account_id}"
    if call.params.cursor is None:
        order = await call.app.live_discovery.order(call.me.account_id)
    else:
        order = [Ranked(live_id, reason) for live_id, reason in cursors.decode_cursor(call.app.keys, kind, call.params.cursor)]
    found, looked_at = await call.app.live_discovery.take(call.me, order, call.params.limit)
    reasons = {one.row["id"]: one.reason for one in found}
    models = await live_models(call, [one.row for one in found])
    items = [DiscoveredLive(**model.model_dump(), reason=reasons[model.id] if call.params.reasons else None) for model in models]
    rest = [[one.id, one.reason] for one in order[looked_at:]]
    return Reply(Page[DiscoveredLive](items=items, next_cursor=cursors.encode_cursor(call.app.keys, kind, rest) if rest else None))


async def _page(call: Call, kind: str) -> Reply:
    params: ListParams = call.params
    before = None
    if params.cursor is not None:
        started_ms, live_id = cursors.decode_cursor(call.app.keys, kind, params.cursor)
        before = (int(started_ms), str(live_id))
    rows = await call.app.lives.running(call.me, params.limit, before)
    cursor = None
    if len(rows) == params.limit:
        cursor = cursors.encode_cursor(call.app.keys, kind, [rows[-1]["started_ms"], rows[-1]["id"]])
    return Reply(Page[Live](items=await live_models(call, rows), next_cursor=cursor))


@routes.get("/api/v1/lives/{id}", ok=(200, Live))
async def read(call: Call) -> Reply:
    """One live."""
    row = await call.app.lives.get(call.me, call.path["id"])
    return Reply(await _one(call, row), headers={"ETag": f'"{row["version"]}"'})


@routes.patch("/api/v1/lives/{id}", body=LiveChange, ok=(200, Live), errors=(412,))
async def change(call: Call, body: LiveChange) -> Reply:
    """Change title, audience, slow mode or what becomes of the recording."""
    names = {"title": "title", "visibility": "visibility", "keep_replay": "keep_replay", "slow_mode": "slow_mode_s"}
    given = body.model_dump(exclude_unset=True)
    empty = [errors.FieldError(name, "must not be null") for name, value in given.items() if value is None]
    if empty:
        raise errors.Invalid(empty)
    row = await call.app.lives.get(call.me, call.path["id"])
    call.if_match(str(row["version"]))
    version = row["version"] if "If-Match" in call.request.headers else None
    changed = dict(await call.app.lives.change(call.me, call.path["id"], version, {names[name]: value for name, value in given.items()}))
    return Reply(await _one(call, changed), headers={"ETag": f'"{changed["version"]}"'})


@routes.post("/api/v1/lives/{id}/end", ok=(200, Live))
async def end(call: Call) -> Reply:
    """End the live for everybody."""
    await call.app.lives.end(call.path["id"], "ended_by_host", by=call.me)
    return Reply(await _one(call, await call.app.lives.get(call.me, call.path["id"])))


def _right(call: Call, invitation: Invitation) -> Guest:
    expires_at = call.app.clock.at_ms() + call.app.settings.publish_token_s * 1000
    return Guest(publication=invitation.publication_id, whip=f"/whip/{invitation.live_id}", token=invitation.token, expires_at=expires_at)


@routes.post("/api/v1/lives/{id}/guests", body=GuestNew, ok=(201, Guest), errors=(409, 410))
async def invite(call: Call, body: GuestNew) -> Reply:
    """Give somebody the right to publish in this live beside you."""
    invitation = await call.app.lives.invite_guest(call.me, call.path["id"], body.username)
    return Reply(_right(call, invitation))


@routes.post("/api/v1/lives/{id}/publish-token", ok=(201, Guest), errors=(410,))
async def renew(call: Call) -> Reply:
    """A new token to publish to your live; the one before stops to work."""
    invitation = await call.app.lives.renew_token(call.me, call.path["id"])
    return Reply(_right(call, invitation), status=201)


@routes.post("/api/v1/lives/{id}/watch-token", ok=(201, WatchToken), errors=(410,))
async def watch_token(call: Call) -> Reply:
    """A token for a player (WHEP) that watches this one live as you, until it expires."""
    facts = await call.app.lives.may_join(call.me.account_id, call.path["id"])
    token = call.app.media_rights.watch_token(facts.id, call.me.account_id)
    expires_at = call.app.clock.at_ms() + call.app.settings.watch_token_s * 1000
    return Reply(WatchToken(whep=f"/whep/{facts.id}", token=token, expires_at=expires_at), status=201)


@routes.get("/api/v1/lives/{id}/stats", ok=(200, Figures), errors=(503,))
async def figures(call: Call) -> Reply:
    """Bitrate, loss, round trip and layers of each publication and viewer; for the host."""
    row = await call.app.lives.get(call.me, call.path["id"])
    if row["owner_id"] != call.me.account_id:
        raise errors.Forbidden("Only the host may see this.", type="not_the_host")
    try:
        media = await call.app.media.stats(row["id"])
    except MediaError as exc:
        raise errors.Unavailable("The media plane is coming back.", type="media_away") from exc
    return Reply(Figures(live=row["id"], viewers=row["viewers"], media=media))
