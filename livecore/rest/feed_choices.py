"""What a person does not want to see: an item, more like it, a person."""

from typing import Literal

from pydantic import Field

from livecore import cursors, errors
from livecore.feed.choices import Choice
from livecore.rest.api import Call, Model, Page, Reply, Routes
from livecore.rest.feed import FeedItem, drawn
from livecore.rest.videos import Author, ListParams, author

routes = Routes("feed")


class HiddenItem(Model):
    choice: Literal["hide", "not_interested"]
    hidden_at: int = Field(description="Unix ms.")
    item: FeedItem


async def _choose(call: Call, choice: Choice) -> Reply:
    item_id = call.path["id"]
    page = await call.app.feed.seen_now(call.me, [(kind, item_id) for kind in ("post", "video", "live")])
    if not page.entries:
        raise errors.NotFound("There is no such item.")
    await call.app.choices.add(call.me.account_id, choice, item_id, page.entries[0].owner_id)
    return Reply(None, status=204)


@routes.get("/api/v1/feed/hidden", params=ListParams, ok=(200, Page[HiddenItem]))
async def list_hidden(call: Call) -> Reply:
    """Items that one left out of one's feed, the latest first, so that each can be taken back; those that one may not see any more are
    left out, and a page may so be shorter than `limit`."""
    me, limit, kind = call.me.account_id, call.params.limit, "hidden"
    below = None
    if call.params.cursor is not None:
        at_ms, item_id = cursors.decode_cursor(call.app.keys, kind, call.params.cursor)
        below = (int(at_ms), str(item_id))
    found = await call.app.choices.hidden(me, below, limit)
    page = await call.app.feed.seen_now(
        call.me, [(kind, one.item_id) for one in found for kind in ("post", "video", "live")], also_muted=True
    )
    drawn_items = {item["id"]: item for item in await drawn(call, page)}
    cursor = cursors.encode_cursor(call.app.keys, kind, [found[-1].at_ms, found[-1].item_id]) if len(found) == limit else None
    items = [
        {"choice": one.choice, "hidden_at": one.at_ms, "item": drawn_items[one.item_id]} for one in found if one.item_id in drawn_items
    ]
    return Reply({"items": items, "next_cursor": cursor})


@routes.put("/api/v1/feed/hidden/{id}", ok=(204, None), errors=(409,))
async def hide(call: Call) -> Reply:
    """Leave a post, video or live out of one's feed; again changes nothing."""
    return await _choose(call, "hide")


@routes.delete("/api/v1/feed/hidden/{id}", ok=(204, None))
async def unhide(call: Call) -> Reply:
    """Take that back; again changes nothing."""
    await call.app.choices.take_back(call.me.account_id, "hide", call.path["id"])
    return Reply(None, status=204)


@routes.put("/api/v1/feed/not-interested/{id}", ok=(204, None), errors=(409,))
async def not_interested(call: Call) -> Reply:
    """Leave an item out of one's feed, and show less of its owner in `discover`."""
    return await _choose(call, "not_interested")


@routes.delete("/api/v1/feed/not-interested/{id}", ok=(204, None))
async def interested(call: Call) -> Reply:
    """Take that back; again changes nothing."""
    await call.app.choices.take_back(call.me.account_id, "not_interested", call.path["id"])
    return Reply(None, status=204)


@routes.get("/api/v1/feed/muted", params=ListParams, ok=(200, Page[Author]))
async def list_muted(call: Call) -> Reply:
    """Whom one left out of one's feed, so that it can be taken back."""
    me, limit, kind = call.me.account_id, call.params.limit, "muted"
    after = "" if call.params.cursor is None else str(cursors.decode_cursor(call.app.keys, kind, call.params.cursor)[0])
    found = await call.app.choices.muted(me, after, limit)
    cards = await call.app.directory.active_cards(me, found)
    cursor = cursors.encode_cursor(call.app.keys, kind, [found[-1]]) if len(found) == limit else None
    return Reply(Page[Author](items=[author(cards[one]) for one in found if one in cards], next_cursor=cursor))


@routes.put("/api/v1/feed/muted/{username}", ok=(204, None), errors=(409,))
async def mute(call: Call) -> Reply:
    """Leave a person's items out of one's feed, and the person out of suggestions; they are not told, and nothing else changes."""
    await call.app.choices.mute(call.me.account_id, call.path["username"])
    return Reply(None, status=204)


@routes.delete("/api/v1/feed/muted/{username}", ok=(204, None))
async def unmute(call: Call) -> Reply:
    """Take that back; again changes nothing."""
    await call.app.choices.unmute(call.me.account_id, call.path["username"])
    return Reply(None, status=204)
