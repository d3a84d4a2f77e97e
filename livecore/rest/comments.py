"""Comments under videos and posts: threads one level deep, likes, and who may write."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from livecore import cursors, errors
from livecore.ports import ContentKind
from livecore.rest.api import Body, Call, Model, Page, Reply, Routes
from livecore.rest.videos import Author, ListParams, author
from livecore.talk.comments import COMMENT_LIMIT_CHARS

routes = Routes("comments")

CommentId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Comment(Model):
    """Under a `video` or a `post`, the other is null. `parent`: the comment that it answers, null for one under the content itself."""

    id: str
    video: str | None
    post: str | None
    parent: str | None
    author: Author
    text: str
    likes: int
    liked: bool
    replies: int
    created_at: int


class CommentNew(Body):
    text: str = Field(min_length=1, max_length=COMMENT_LIMIT_CHARS)
    parent: CommentId | None = Field(default=None, description="The comment that it answers.")


class CommentParams(ListParams):
    parent: CommentId | None = Field(default=None, description="The answers to this comment.")


async def _comments(call: Call, rows: Sequence[dict[str, Any]]) -> list[Comment]:
    """As their reader sees them; those whose author is suspended or gone are left out."""
    me = call.me.account_id
    cards = await call.app.directory.active_cards(me, {row["author_id"] for row in rows})
    liked = await call.app.comments.liked(me, [row["id"] for row in rows])
    return [
        Comment(
            id=row["id"],
            video=row["content_id"] if row["kind"] == "video" else None,
            post=row["content_id"] if row["kind"] == "post" else None,
            parent=row["parent_id"],
            author=author(cards[row["author_id"]]),
            text=row["text"],
            likes=row["likes"],
            liked=row["id"] in liked,
            replies=row["replies"],
            created_at=row["created_ms"],
        )
        for row in rows
        if row["author_id"] in cards
    ]


async def _one(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    models = await _comments(call, [row])
    if not models:
        raise errors.NotFound("There is no such comment.")
    return Reply(models[0], status=status)


async def _list(call: Call, kind: ContentKind) -> Reply:
    content_id, limit, parent = call.path["id"], call.params.limit, call.params.parent
    cursor_kind = f"comments:{content_id}:{parent}"
    position = None if call.params.cursor is None else str(cursors.decode_cursor(call.app.keys, cursor_kind, call.params.cursor)[0])
    rows = await call.app.comments.page(call.me, kind, content_id, parent, limit, position)
    cursor = cursors.encode_cursor(call.app.keys, cursor_kind, [rows[-1]["id"]]) if len(rows) == limit else None
    return Reply(Page[Comment](items=await _comments(call, rows), next_cursor=cursor))


async def _write(call: Call, kind: ContentKind, body: CommentNew) -> Reply:
    row = await call.app.comments.write(call.me, kind, call.path["id"], body.text, body.parent, call.idempotency_key)
    return await _one(call, row, 201)


async def _delete(call: Call, kind: ContentKind) -> Reply:
    await call.app.comments.remove(call.me, kind, call.path["id"], call.path["comment_id"])
    return Reply(None, status=204)


async def _like(call: Call, kind: ContentKind) -> Reply:
    return await _one(call, await call.app.comments.like(call.me, kind, call.path["id"], call.path["comment_id"]))


async def _unlike(call: Call, kind: ContentKind) -> Reply:
    return await _one(call, await call.app.comments.unlike(call.me, kind, call.path["id"], call.path["comment_id"]))


# -- under videos


@routes.get("/api/v1/videos/{id}/comments", params=CommentParams, ok=(200, Page[Comment]), errors=(451,))
async def list_of_video(call: Call) -> Reply:
    """Comments, newest first; with `parent` the answers to one, oldest first."""
    return await _list(call, "video")


@routes.post("/api/v1/videos/{id}/comments", body=CommentNew, ok=(201, Comment), errors=(403, 409, 451), idempotent=True)
async def write_under_video(call: Call, body: CommentNew) -> Reply:
    """Write a comment, or answer one. 403 `comments_limited` where the owner lets others write only."""
    return await _write(call, "video", body)


@routes.delete("/api/v1/videos/{id}/comments/{comment_id}", ok=(204, None), errors=(403, 451))
async def delete_under_video(call: Call) -> Reply:
    """Delete a comment with the answers to it: its author, or the video's owner."""
    return await _delete(call, "video")


@routes.put("/api/v1/videos/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def like_under_video(call: Call) -> Reply:
    """Like a comment; again changes nothing."""
    return await _like(call, "video")


@routes.delete("/api/v1/videos/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def unlike_under_video(call: Call) -> Reply:
    """Take a like back; again changes nothing."""
    return await _unlike(call, "video")


# -- under posts


@routes.get("/api/v1/posts/{id}/comments", params=CommentParams, ok=(200, Page[Comment]), errors=(451,))
async def list_of_post(call: Call) -> Reply:
    """Comments, newest first; with `parent` the answers to one, oldest first."""
    return await _list(call, "post")


@routes.post("/api/v1/posts/{id}/comments", body=CommentNew, ok=(201, Comment), errors=(403, 409, 451), idempotent=True)
async def write_under_post(call: Call, body: CommentNew) -> Reply:
    """Write a comment, or answer one. 403 `comments_limited` where the author lets others write only."""
    return await _write(call, "post", body)


@routes.delete("/api/v1/posts/{id}/comments/{comment_id}", ok=(204, None), errors=(403, 451))
async def delete_under_post(call: Call) -> Reply:
    """Delete a comment with the answers to it: its author, or the post's."""
    return await _delete(call, "post")


@routes.put("/api/v1/posts/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def like_under_post(call: Call) -> Reply:
    """Like a comment; again changes nothing."""
    return await _like(call, "post")


@routes.delete("/api/v1/posts/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def unlike_under_post(call: Call) -> Reply:
    """Take a like back; again changes nothing."""
    return await _unlike(call, "post")
