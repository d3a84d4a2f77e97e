"""Likes of videos and posts, and who likes them."""

from livecore import cursors
from livecore.ports import ContentKind
from livecore.rest.api import Call, Page, Reply, Routes
from livecore.rest.videos import Author, ListParams, author
from livecore.rest.watching import Counters, counters

routes = Routes("likes")


async def _video(call: Call) -> Reply:
    return Reply(counters(await call.app.videos.row(call.path["id"])))


async def _post(call: Call) -> Reply:
    row = await call.app.posts.get(call.me.account_id, call.path["id"])
    return Reply(counters(row))


async def _page(call: Call, kind: ContentKind) -> Reply:
    content_id = call.path["id"]
    cursor_kind = f"likes:{content_id}"
    before = None
    if call.params.cursor is not None:
        at_ms, account_id = cursors.decode_cursor(call.app.keys, cursor_kind, call.params.cursor)
        before = (int(at_ms), str(account_id))
    people, below = await call.app.likes.page(call.me, kind, content_id, call.params.limit, before)
    cursor = None if below is None else cursors.encode_cursor(call.app.keys, cursor_kind, list(below))
    return Reply(Page[Author](items=[author(card) for card in people], next_cursor=cursor))


@routes.get("/api/v1/videos/{id}/likes", params=ListParams, ok=(200, Page[Author]), errors=(451,))
async def list_of_video(call: Call) -> Reply:
    """Who likes a video, those who did so last first; people blocked either way do not see one another."""
    return await _page(call, "video")


@routes.put("/api/v1/videos/{id}/like", ok=(200, Counters), errors=(451,))
async def like_video(call: Call) -> Reply:
    """Like a video; again changes nothing."""
    await call.app.likes.like(call.me, "video", call.path["id"])
    return await _video(call)


@routes.delete("/api/v1/videos/{id}/like", ok=(200, Counters), errors=(451,))
async def unlike_video(call: Call) -> Reply:
    """Take a like back; again changes nothing."""
    await call.app.likes.unlike(call.me, "video", call.path["id"])
    return await _video(call)


@routes.get("/api/v1/posts/{id}/likes", params=ListParams, ok=(200, Page[Author]), errors=(451,))
async def list_of_post(call: Call) -> Reply:
    """Who likes a post, those who did so last first; people blocked either way do not see one another."""
    return await _page(call, "post")


@routes.put("/api/v1/posts/{id}/like", ok=(200, Counters), errors=(451,))
async def like_post(call: Call) -> Reply:
    """Like a post; again changes nothing."""
    await call.app.likes.like(call.me, "post", call.path["id"])
    return await _post(call)


@routes.delete("/api/v1/posts/{id}/like", ok=(200, Counters), errors=(451,))
async def unlike_post(call: Call) -> Reply:
    """Take a like back; again changes nothing."""
    await call.app.likes.unlike(call.me, "post", call.path["id"])
    return await _post(call)
