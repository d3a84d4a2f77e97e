"""For moderators: exact and near copies of a video or a picture."""

from typing import Literal

from livecore import errors
from livecore.rest.api import Call, Model, Reply, Routes

routes = Routes("admin")


class CopyList(Model):
    kind: Literal["video", "image"]
    ids: list[str]


@routes.get("/api/v1/admin/copies/{kind}/{id}", auth="staff:moderator|legal|admin", ok=(200, CopyList))
async def find_copies(call: Call) -> Reply:
    """Ids of videos or pictures that are the same, to the byte or to the eye, newest first."""
    kind = call.path["kind"]
    if kind not in ("video", "image"):
        raise errors.NotFound()
    return Reply(CopyList(kind="video" if kind == "video" else "image", ids=await call.app.copies.of(kind, call.path["id"])))
