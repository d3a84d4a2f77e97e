"""Pictures that were uploaded with the purpose `image`, in sizes, by signed addresses."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import Field

from livecore import errors, pictures
from livecore.library.images import ALT_LIMIT_CHARS, SIZES
from livecore.ports import Audience
from livecore.rest.api import Body, Call, Model, Params, Raw, Reply, Routes
from livecore.rest.objects import send_named
from livecore.rest.signed import FileParams, keeping, viewer_of
from livecore.rest.videos import FILE_ERRORS

routes = Routes("images")


class Picture(Model):
    """`files` are signed for this viewer and expire: by the longest side in pixels, `320`, `1080` and `2048`."""

    id: str
    owner: str
    title: str
    alt: str = Field(description="What it shows, in words; empty when its owner gave none.")
    visibility: Audience
    width: int
    height: int
    created_at: int
    files: dict[str, str]


class PictureChange(Body):
    alt: str | None = Field(default=None, max_length=ALT_LIMIT_CHARS, description="What it shows, in words.")
    visibility: Audience | None = None


class SizeParams(FileParams):
    size: int = Field(default=SIZES[1], description="320, 1080 or 2048.")


def picture_model(call: Call, row: Mapping[str, Any]) -> Picture:
    path = f"/api/v1/images/{row['id']}"
    token = call.app.links.sign_steadily(f"{path}/file", call.me.account_id)
    return Picture(
        id=row["id"],
        owner=row["owner_id"],
        title=row["title"],
        alt=row["alt"],
        visibility=row["visibility"],
        width=row["width"],
        height=row["height"],
        created_at=row["created_ms"],
        files={str(size): f"{path}/file?size={size}&token={token}" for size in SIZES},
    )


@routes.get("/api/v1/images/{id}", params=Params, ok=(200, Picture), errors=(451,))
async def read(call: Call) -> Reply:
    """One picture. 451 when it was taken down."""
    return Reply(picture_model(call, await call.app.images.get(call.me.account_id, call.path["id"])))


@routes.patch("/api/v1/images/{id}", body=PictureChange, ok=(200, Picture), errors=(403, 451))
async def change(call: Call, body: PictureChange) -> Reply:
    """Say what one's own picture shows, or who may see it."""
    wanted = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return Reply(picture_model(call, await call.app.images.change(call.me, call.path["id"], wanted)))


@routes.delete("/api/v1/images/{id}", ok=(204, None), errors=(403, 451))
async def delete(call: Call) -> Reply:
    """Delete one's own picture."""
    await call.app.images.delete(call.me, call.path["id"])
    return Reply(None, status=204)


@routes.get(
    "/api/v1/images/{id}/file",
    auth="optional",
    params=SizeParams,
    ok=((200, Raw((pictures.OUT_TYPE,))), (206, Raw((pictures.OUT_TYPE,))), (304, None)),
    errors=FILE_ERRORS,
)
async def file(call: Call) -> web.StreamResponse:
    """Its bytes in one of the sizes; for `<img src>`."""
    if call.params.size not in SIZES:
        raise errors.Invalid([errors.FieldError("size", f"is one of {', '.join(map(str, SIZES))}")])
    viewer = await viewer_of(call)
    row = await call.app.images.get(viewer.account_id, call.path["id"])
    headers = {"Content-Disposition": "inline"} | keeping(call, viewer.ends_ms)
    # A picture is made once; another one has another id.
    return await send_named(
        call, call.app.images.key(row, call.params.size), f"{row['sha256'][:32]}-{call.params.size}", pictures.OUT_TYPE, headers
    )
