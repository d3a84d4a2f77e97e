"""Sharing videos, lives and posts: a card in a conversation, or a link to hand on; counted once."""

from typing import Annotated, Literal

from pydantic import Field

from livecore.rest.api import Body, Call, Model, Reply, Routes

routes = Routes("shares")

Kind = Literal["video", "live", "post"]
_PAGES = {"video": "/video", "live": "/watch", "post": "/post"}


class ShareNew(Body):
    """`to`: a username for `friend`, a conversation's id for `group` and `broadcast`. `text` goes along with the card."""

    channel: Literal["friend", "group", "broadcast", "link"]
    to: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    text: Annotated[str, Field(max_length=1000)] | None = None


class Shared(Model):
    """`conversation`: where the card went; null for a link. `path`: the page that shows it to who may see it."""

    shares: int
    conversation: str | None
    path: str


async def _share(call: Call, kind: Kind, body: ShareNew) -> Reply:
    content_id, key = call.path["id"], call.idempotency_key
    conversation = await call.app.rooms.sharing.deliver(call.me, kind, content_id, body.channel, body.to, body.text or None, key)
    # After the card: a refused one counts nothing, and the same key again sends and counts nothing.
    if kind == "video":
        shares = int((await call.app.video_shares.share(call.me, content_id, body.channel, key))["shares"])
    else:
        shares = await call.app.shares.note(call.me, kind, content_id, body.channel, key)
    return Reply(Shared(shares=shares, conversation=conversation, path=f"{_PAGES[kind]}/{content_id}"), status=201)


@routes.post("/api/v1/videos/{id}/shares", body=ShareNew, ok=(201, Shared), errors=(403, 404, 410, 451), idempotent=True)
async def share_video(call: Call, body: ShareNew) -> Reply:
    """Share a video, once per idempotency key."""
    return await _share(call, "video", body)


@routes.post("/api/v1/lives/{id}/shares", body=ShareNew, ok=(201, Shared), errors=(403, 404, 410, 451), idempotent=True)
async def share_live(call: Call, body: ShareNew) -> Reply:
    """Share a live, once per idempotency key."""
    return await _share(call, "live", body)


@routes.post("/api/v1/posts/{id}/shares", body=ShareNew, ok=(201, Shared), errors=(403, 404, 410, 451), idempotent=True)
async def share_post(call: Call, body: ShareNew) -> Reply:
    """Share a post, once per idempotency key."""
    return await _share(call, "post", body)
