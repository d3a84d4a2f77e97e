"""Videos: reading, changing, playing, downloading, and what people do with them.

Players and `<img>` send no headers, so a video names its bytes by signed addresses (`?token=`) for this viewer; who may see it
is asked anew at each request all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, Field

from livecore import cursors, errors
from livecore.library import made
from livecore.library.plan import plan
from livecore.ports import Audience, PersonCard
from livecore.rest.api import Body, Call, Model, Page, Params, Raw, Reply, Routes
from livecore.rest.objects import attachment, send_named, send_object
from livecore.rest.ranges import Stored
from livecore.rest.signed import BytesParams, Viewer, check_version, keeping, version, viewer_of
from livecore.rest.tags import shown_tag, wanted_version

routes = Routes("videos")

PAGE_LIMIT = 50
_MEDIA = (
    *("video/mp4", "video/webm", "audio/webm", "audio/mp4", "video/x-matroska", "audio/x-matroska", "video/x-msvideo", "video/mp2t"),
    "multipart/byteranges",
)
INLINE = {"Content-Disposition": "inline", "Content-Security-Policy": "default-src 'none'; sandbox"}


def _plain_line(value: str) -> str:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise ValueError("has control characters")
    return value


Title = Annotated[str, Field(max_length=200), AfterValidator(_plain_line)]


class Author(Model):
    id: str
    username: str
    name: str | None
    avatar: str | None


class Video(Model):
    """`…_at` are Unix milliseconds. `file`, `poster`, `download` and the like are signed for this viewer, stay the same for some hours,
    stand for the same bytes always, and expire."""

    kind: Literal["video"] = "video"
    id: str
    owner: Author
    title: str
    visibility: Audience
    allow_download: bool
    status: Literal["processing", "ready", "failed", "removed"] = Field(description="`removed` (taken down) is told to the owner only.")
    progress: float = Field(ge=0, le=1)
    failure: str | None
    removed_reason: str | None
    live_id: str | None
    media_type: str
    duration_s: float
    width: int
    height: int
    size_bytes: int
    sha256: str | None
    tags: list[str] = Field(description="Hashtags of the title, without the sign.")
    who_can_comment: Audience | None = Field(description="Null: as the owner's setting says.")
    created_at: int
    published_at: int | None
    recorded_at: int | None = Field(description="When a recording, or this part of one, began.")
    part: int | None = Field(description="Of a recording that was cut in parts, from 1; null for uploads.")
    recording_end: str | None = Field(
        description="Why a recording, or this part of one, ends: `part_limit`, `codec_changed`, `picture_came` and `interrupted` are "
        "followed by a next part, `disk_full` and `too_large` cut it short; null for uploads."
    )
    expires_at: int | None = Field(
        description="When a replay is deleted, where the operator keeps none for ever; null until its owner was told."
    )
    views: int
    likes: int
    comments: int
    shares: int
    liked: bool
    loudness_lufs: float | None = Field(description="Integrated loudness by EBU R128, of the whole; players may level by it.")
    file: str | None = Field(description="To play; null for what only `hls` plays.")
    hls: str | None = Field(description="Renditions to choose from; null where there are none.")
    poster: str | None
    preview: str | None = Field(description="A few moving pictures (animated WebP).")
    sprites: str | None = Field(description="WebVTT whose cues are tiles of a sheet, for scrubbing.")
    download: str | None


class VideoChange(Body):
    title: Title | None = None
    visibility: Audience | None = None
    allow_download: bool | None = None
    who_can_comment: Audience | None = Field(default=None, description="Null: as the owner's setting says.")
    poster_at_s: float | None = Field(default=None, ge=0, le=86_400, description="Take the poster from this moment.")


class ListParams(Params):
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)


class OwnerParams(ListParams):
    owner: str = Field(default="me", min_length=1, max_length=40, description="A username, or `me`.")


def author(card: PersonCard) -> Author:
    return Author(id=card.id, username=card.username, name=card.name, avatar=card.avatar)


def author_fields(card: PersonCard) -> dict[str, Any]:
    return {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar}


async def video_models(call: Call, rows: Sequence[dict[str, Any]]) -> list[Video]:
    """Rows as their viewer sees them; those whose owner has no card any more are left out."""
    viewer = call.me.account_id
    cards = await call.app.directory.cards(viewer, {row["owner_id"] for row in rows})
    liked = await call.app.likes.liked(viewer, [row["id"] for row in rows])
    return [_model(call, row, cards[row["owner_id"]], row["id"] in liked) for row in rows if row["owner_id"] in cards]


def _model(call: Call, row: Mapping[str, Any], card: PersonCard, is_liked: bool) -> Video:
    return Video(**video_fields(call, row, card, is_liked))


def video_fields(call: Call, row: Mapping[str, Any], card: PersonCard, is_liked: bool) -> dict[str, Any]:
    """What a `Video` says, as plain values: the feed draws many at once."""
    viewer = call.me.account_id
    path = f"/api/v1/videos/{row['id']}"
    is_owner = row["owner_id"] == viewer
    has_bytes = row["sha256"] is not None and row["disabled_reason"] is None
    token = f"token={call.app.links.sign_steadily(path, viewer)}" if has_bytes else ""
    original = version(row["sha256"] or "")
    done = made.read(row)
    has_stills = bool(token and done.get("look", {}).get("sprites"))
    is_played = "play" in done or "look" not in done or not done.get("renditions") or _plays_as_it_is(done)
    is_played = bool(token) and row["status"] != "failed" and is_played
    return {
        "kind": "video",
        "id": row["id"],
        "owner": author_fields(card),
        "title": row["title"],
        "visibility": row["visibility"],
        "allow_download": row["allow_download"],
        "status": "removed" if row["disabled_reason"] is not None else row["status"],
        "progress": row["progress"],
        "failure": row["failure"],
        "removed_reason": row["disabled_reason"] if is_owner else None,
        "live_id": row["live_id"],
        "media_type": row["media_type"],
        "duration_s": row["duration_ms"] / 1000,
        "width": row["width"],
        "height": row["height"],
        "size_bytes": row["size_bytes"],
        "sha256": row["sha256"],
        "tags": row["tags"].split(),
        "who_can_comment": row["who_can_comment"],
        "created_at": row["created_ms"],
        "published_at": row["published_ms"],
        "recorded_at": row["recorded_ms"],
        "part": int(row["source"].rpartition(".")[2]) + 1 if row["source"] else None,
        "recording_end": row["recording_end"],
        "expires_at": row["expires_ms"],
        "views": row["views"],
        "likes": row["likes"],
        "comments": row["comments"],
        "shares": row["shares"],
        "liked": is_liked,
        "loudness_lufs": done.get("sound", {}).get("integrated_lufs"),
        "file": f"{path}/stream?v={version(done['play']['sha256']) if 'play' in done else original}&{token}" if is_played else None,
        "hls": f"{path}/index.m3u8?{token}" if token and done.get("renditions") and row["status"] == "ready" else None,
        "poster": f"{path}/poster.jpg?v={version(row['poster_sha256'])}&{token}" if token and row["poster_key"] else None,
        "preview": f"{path}/preview.webp?v={original}&{token}" if has_stills else None,
        "sprites": f"{path}/sprites.vtt?{token}" if has_stills else None,
        "download": f"{path}/download?v={original}&{token}" if token and (row["allow_download"] or is_owner) else None,
    }


def _plays_as_it_is(done: made.Made) -> bool:
    return plan(done["look"], always_ladder=False).play == "as_it_is"


async def _one(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    models = await video_models(call, [row])
    if not models:
        raise errors.NotFound("There is no such video.")
    return Reply(models[0], status=status, etag=shown_tag(row["version"], models[0].model_dump_json().encode()))


def _position(call: Call, kind: str) -> tuple[int, str] | None:
    if call.params.cursor is None:
        return None
    at_ms, item_id = cursors.decode_cursor(call.app.keys, kind, call.params.cursor)
    return int(at_ms), str(item_id)


async def _listed(call: Call, owner_id: str) -> Reply:
    kind = f"videos:{owner_id}"
    rows = await call.app.videos.of(call.me.account_id, owner_id, call.params.limit, _position(call, kind))
    cursor = None
    if len(rows) == call.params.limit:
        cursor = cursors.encode_cursor(call.app.keys, kind, [rows[-1]["created_ms"], rows[-1]["id"]])
    return Reply(Page[Video](items=await video_models(call, rows), next_cursor=cursor))


@routes.get("/api/v1/videos", params=OwnerParams, ok=(200, Page[Video]), errors=(404,))
async def list_videos(call: Call) -> Reply:
    """Videos of an account, newest first, as far as the caller may see them."""
    if call.params.owner == "me":
        return await _listed(call, call.me.account_id)
    owner_id = await call.app.directory.by_username(call.params.owner)
    if owner_id is None or (await call.app.relations.between(call.me.account_id, owner_id)).blocked:
        raise errors.NotFound("There is nobody of that name.")
    return await _listed(call, owner_id)


@routes.get("/api/v1/me/videos", params=ListParams, ok=(200, Page[Video]))
async def list_mine(call: Call) -> Reply:
    """One's own videos in every state, newest first."""
    return await _listed(call, call.me.account_id)


@routes.get("/api/v1/lives/{id}/replays", ok=(200, Page[Video]))
async def list_replays(call: Call) -> Reply:
    """What was recorded of a live, by when it began: of each host a file, or several parts that follow one another."""
    return Reply(Page[Video](items=await video_models(call, await call.app.videos.replays(call.me.account_id, call.path["id"]))))


@routes.get("/api/v1/videos/{id}", ok=((200, Video), (304, None)), errors=(451,))
async def read(call: Call) -> Reply:
    """One video. 451 when it was taken down."""
    return await _one(call, await call.app.videos.get(call.me.account_id, call.path["id"]))


@routes.patch("/api/v1/videos/{id}", body=VideoChange, ok=(200, Video), errors=(403, 409, 412, 451))
async def change(call: Call, body: VideoChange) -> Reply:
    """Change title, audience, the download switch or the moment of the poster; honours `If-Match`."""
    given = body.model_dump(exclude_unset=True)
    wanted = {name: value for name, value in given.items() if value is not None or name == "who_can_comment"}
    return await _one(call, await call.app.videos.change(call.me, call.path["id"], wanted_version(call), wanted))


@routes.delete("/api/v1/videos/{id}", ok=(204, None), errors=(403, 412, 451))
async def delete(call: Call) -> Reply:
    """Delete a video with everything that hangs on it; honours `If-Match`."""
    await call.app.videos.delete(call.me, call.path["id"], wanted_version(call))
    return Reply(None, status=204)


# -- its bytes


def _kept(call: Call, viewer: Viewer) -> dict[str, str]:
    return keeping(call, viewer.ends_ms if call.params.v is not None else None)


async def _send_original(call: Call, row: dict[str, Any], headers: dict[str, str]) -> web.StreamResponse:
    stored = Stored(row["size_bytes"], row["sha256"], row["stored_ms"])
    return await send_object(call, row["object_key"], stored, row["media_type"], headers)


FILE_ERRORS = (401, 403, 404, 409, 410, 412, 416, 451)


@routes.get(
    "/api/v1/videos/{id}/download",
    auth="optional",
    params=BytesParams,
    ok=((200, Raw(_MEDIA)), (206, Raw(_MEDIA)), (304, None)),
    errors=FILE_ERRORS,
)
async def download(call: Call) -> web.StreamResponse:
    """The file to keep, with ranges and validators. 403 `download_off` when its owner does not offer it."""
    viewer = await viewer_of(call)
    row = await call.app.videos.file(viewer.account_id, call.path["id"], download=True)
    check_version(call, row["sha256"])
    suffix = row["object_key"].rpartition(".")[2]
    name = f"{row['title'] or 'video'}.{suffix}"
    return await _send_original(call, row, {"Content-Disposition": attachment(name)} | _kept(call, viewer))


@routes.get(
    "/api/v1/videos/{id}/stream",
    auth="optional",
    params=BytesParams,
    ok=((200, Raw(_MEDIA)), (206, Raw(_MEDIA)), (304, None)),
    errors=FILE_ERRORS,
)
async def stream(call: Call) -> web.StreamResponse:
    """The file to play, with ranges; for `<video src>`."""
    viewer = await viewer_of(call)
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    play, headers = made.read(row).get("play"), INLINE | _kept(call, viewer)
    # Whoever began with the file as it came goes on with it.
    if play is None or call.params.v == version(row["sha256"]):
        check_version(call, row["sha256"])
        return await _send_original(call, row, headers)
    check_version(call, play["sha256"])
    stored = Stored(play["size_bytes"], play["sha256"], row["stored_ms"])
    return await send_object(call, play["key"], stored, play["media_type"], headers)


@routes.get(
    "/api/v1/videos/{id}/poster.jpg",
    auth="optional",
    params=BytesParams,
    ok=((200, Raw(("image/jpeg",))), (206, Raw(("image/jpeg",))), (304, None)),
    errors=FILE_ERRORS,
)
async def poster(call: Call) -> web.StreamResponse:
    """The still that stands for the video."""
    viewer = await viewer_of(call)
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    while True:
        if row["poster_key"] is None:
            raise errors.NotFound("This video has no poster.")
        check_version(call, row["poster_sha256"])
        try:
            return await send_named(call, row["poster_key"], row["poster_sha256"], "image/jpeg", _kept(call, viewer))
        except errors.NotFound:
            # Another one took its place since the row was read.
            before, row = row, await call.app.videos.file(viewer.account_id, call.path["id"])
            if row["poster_key"] == before["poster_key"]:
                raise
