"""What is made of a video: stills for lists and scrubbing, and HLS under a signed path.

Players of HLS send no headers and ask for files by names relative to a playlist: so a playlist's address carries the right in its
path (`…/hls/{token}/…`). Who holds it may see the video is asked at each file: a block, a takedown or a change of audience holds at
the next segment, and the token ends by itself.
"""

from aiohttp import web

from livecore import errors
from livecore.library import made
from livecore.library.tables import VIDEO_PREFIX
from livecore.rest.api import Call, Raw, Routes
from livecore.rest.objects import send_from, send_object
from livecore.rest.ranges import Stored
from livecore.rest.videos import FILE_ERRORS, INLINE, FileParams, viewer_of

routes = Routes("videos")

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_VTT = "text/vtt"


async def _object(call: Call, video_id: str, viewer_id: str, name: str, media_type: str) -> web.StreamResponse:
    row = await call.app.videos.file(viewer_id, video_id)
    key = f"{VIDEO_PREFIX.format(account=row['owner_id'])}{video_id}/{name}"
    try:
        found = await call.app.storage.head(key)
    except KeyError as gone:
        raise errors.NotFound("This video has no such file.") from gone
    # Made once of these bytes and never changed.
    stored = Stored(found.size_bytes, f"{row['sha256'][:32]}-{name.rpartition('/')[2]}", row["stored_ms"])
    if media_type == PLAYLIST_TYPE:
        # Its lines are relative to where it came from: after a redirect they would name files of the store without a signature.
        return await send_from(call.request, call.app.storage, key, stored, media_type, INLINE)
    return await send_object(call, key, stored, media_type, INLINE)


@routes.get(
    "/api/v1/videos/{id}/preview.webp",
    auth="optional",
    params=FileParams,
    ok=((200, Raw(("image/webp",))), (206, Raw(("image/webp",))), (304, None)),
    errors=FILE_ERRORS,
)
async def preview(call: Call) -> web.StreamResponse:
    """A few moving pictures of it, without sound."""
    return await _object(call, call.path["id"], await viewer_of(call), "preview.webp", "image/webp")


@routes.get(
    "/api/v1/videos/{id}/sprites.jpg",
    auth="optional",
    params=FileParams,
    ok=((200, Raw(("image/jpeg",))), (206, Raw(("image/jpeg",))), (304, None)),
    errors=FILE_ERRORS,
)
async def sprites(call: Call) -> web.StreamResponse:
    """A sheet of small stills, ten to a row, evenly spread over the video."""
    return await _object(call, call.path["id"], await viewer_of(call), "sprites.jpg", "image/jpeg")


@routes.get("/api/v1/videos/{id}/sprites.vtt", auth="optional", params=FileParams, ok=(200, Raw((_VTT,))), errors=FILE_ERRORS)
async def sprites_vtt(call: Call) -> web.Response:
    """Which tile of the sheet stands for which time (WebVTT)."""
    viewer_id = await viewer_of(call)
    path = f"/api/v1/videos/{call.path['id']}"
    row = await call.app.videos.file(viewer_id, call.path["id"])
    text = made.sprites_vtt(made.read(row), f"{path}/sprites.jpg?token={call.app.links.sign(path, viewer_id)}")
    if text is None:
        raise errors.NotFound("This video has no sheet of stills.")
    return _text(text, _VTT)


def _text(text: str, media_type: str) -> web.Response:
    headers = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
    return web.Response(text=text, content_type=media_type, headers=headers)


@routes.get("/api/v1/videos/{id}/index.m3u8", auth="optional", params=FileParams, ok=(200, Raw((PLAYLIST_TYPE,))), errors=FILE_ERRORS)
async def index(call: Call) -> web.Response:
    """The renditions to choose from (HLS). Its lines name files below a path that is signed for this viewer."""
    viewer_id = await viewer_of(call)
    scope = f"/api/v1/videos/{call.path['id']}/hls"
    row = await call.app.videos.file(viewer_id, call.path["id"])
    text = made.master(made.read(row), row["duration_ms"] / 1000)
    if text is None:
        raise errors.NotFound("This video has no renditions.")
    prefix = f"{scope}/{call.app.links.sign(scope, viewer_id)}/"
    text = text.replace('URI="', f'URI="{prefix}')
    return _text("".join(line if line.startswith("#") else prefix + line for line in text.splitlines(keepends=True)), PLAYLIST_TYPE)


@routes.get(
    "/api/v1/videos/{id}/hls/{token}/{name}",
    auth="none",
    ok=((200, Raw((PLAYLIST_TYPE, "video/mp4"))), (206, Raw(("video/mp4",))), (304, None)),
    errors=FILE_ERRORS,
)
async def hls_file(call: Call) -> web.StreamResponse:
    """A rendition's playlist, or the file that holds its segments."""
    try:
        grant = call.app.links.check(call.path["token"], f"/api/v1/videos/{call.path['id']}/hls")
    except errors.Forbidden as wrong:
        raise errors.Unauthorised(wrong.detail) from wrong
    if not await call.app.directory.is_active(grant.account_id):
        raise errors.Forbidden("This link is not valid any more.", type="bad_link")
    name = call.path["name"]
    stem, _, suffix = name.partition(".")
    if suffix not in ("m3u8", "m4s") or not (stem.isdigit() or stem == "sound"):
        raise errors.NotFound("This video has no such file.")
    return await _object(call, call.path["id"], grant.account_id, f"hls/{name}", PLAYLIST_TYPE if suffix == "m3u8" else "video/mp4")
