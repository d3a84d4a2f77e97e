"""The feed, and posts."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from livecore import cursors, errors
from livecore.feed.service import Feed
from livecore.ports import Audience, FeedEntry
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes
from livecore.rest.videos import Author, Video, author, video_models

routes = Routes("feed")

PAGE_LIMIT = 50


class LiveCard(Model):
    """A live that is on the air; `whep` watches it."""

    kind: Literal["live"] = "live"
    id: str
    owner: Author
    title: str
    viewers: int
    started_at: int
    whep: str


FeedItem = Annotated[Video | LiveCard, Field(discriminator="kind")]


class FeedList(Model):
    items: list[FeedItem]
    next_cursor: str | None = None


class Post(Model):
    kind: Literal["post"] = "post"
    id: str
    owner: Author
    text: str
    visibility: Audience
    removed: bool = Field(description="Taken down; told to its author only.")
    created_at: int


class PostNew(Body):
    text: str = Field(min_length=1, max_length=2000)
    visibility: Audience = "everyone"


class FeedParams(Params):
    scope: Literal["home", "discover"] = "home"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)


class PostParams(FeedParams):
    owner: str | None = Field(
        default=None, min_length=1, max_length=40, description="A username, or `me`; then the scope is not looked at."
    )


def _before(call: Call, kind: str) -> tuple[int, str] | None:
    if call.params.cursor is None:
        return None
    at_ms, item_id = cursors.decode_cursor(call.app.keys, kind, call.params.cursor)
    return int(at_ms), str(item_id)


async def _entries(call: Call, feed: Feed, kind: str) -> tuple[Sequence[FeedEntry], str | None]:
    page = await feed.page(call.me, call.params.scope, call.params.limit, _before(call, kind))
    return page.entries, cursors.encode_cursor(call.app.keys, kind, list(page.next)) if page.next else None


@routes.get("/api/v1/feed", params=FeedParams, ok=(200, FeedList))
async def read(call: Call) -> Reply:
    """Videos and lives, newest first: of friends and oneself (`home`), or of everyone (`discover`)."""
    kind = f"feed:{call.params.scope}:{call.me.account_id}"
    entries, cursor = await _entries(call, call.app.feed, kind)
    rows = await call.app.videos.by_ids([entry.id for entry in entries if entry.kind == "video"])
    drawn: dict[str, Video | LiveCard] = {model.id: model for model in await video_models(call, list(rows.values()))}
    drawn |= {card.id: card for card in await _live_cards(call, [entry for entry in entries if entry.kind == "live"])}
    return Reply(FeedList(items=[drawn[entry.id] for entry in entries if entry.id in drawn], next_cursor=cursor))


async def _live_cards(call: Call, entries: Sequence[FeedEntry]) -> list[LiveCard]:
    cards = await call.app.directory.cards(call.me.account_id, {entry.owner_id for entry in entries})
    found = []
    for entry in entries:
        try:
            row = await call.app.lives.get(call.me, entry.id)
        except errors.Problem:
            continue  # ended or hidden since the page was made
        if entry.owner_id in cards and row["state"] == "live":
            found.append(
                LiveCard(
                    id=entry.id,
                    owner=author(cards[entry.owner_id]),
                    title=row["title"],
                    viewers=row["viewers"],
                    started_at=entry.at_ms,
                    whep=f"/whep/{entry.id}",
                )
            )
    return found


async def _posts(call: Call, rows: Sequence[dict[str, Any]]) -> list[Post]:
    cards = await call.app.directory.cards(call.me.account_id, {row["author_id"] for row in rows})
    return [
        Post(
            id=row["id"],
            owner=author(cards[row["author_id"]]),
            text=row["text"],
            visibility=row["visibility"],
            removed=row["disabled_reason"] is not None,
            created_at=row["created_ms"],
        )
        for row in rows
        if row["author_id"] in cards
    ]


async def _one(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    models = await _posts(call, [row])
    if not models:
        raise errors.NotFound("There is no such post.")
    return Reply(models[0], status=status)


@routes.get("/api/v1/posts", params=PostParams, ok=(200, Page[Post]), errors=(404,))
async def list_posts(call: Call) -> Reply:
    """Posts, newest first: of one account (`owner`), or by scope as in the feed."""
    owner = call.params.owner
    if owner is None:
        kind = f"posts:{call.params.scope}:{call.me.account_id}"
        entries, cursor = await _entries(call, call.app.post_feed, kind)
        rows = await call.app.posts.by_ids([entry.id for entry in entries])
        ordered = [rows[entry.id] for entry in entries if entry.id in rows]
        return Reply(Page[Post](items=await _posts(call, ordered), next_cursor=cursor))
    owner_id = call.me.account_id if owner == "me" else await call.app.directory.by_username(owner)
    if owner_id is None or (await call.app.relations.between(call.me.account_id, owner_id)).blocked:
        raise errors.NotFound("There is nobody of that name.")
    kind = f"posts:{owner_id}"
    found = await call.app.posts.of(call.me.account_id, owner_id, call.params.limit, _before(call, kind))
    last = found[-1] if len(found) == call.params.limit else None
    next_cursor = cursors.encode_cursor(call.app.keys, kind, [last["created_ms"], last["id"]]) if last else None
    return Reply(Page[Post](items=await _posts(call, found), next_cursor=next_cursor))


@routes.post("/api/v1/posts", body=PostNew, ok=(201, Post), idempotent=True)
async def create_post(call: Call, body: PostNew) -> Reply:
    """Write a post."""
    reply = await _one(call, await call.app.posts.create(call.me, body.text, body.visibility, call.idempotency_key), status=201)
    assert isinstance(reply.content, Post)
    reply.headers["Location"] = f"/api/v1/posts/{reply.content.id}"
    return reply


@routes.get("/api/v1/posts/{id}", ok=(200, Post), errors=(451,))
async def read_post(call: Call) -> Reply:
    """One post. 451 when it was taken down."""
    return await _one(call, await call.app.posts.get(call.me.account_id, call.path["id"]))


@routes.delete("/api/v1/posts/{id}", ok=(204, None), errors=(403, 451))
async def delete_post(call: Call) -> Reply:
    """Delete one's own post."""
    await call.app.posts.delete(call.me, call.path["id"])
    return Reply(None, status=204)
