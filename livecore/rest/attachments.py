"""Images, voice and videos in messages: put here first, named in `message:send`, fetched by the members."""

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from livecore import errors
from livecore.ids import is_id
from livecore.rest.api import Body, Call, Model, Params, Raw, Reply, Routes
from livecore.rest.objects import send_from
from livecore.rest.ranges import Stored
from livecore.rest.reading import read_bytes
from livecore.rest.signed import keeping
from livecore.rooms.attachment_rules import MEDIA_TYPES
from livecore.rooms.attachments import Row

routes = Routes("conversations")


class Attachment(Model):
    """`url` is yours alone and ends at `url_expires_at`; the attachment itself ends at `expires_at`, or earlier, once every device has it."""

    id: str
    conversation: str
    kind: Literal["image", "video", "voice"]
    media_type: str
    size: int
    width: int
    height: int
    duration_ms: int
    expires_at: int
    url: str
    url_expires_at: int


class ForwardNew(Body):
    conversation: Annotated[str, Field(min_length=32, max_length=32)]


class ContentParams(Params):
    token: Annotated[str, Field(max_length=1000)] | None = None


def _path(attachment_id: str) -> str:
    return f"/api/v1/attachments/{attachment_id}/content"


def _model(call: Call, row: Row) -> Attachment:
    path = _path(row["id"])
    links, account_id = call.app.links, call.me.account_id
    return Attachment(
        id=row["id"],
        conversation=row["conversation_id"],
        kind=row["kind"],
        media_type=row["media_type"],
        size=row["size_bytes"],
        width=row["width"],
        height=row["height"],
        duration_ms=row["duration_ms"],
        expires_at=row["expires_ms"],
        url=f"{path}?token={links.sign_steadily(path, account_id, until_ms=row['expires_ms'])}",
        url_expires_at=min(links.steady_end_ms(account_id), row["expires_ms"]),
    )


@routes.post(
    "/api/v1/conversations/{id}/attachments", body=Raw(MEDIA_TYPES), ok=(201, Attachment), errors=(404,), rate="attachment_per_account"
)
async def add_attachment(call: Call) -> Reply:
    """Give an image, a voice recording or a video to be sent in this conversation.

    The first bytes decide what it is. Images are made anew, recordings copied without what the file says beside sound and picture. What
    no message names within a day is gone.
    """
    await call.app.rooms.conversations.get(call.me.account_id, call.path["id"])
    data = await read_bytes(call.request, call.app.settings.attachment_limit_bytes)
    return Reply(_model(call, await call.app.rooms.attachments.add(call.me, call.path["id"], data)), status=201)


@routes.get("/api/v1/attachments/{id}", ok=(200, Attachment), errors=(404, 410))
async def get_attachment(call: Call) -> Reply:
    """An attachment of a message in one of your conversations, with an address of its bytes for you."""
    return Reply(_model(call, await call.app.rooms.attachments.get(call.me.account_id, call.path["id"])))


@routes.get(
    "/api/v1/attachments/{id}/content",
    auth="none",
    params=ContentParams,
    ok=((200, Raw(("*/*",))), (206, Raw(("*/*",)))),
    errors=(401, 403, 404, 410, 412, 416),
)
async def attachment_content(call: Call) -> web.StreamResponse:
    """The bytes, by the signed address that `GET /api/v1/attachments/{id}` gave; whether you are still a member is asked each time."""
    if call.params.token is None:
        raise errors.Unauthorised()
    grant = call.app.links.check(call.params.token, _path(call.path["id"]))
    row = await call.app.rooms.attachments.get(grant.account_id, call.path["id"])
    key, reader = await call.app.rooms.attachments.reader(row)
    stored = Stored(row["size_bytes"], row["id"], row["made_ms"])
    return await send_from(call.request, reader, key, stored, row["media_type"], keeping(call, grant.expires_ms))


@routes.post("/api/v1/attachments/{id}/kept", ok=(204, None), errors=(404, 410))
async def attachment_kept(call: Call) -> Reply:
    """Tell that this device has it. Once every device of every reader has, it is deleted here."""
    await call.app.rooms.attachments.kept(call.me, call.path["id"])
    return Reply(None, status=204)


@routes.post("/api/v1/attachments/{id}/copies", body=ForwardNew, ok=(201, Attachment), errors=(404, 410), rate="attachment_per_account")
async def forward_attachment(call: Call, body: ForwardNew) -> Reply:
    """Have the same bytes to send in another of your conversations. The copy says nothing of where it comes from."""
    if not is_id(body.conversation):
        raise errors.NotFound("There is no such conversation.")
    return Reply(_model(call, await call.app.rooms.attachments.forward(call.me, call.path["id"], body.conversation)), status=201)
