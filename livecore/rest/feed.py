"""The feed, and posts."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from livecore import cursors, errors
from livecore.feed import walk
from livecore.feed.posts import NewPost
from livecore.feed.service import Feed, FeedPage
from livecore.ports import Audience, FeedEntry, PersonCard
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes
from livecore.rest.images import picture_model
from livecore.rest.videos import Author, Video, author_fields, video_fields

routes = Routes("feed")

PAGE_LIMIT = 50
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


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


class PostNew(Body):
    text: str = Field(default="", max_length=2000)
    visibility: Audience = "everyone"
    images: list[Id] = Field(default_factory=list, max_length=10, description="Pictures uploaded before with the purpose `image`.")
    video: Id | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "PostNew":
        if not self.text.strip() and not self.images and self.video is None:
            raise ValueError("needs a text, a picture or a video")
        return self


class PostChange(Body):
    text: str | None = Field(default=None, max_length=2000)
    visibility: Audience | None = None


class FeedParams(Params):
    scope: Literal["home", "discover"] = "home"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)
    explain: bool = Field(default=False, description="Say why each item of `discover` stands where it does.")


class PostParams(Params):
    scope: Literal["home", "discover"] = "home"
    limit: int = Field(default=20, ge=1, le=PAGE_LIMIT)
    cursor: str | None = Field(default=None, max_length=cursors.CURSOR_LIMIT_CHARS)
    owner: str | None = Field(
        default=None, min_length=1, max_length=40, description="A username, or `me`; then the scope is not looked at."
    )


async def _page(call: Call, feed: Feed, kind: str, *, explain: bool = False) -> tuple[FeedPage, str | None]:
    begun = None if call.params.cursor is None else walk.from_values(cursors.decode_cursor(call.app.keys, kind, call.params.cursor))
    page = await feed.page(call.me, call.params.scope, call.params.limit, begun, explain=explain)
    return page, None if page.next is None else cursors.encode_cursor(call.app.keys, kind, walk.to_values(page.next))


@routes.get("/api/v1/feed", params=FeedParams, ok=(200, FeedList))
async def read(call: Call) -> Reply:
    """Posts, videos and lives: of friends, those one follows and oneself, newest first (`home`); or of everyone (`discover`), ranked
    unless the person's settings say otherwise."""
    kind = f"feed:{call.params.scope}:{call.me.account_id}"
    page, cursor = await _page(call, call.app.feed, kind, explain=call.params.explain)
    reasons = {entry.id: page.reasons.get(entry.id, ()) for entry in page.entries} if call.params.explain else None
    return Reply({"items": await drawn(call, page), "next_cursor": cursor, "reasons": reasons})


async def drawn(call: Call, page: FeedPage) -> list[dict[str, Any]]:
    """A page's items as plain values of `FeedItem`."""
    me = call.me.account_id
    entries = page.entries
    shown = [entry.row["video_id"] for entry in entries if entry.kind == "post" and entry.row["video_id"]]
    attached = await call.app.feed.seen_now(call.me, [("video", video_id) for video_id in shown]) if shown else FeedPage([], {}, None)
    videos = [entry.id for entry in (*entries, *attached.entries) if entry.kind == "video"]
    liked = await call.app.reactions.liked(me, videos)
    films = {entry.id: video_fields(call, entry.row, attached.cards[entry.owner_id], entry.id in liked) for entry in attached.entries}
    pictures = await _pictures(call, [entry.row for entry in entries if entry.kind == "post"])
    items = []
    for entry in entries:
        card = page.cards[entry.owner_id]
        if entry.kind == "video":
            items.append(video_fields(call, entry.row, card, entry.id in liked))
        elif entry.kind == "post":
            items.append(post_fields(entry.row, card, pictures, films))
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
            found[image_id] = {"id": image_id, "width": picture.width, "height": picture.height, "files": picture.files}
    return found


def post_fields(
    row: Mapping[str, Any], card: PersonCard, pictures: Mapping[str, dict[str, Any]], films: Mapping[str, dict[str, Any]]
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
        "removed": row["disabled_reason"] is not None,
        "created_at": row["created_ms"],
        "edited_at": row["edited_ms"],
    }


async def _posts(call: Call, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    cards = await call.app.directory.cards(call.me.account_id, {row["author_id"] for row in rows})
    entries = [FeedEntry("post", row["id"], row["author_id"], row["created_ms"], row["visibility"], row) for row in rows]
    return await drawn(call, FeedPage([entry for entry in entries if entry.owner_id in cards], cards, None))


async def _one(call: Call, row: dict[str, Any], status: int = 200) -> Reply:
    items = await _posts(call, [row])
    if not items:
        raise errors.NotFound("There is no such post.")
    return Reply(items[0], status=status, etag=str(row["version"]), headers={"Cache-Control": "no-store"})


@routes.get("/api/v1/posts", params=PostParams, ok=(200, Page[Post]), errors=(404,))
async def list_posts(call: Call) -> Reply:
    """Posts, newest first: of one account (`owner`), or by scope as in the feed."""
    owner = call.params.owner
    if owner is None:
        page, cursor = await _page(call, call.app.post_feed, f"posts:{call.params.scope}:{call.me.account_id}")
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
    new = NewPost(body.text, body.visibility, tuple(dict.fromkeys(body.images)), body.video)
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
    """Change the text or the audience of one's own post; honours `If-Match`."""
    wanted = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return await _one(call, await call.app.posts.change(call.me, call.path["id"], _version(call), wanted))


def _version(call: Call) -> int | None:
    header = call.request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    version = header.strip().removeprefix("W/").strip('"')
    if not version.isascii() or not version.isdigit() or len(version) > 9:
        raise errors.StaleTag()
    return int(version)


@routes.delete("/api/v1/posts/{id}", ok=(204, None), errors=(403, 451))
async def delete_post(call: Call) -> Reply:
    """Delete one's own post."""
    await call.app.posts.delete(call.me, call.path["id"])
    return Reply(None, status=204)
