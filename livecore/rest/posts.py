"""Posts: a text, pictures, a video, or several of these."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from livecore import cursors, errors
from livecore.feed.posts import TEXT_LIMIT, NewPost
from livecore.feed.service import FeedPage
from livecore.ports import Audience, FeedEntry
from livecore.rest.api import Body, Call, Page, Params, Reply, Routes
from livecore.rest.feed import PAGE_LIMIT, Post, drawn, page_of
from livecore.rest.tags import shown_tag, wanted_version

routes = Routes("posts")

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class PostNew(Body):
    text: str = Field(default="", max_length=TEXT_LIMIT)
    visibility: Audience = "everyone"
    images: list[Id] = Field(default_factory=list, max_length=10, description="Pictures uploaded before with the purpose `image`.")
    video: Id | None = None
    who_can_comment: Audience | None = Field(default=None, description="Null: as the author's setting says.")


class PostChange(Body):
    text: str | None = Field(default=None, max_length=TEXT_LIMIT)
    visibility: Audience | None = None
    who_can_comment: Audience | None = Field(default=None, description="Null: as the author's setting says.")


class PostParams(Params):
    scope: Literal["home", "discover"] = "home"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)
    owner: str | None = Field(
        default=None, min_length=1, max_length=40, description="A username, or `me`; then the scope is not looked at."
    )


async def _posts(call: Call, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    cards = await call.app.directory.cards(call.me.account_id, {row["author_id"] for row in rows})
    entries = [FeedEntry("post", row["id"], row["author_id"], row["created_ms"], row["visibility"], row) for row in rows]
    return await drawn(call, FeedPage([entry for entry in entries if entry.owner_id in cards], cards, None))


async def _one(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    items = await _posts(call, [row])
    if not items:
        raise errors.NotFound("There is no such post.")
    etag = shown_tag(row["version"], orjson.dumps(items[0]))
    return Reply(items[0], status=status, etag=etag, headers={"Cache-Control": "no-store"})


@routes.get("/api/v1/posts", params=PostParams, ok=(200, Page[Post]), errors=(404,))
async def list_posts(call: Call) -> Reply:
    """Posts, newest first: of one account (`owner`), or by scope as in the feed."""
    owner = call.params.owner
    if owner is None:
        page, cursor = await page_of(call, call.app.post_feed, f"posts:{call.params.scope}:{call.me.account_id}")
        return Reply({"items": await drawn(call, page), "next_cursor": cursor})
    owner_id = call.me.account_id if owner == "me" else await call.app.directory.by_username(owner)
    if owner_id is None or (await call.app.relations.between(call.me.account_id, owner_id)).blocked:
        raise errors.NotFound("There is nobody of that name.")
    kind = f"posts:{owner_id}"
    before = None
    if call.params.cursor is not None:
        at_ms, post_id = cursors.decode_cursor(call.app.keys, kind, call.params.cursor)
        before = (int(at_ms), str(post_id))
    found = await call.app.posts.of(call.me.account_id, owner_id, call.params.limit, before)
    last = found[-1] if len(found) == call.params.limit else None
    next_cursor = cursors.encode_cursor(call.app.keys, kind, [last["created_ms"], last["id"]]) if last else None
    return Reply({"items": await _posts(call, found), "next_cursor": next_cursor})


@routes.post("/api/v1/posts", body=PostNew, ok=(201, Post), idempotent=True, rate="post_per_account")
async def create_post(call: Call, body: PostNew) -> Reply:
    """Write a post: a text, pictures, a video, or several of these."""
    if not body.text.strip() and not body.images and body.video is None:
        raise errors.Invalid([errors.FieldError("text", "may be empty only beside pictures or a video")])
    new = NewPost(body.text, body.visibility, tuple(dict.fromkeys(body.images)), body.video, body.who_can_comment)
    row = await call.app.posts.create(call.me, new, call.idempotency_key)
    reply = await _one(call, row, status=201)
    reply.headers["Location"] = f"/api/v1/posts/{row['id']}"
    return reply


@routes.get("/api/v1/posts/{id}", ok=((200, Post), (304, None)), errors=(451,))
async def read_post(call: Call) -> Reply:
    """One post. 451 when it was taken down."""
    return await _one(call, await call.app.posts.get(call.me.account_id, call.path["id"]))


@routes.patch("/api/v1/posts/{id}", body=PostChange, ok=(200, Post), errors=(403, 412, 451))
async def change_post(call: Call, body: PostChange) -> Reply:
    """Change the text, the audience or who may comment of one's own post; honours `If-Match`."""
    given = body.model_dump(exclude_unset=True)
    wanted = {name: value for name, value in given.items() if value is not None or name == "who_can_comment"}
    return await _one(call, await call.app.posts.change(call.me, call.path["id"], wanted_version(call), wanted))


@routes.delete("/api/v1/posts/{id}", ok=(204, None), errors=(403, 412, 451))
async def delete_post(call: Call) -> Reply:
    """Delete one's own post with what was said about it; honours `If-Match`."""
    await call.app.posts.delete(call.me, call.path["id"], wanted_version(call))
    return Reply(None, status=204)
