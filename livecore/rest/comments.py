"""Comments under videos: threads one level deep, likes, and who may write."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from livecore import cursors, errors
from livecore.rest.api import Body, Call, Model, Page, Reply, Routes
from livecore.rest.videos import Author, ListParams, author

routes = Routes("comments")


class Comment(Model):
    """`parent`: the comment that it answers, null for one under the video itself."""

    id: str
    video: str
    parent: str | None
    author: Author
    text: str
    likes: int
    liked: bool
    replies: int
    created_at: int


class CommentNew(Body):
    text: str = Field(min_length=1, max_length=500)
    parent: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = Field(default=None, description="The comment that it answers.")


class CommentParams(ListParams):
    parent: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = Field(default=None, description="The answers to this comment.")


async def _comments(call: Call, rows: Sequence[dict[str, Any]]) -> list[Comment]:
    me = call.me.account_id
    cards = await call.app.directory.cards(me, {row["author_id"] for row in rows})
    liked = await call.app.comments.liked(me, [row["id"] for row in rows])
    return [
        Comment(
            id=row["id"],
            video=row["video_id"],
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


@routes.get("/api/v1/videos/{id}/comments", params=CommentParams, ok=(200, Page[Comment]), errors=(451,))
async def list_comments(call: Call) -> Reply:
    """Comments, newest first; with `parent` the answers to one, oldest first."""
    video_id, limit, parent = call.path["id"], call.params.limit, call.params.parent
    kind = f"comments:{video_id}:{parent}"
    position = None if call.params.cursor is None else str(cursors.decode_cursor(call.app.keys, kind, call.params.cursor)[0])
    rows = await call.app.comments.page(call.me, video_id, parent, limit, position)
    cursor = cursors.encode_cursor(call.app.keys, kind, [rows[-1]["id"]]) if len(rows) == limit else None
    return Reply(Page[Comment](items=await _comments(call, rows), next_cursor=cursor))


@routes.post("/api/v1/videos/{id}/comments", body=CommentNew, ok=(201, Comment), errors=(403, 451), idempotent=True)
async def comment(call: Call, body: CommentNew) -> Reply:
    """Write a comment, or answer one. 403 `comments_limited` where the owner lets others write only."""
    return await _one(call, await call.app.comments.write(call.me, call.path["id"], body.text, body.parent, call.idempotency_key), 201)


@routes.delete("/api/v1/videos/{id}/comments/{comment_id}", ok=(204, None), errors=(403, 451))
async def uncomment(call: Call) -> Reply:
    """Delete a comment with the answers to it: its author, or the video's owner."""
    await call.app.comments.remove(call.me, call.path["id"], call.path["comment_id"])
    return Reply(None, status=204)


@routes.put("/api/v1/videos/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def like(call: Call) -> Reply:
    """Like a comment; again changes nothing."""
    return await _one(call, await call.app.comments.like(call.me, call.path["id"], call.path["comment_id"]))


@routes.delete("/api/v1/videos/{id}/comments/{comment_id}/like", ok=(200, Comment), errors=(451,))
async def unlike(call: Call) -> Reply:
    """Take a like back; again changes nothing."""
    return await _one(call, await call.app.comments.unlike(call.me, call.path["id"], call.path["comment_id"]))
