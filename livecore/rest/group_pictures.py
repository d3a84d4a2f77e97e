"""A group's picture."""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from livecore import errors
from livecore.pictures import MEDIA_TYPES, OUT_TYPE
from livecore.rest.api import Call, Params, Raw, Reply, Routes
from livecore.rest.ranges import client_has
from livecore.rest.reading import read_bytes
from livecore.rest.signed import keeping
from livecore.rooms.snapshots import Snapshot

routes = Routes("conversations")


class PictureParams(Params):
    token: Annotated[str, Field(max_length=1000)] | None = None


def _path(conversation_id: str) -> str:
    return f"/api/v1/conversations/{conversation_id}/picture"


def picture_link(call: Call, snapshot: Snapshot) -> str | None:
    """A path that shows the picture to the caller; the same for some hours, so that browsers keep it."""
    if snapshot.picture is None:
        return None
    path = _path(snapshot.id)
    return f"{path}?token={call.app.links.sign_steadily(f'{path}/{snapshot.picture}', call.me.account_id)}"


@routes.put("/api/v1/conversations/{id}/picture", body=Raw((*MEDIA_TYPES, "application/octet-stream")), ok=(204, None), errors=(404, 409))
async def put_picture(call: Call) -> Reply:
    """Give a group a picture. For admins; made anew from its pixels, without what the file says beside them."""
    await call.app.rooms.conversations.as_manager(call.me, call.path["id"])
    data = await read_bytes(call.request, call.app.settings.avatar_limit_bytes)
    await call.app.rooms.group_pictures.put(call.me, call.path["id"], data)
    return Reply(None, status=204)


@routes.delete("/api/v1/conversations/{id}/picture", ok=(204, None), errors=(404, 409))
async def delete_picture(call: Call) -> Reply:
    """Take a group's picture away. For admins."""
    await call.app.rooms.group_pictures.remove(call.me, call.path["id"])
    return Reply(None, status=204)


@routes.get(
    "/api/v1/conversations/{id}/picture",
    auth="optional",
    params=PictureParams,
    ok=(200, Raw((OUT_TYPE,))),
    errors=(401, 403, 404, 410),
)
async def picture(call: Call) -> web.StreamResponse:
    """A group's picture, WebP, for its members: with an access token, or the `token` of the address that the conversation gave."""
    grant = None
    if call.principal is not None:
        viewer = call.principal.account_id
    elif call.params.token is not None:
        grant = call.app.links.read(call.params.token)
        if not grant.scope.startswith(_path(call.path["id"]) + "/"):
            raise errors.Forbidden("This link is for something else.", type="bad_link")
        viewer = grant.account_id
    else:
        raise errors.Unauthorised()
    picture_id, image = await call.app.rooms.group_pictures.read(viewer, call.path["id"])
    if grant is not None and grant.scope != f"{_path(call.path['id'])}/{picture_id}":
        raise errors.Gone("Another picture took the place of this one.", type="replaced")
    headers = {"ETag": f'"{picture_id}"', "Vary": "Authorization", "X-Content-Type-Options": "nosniff"}
    headers |= keeping(call, grant.expires_ms if grant is not None else None)
    if client_has(call.request.headers, picture_id):
        return web.Response(status=304, headers=headers)
    return web.Response(body=image, content_type=OUT_TYPE, headers=headers)
