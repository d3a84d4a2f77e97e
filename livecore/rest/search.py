"""Search over people, videos, posts and tags."""

from typing import Any, Literal

from pydantic import Field

from livecore import cursors
from livecore.feed.search import Kind
from livecore.ports import PersonCard
from livecore.rest.api import Call, Model, Params, Reply, Routes
from livecore.rest.feed import PAGE_LIMIT, FeedItem, drawn
from livecore.rest.videos import Author, author

routes = Routes("search")

_KINDS: dict[str, Kind] = {"videos": "video", "posts": "post"}


class Tag(Model):
    """`uses`: lately, in what the caller may see."""

    tag: str
    uses: int


class Found(Model):
    """`people` and `tags` come with the first page."""

    people: list[Author]
    tags: list[Tag]
    items: list[FeedItem]
    next_cursor: str | None = None


class SearchParams(Params):
    q: str = Field(min_length=1, max_length=100, description="Words; the last one may be unfinished. `#tag` finds that very tag.")
    kind: Literal["all", "people", "videos", "posts", "tags"] = "all"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)


@routes.get("/api/v1/search", params=SearchParams, ok=(200, Found), rate="content_search_per_account")
async def search(call: Call) -> Reply:
    """Find people by name, posts and videos by their words (newest first), tags by their beginnings; as far as the caller may see them."""
    q, kind, limit, me = call.params.q, call.params.kind, call.params.limit, call.me
    cursor_kind = f"search:{me.account_id}:{kind}:{q}"
    below = None if call.params.cursor is None else int(cursors.decode_cursor(call.app.keys, cursor_kind, call.params.cursor)[0])
    people: list[PersonCard] = []
    tags: list[tuple[str, int]] = []
    if below is None and kind in ("all", "people") and not q.startswith("#"):
        await call.app.limiter.hit("search_per_account", me.account_id)
        people, _ = await call.app.profiles.search(me.account_id, q, None, limit if kind == "people" else 5)
    if below is None and kind in ("all", "tags"):
        tags = await call.app.search.tags(me, q, limit if kind == "tags" else 5)
    items: list[dict[str, Any]] = []
    cursor = None
    if kind in ("all", "videos", "posts"):
        found = await call.app.search.content(me, q, _KINDS.get(kind, "all"), limit, below)
        items = await drawn(call, found.page)
        cursor = None if found.below is None else cursors.encode_cursor(call.app.keys, cursor_kind, [found.below])
    return Reply(
        {
            "people": [author(card).model_dump() for card in people],
            "tags": [{"tag": tag, "uses": uses} for tag, uses in tags],
            "items": items,
            "next_cursor": cursor,
        }
    )
