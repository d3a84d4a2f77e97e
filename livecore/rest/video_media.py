"""What is made of a video: stills for lists and scrubbing, and HLS under a signed path.

Players of HLS send no headers and ask for files by names relative to a playlist: so a playlist's address carries the right in its
path (`…/hls/{token}/…`). Who holds it may see the video is asked at each file: a block, a takedown or a change of audience holds at
the next segment, and the token ends by itself.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from livecore import errors
from livecore.library import made
from livecore.library.tables import VIDEO_PREFIX
from livecore.rest.api import Call, Raw, Routes
from livecore.rest.objects import NOT_KEPT, send_by_name, send_named
from livecore.rest.ranges import client_has
from livecore.rest.signed import BytesParams, FileParams, Viewer, check_version, holder_of, keeping, version, viewer_of
from livecore.rest.videos import FILE_ERRORS, INLINE

routes = Routes("videos")

PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
_VTT = "text/vtt"


async def _object(call: Call, row: Mapping[str, Any], name: str, media_type: str, ends_ms: int | None) -> web.StreamResponse:
    """A file that was made once of this video's bytes and named only then: its address is of these bytes alone."""
    key = f"{VIDEO_PREFIX.format(account=row['owner_id'])}{row['id']}/{name}"
    etag, headers = f"{row['sha256'][:32]}-{name.rpartition('/')[2]}", INLINE | keeping(call, ends_ms)
    if media_type != PLAYLIST_TYPE:
        return await send_named(call, key, etag, media_type, headers)
    # Its lines are relative to where it came from: after a redirect they would name files of the store without a signature.
    return await send_by_name(call.request, call.app.storage, key, etag, media_type, headers)


async def _still(call: Call, name: str, media_type: str) -> web.StreamResponse:
    viewer = await viewer_of(call)
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    check_version(call, row["sha256"])
    return await _object(call, row, name, media_type, viewer.ends_ms if call.params.v is not None else None)


@routes.get(
    "/api/v1/videos/{id}/preview.webp",
    auth="optional",
    params=BytesParams,
    ok=((200, Raw(("image/webp",))), (206, Raw(("image/webp",))), (304, None)),
    errors=FILE_ERRORS,
)
async def preview(call: Call) -> web.StreamResponse:
    """A few moving pictures of it, without sound."""
    return await _still(call, "preview.webp", "image/webp")


@routes.get(
    "/api/v1/videos/{id}/sprites.jpg",
    auth="optional",
    params=BytesParams,
    ok=((200, Raw(("image/jpeg",))), (206, Raw(("image/jpeg",))), (304, None)),
    errors=FILE_ERRORS,
)
async def sprites(call: Call) -> web.StreamResponse:
    """A sheet of small stills, ten to a row, evenly spread over the video."""
    return await _still(call, "sprites.jpg", "image/jpeg")


@routes.get(
    "/api/v1/videos/{id}/sprites.vtt", auth="optional", params=FileParams, ok=((200, Raw((_VTT,))), (304, None)), errors=FILE_ERRORS
)
async def sprites_vtt(call: Call) -> web.Response:
    """Which tile of the sheet stands for which time (WebVTT)."""
    viewer = await viewer_of(call)
    path = f"/api/v1/videos/{call.path['id']}"
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    token = call.app.links.sign_steadily(path, viewer.account_id)
    text = made.sprites_vtt(made.read(row), f"{path}/sprites.jpg?v={version(row['sha256'])}&token={token}")
    if text is None:
        raise errors.NotFound("This video has no sheet of stills.")
    return _text(call, text, _VTT)


def _text(call: Call, text: str, media_type: str) -> web.Response:
    """What names signed addresses changes when they do: always asked for, and not sent again while they stay."""
    etag = hashlib.sha256(text.encode()).hexdigest()[:32]
    headers = NOT_KEPT | {"ETag": f'"{etag}"'}
    if client_has(call.request.headers, etag):
        return web.Response(status=304, headers=headers)
    return web.Response(text=text, content_type=media_type, headers=headers)


@routes.get(
    "/api/v1/videos/{id}/index.m3u8", auth="optional", params=FileParams, ok=((200, Raw((PLAYLIST_TYPE,))), (304, None)), errors=FILE_ERRORS
)
async def index(call: Call) -> web.Response:
    """The renditions to choose from (HLS). Its lines name files below a path that is signed for this viewer."""
    viewer = await viewer_of(call)
    scope = f"/api/v1/videos/{call.path['id']}/hls"
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    text = made.master(made.read(row), row["duration_ms"] / 1000)
    if text is None:
        raise errors.NotFound("This video has no renditions.")
    prefix = f"{scope}/{call.app.links.sign_steadily(scope, viewer.account_id)}/"
    text = text.replace('URI="', f'URI="{prefix}')
    text = "".join(line if line.startswith("#") else prefix + line for line in text.splitlines(keepends=True))
    return _text(call, text, PLAYLIST_TYPE)


@routes.get(
    "/api/v1/videos/{id}/hls/{token}/{name}",
    auth="none",
    ok=((200, Raw((PLAYLIST_TYPE, "video/mp4"))), (206, Raw(("video/mp4",))), (304, None)),
    errors=FILE_ERRORS,
)
async def hls_file(call: Call) -> web.StreamResponse:
    """A rendition's playlist, or the file that holds its segments."""
    try:
        viewer: Viewer = await holder_of(call, call.path["token"], f"/api/v1/videos/{call.path['id']}/hls")
    except errors.Forbidden as wrong:
        raise errors.Unauthorised(wrong.detail) from wrong
    name = call.path["name"]
    stem, _, suffix = name.partition(".")
    if suffix not in ("m3u8", "m4s") or not (stem.isdigit() or stem == "sound"):
        raise errors.NotFound("This video has no such file.")
    row = await call.app.videos.file(viewer.account_id, call.path["id"])
    return await _object(call, row, f"hls/{name}", PLAYLIST_TYPE if suffix == "m3u8" else "video/mp4", viewer.ends_ms)
