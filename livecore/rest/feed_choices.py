"""What a person does not want to see: an item, more like it, a person."""

from livecore import errors
from livecore.feed.choices import Choice
from livecore.rest.api import Call, Reply, Routes

routes = Routes("feed")


async def _choose(call: Call, choice: Choice) -> Reply:
    item_id = call.path["id"]
    page = await call.app.feed.seen_now(call.me, [(kind, item_id) for kind in ("post", "video", "live")])
    if not page.entries:
        raise errors.NotFound("There is no such item.")
    await call.app.choices.add(call.me.account_id, choice, item_id, page.entries[0].owner_id)
    return Reply(None, status=204)


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


@routes.put("/api/v1/feed/muted/{username}", ok=(204, None), errors=(409,))
async def mute(call: Call) -> Reply:
    """Leave a person's items out of one's feed; they are not told, and nothing else changes."""
    await call.app.choices.mute(call.me.account_id, call.path["username"])
    return Reply(None, status=204)


@routes.delete("/api/v1/feed/muted/{username}", ok=(204, None))
async def unmute(call: Call) -> Reply:
    """Take that back; again changes nothing."""
    await call.app.choices.unmute(call.me.account_id, call.path["username"])
    return Reply(None, status=204)
