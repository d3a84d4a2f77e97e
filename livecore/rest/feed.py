"""The feed, and how its items are drawn."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from livecore import cursors
from livecore.feed import walk
from livecore.feed.service import Feed, FeedPage
from livecore.ports import Audience, FeedEntry, PersonCard
from livecore.rest.api import Call, Model, Params, Reply, Routes
from livecore.rest.images import picture_model
from livecore.rest.videos import Author, Video, author_fields, video_fields

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


class PostPicture(Model):
    """`files` are signed for this viewer and expire: by the longest side in pixels."""

    id: str
    alt: str = Field(description="What it shows, in words; empty when its owner gave none.")
    width: int
    height: int
    files: dict[str, str]


class Post(Model):
    """Pictures and a video that the viewer may not see are left out."""

    kind: Literal["post"] = "post"
    id: str
    owner: Author
    text: str
    tags: list[str]
    images: list[PostPicture]
    video: Video | None
    visibility: Audience
    who_can_comment: Audience | None = Field(description="Null: as the author's setting says.")
    views: int
    likes: int
    comments: int
    shares: int
    liked: bool
    removed: bool = Field(description="Taken down; told to its author only.")
    created_at: int
    edited_at: int | None


FeedItem = Annotated[Video | LiveCard | Post, Field(discriminator="kind")]
Reason = Literal["fresh", "engaging", "close", "interests", "creator", "new_creator"]


class FeedList(Model):
    items: list[FeedItem]
    next_cursor: str | None = None
    reasons: dict[str, list[Reason]] | None = Field(
        default=None, description="With `explain=1`, by item: why it stands there; empty by time."
    )


class FeedParams(Params):
    scope: Literal["home", "discover"] = "home"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)
    explain: bool = Field(default=False, description="Say why each item of `discover` stands where it does.")


async def page_of(call: Call, feed: Feed, kind: str) -> tuple[FeedPage, str | None]:
    begun = None if call.params.cursor is None else walk.from_values(cursors.decode_cursor(call.app.keys, kind, call.params.cursor))
    page = await feed.page(call.me, call.params.scope, call.params.limit, begun)
    return page, None if page.next is None else cursors.encode_cursor(call.app.keys, kind, walk.to_values(page.next))


@routes.get("/api/v1/feed", params=FeedParams, ok=(200, FeedList))
async def read(call: Call) -> Reply:
    """Posts, videos and lives: of friends, those one follows and oneself, newest first (`home`); or of everyone (`discover`), ranked
    unless the person's settings say otherwise."""
    kind = f"feed:{call.params.scope}:{call.me.account_id}"
    page, cursor = await page_of(call, call.app.feed, kind)
    reasons = {entry.id: page.reasons.get(entry.id, ()) for entry in page.entries} if call.params.explain else None
    return Reply({"items": await drawn(call, page), "next_cursor": cursor, "reasons": reasons})


async def drawn(call: Call, page: FeedPage) -> list[dict[str, Any]]:
    """A page's items as plain values of `FeedItem`."""
    me = call.me.account_id
    entries = page.entries
    shown = [entry.row["video_id"] for entry in entries if entry.kind == "post" and entry.row["video_id"]]
    attached = await call.app.feed.seen_now(call.me, [("video", video_id) for video_id in shown]) if shown else FeedPage([], {}, None)
    videos = [entry.id for entry in (*entries, *attached.entries) if entry.kind == "video"]
    liked = await call.app.likes.liked(me, [*videos, *(entry.id for entry in entries if entry.kind == "post")])
    films = {entry.id: video_fields(call, entry.row, attached.cards[entry.owner_id], entry.id in liked) for entry in attached.entries}
    pictures = await _pictures(call, [entry.row for entry in entries if entry.kind == "post"])
    items = []
    for entry in entries:
        card = page.cards[entry.owner_id]
        if entry.kind == "video":
            items.append(video_fields(call, entry.row, card, entry.id in liked))
        elif entry.kind == "post":
            items.append(post_fields(entry.row, card, pictures, films, entry.id in liked))
        else:
            items.append(await _live_fields(call, entry, card))
    return items


async def _live_fields(call: Call, entry: FeedEntry, card: PersonCard) -> dict[str, Any]:
    return {
        "kind": "live",
        "id": entry.id,
        "owner": author_fields(card),
        "title": entry.row["title"],
        "viewers": await call.app.rooms.lives.viewers(entry.id),
        "started_at": entry.at_ms,
        "whep": f"/whep/{entry.id}",
    }


async def _pictures(call: Call, posts: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of these posts, those that the viewer may see, drawn."""
    wanted = [image_id for row in posts if row["images"] for image_id in row["images"].split()]
    if not wanted:
        return {}
    found = {}
    for image_id, row in (await call.app.images.by_ids(wanted)).items():
        owner_id = row["owner_id"]
        if row["disabled_reason"] is None and await call.app.relations.allows(owner_id, call.me.account_id, row["visibility"]):
            picture = picture_model(call, row)
            found[image_id] = picture.model_dump(include={"id", "alt", "width", "height", "files"})
    return found


def post_fields(
    row: Mapping[str, Any],
    card: PersonCard,
    pictures: Mapping[str, dict[str, Any]],
    films: Mapping[str, dict[str, Any]],
    is_liked: bool,
) -> dict[str, Any]:
    return {
        "kind": "post",
        "id": row["id"],
        "owner": author_fields(card),
        "text": row["text"],
        "tags": row["tags"].split(),
        "images": [pictures[image_id] for image_id in row["images"].split() if image_id in pictures] if row["images"] else [],
        "video": films.get(row["video_id"]) if row["video_id"] else None,
        "visibility": row["visibility"],
        "who_can_comment": row["who_can_comment"],
        "views": row["views"],
        "likes": row["likes"],
        "comments": row["comments"],
        "shares": row["shares"],
        "liked": is_liked,
        "removed": row["disabled_reason"] is not None,
        "created_at": row["created_ms"],
        "edited_at": row["edited_ms"],
    }
