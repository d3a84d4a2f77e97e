"""What the service told a person."""

from typing import Any

from pydantic import Field

from livecore.cursors import decode_cursor, encode_cursor
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes

routes = Routes("notices")


class NoticeView(Model):
    """`created_at` and `read_at` are Unix milliseconds; `read_at` is null until it was read."""

    id: str
    kind: str
    data: dict[str, Any]
    created_at: int
    read_at: int | None


class NoticesQuery(Params):
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = None
    unread: bool = False


class NoticesRead(Body):
    """`ids` null or left out = all."""

    ids: list[str] | None = Field(default=None, max_length=500)


class Marked(Model):
    marked: int


@routes.get("/api/v1/me/notices", auth="any", params=NoticesQuery, ok=(200, Page[NoticeView]))
async def list_notices(call: Call) -> Reply:
    """Newest first. Each is told once to connected clients by the event `notice`, and stays here."""
    query: NoticesQuery = call.params
    before = str(decode_cursor(call.app.keys, "notices", query.cursor)[0]) if query.cursor else None
    found = await call.app.notices.page(call.me.account_id, before=before, limit=query.limit + 1, unread=query.unread)
    items = [NoticeView(id=n.id, kind=n.kind, data=n.data, created_at=n.created_ms, read_at=n.read_ms) for n in found[: query.limit]]
    more = encode_cursor(call.app.keys, "notices", [items[-1].id]) if len(found) > query.limit else None
    return Reply(Page[NoticeView](items=items, next_cursor=more))


@routes.post("/api/v1/me/notices/read", auth="any", body=NoticesRead, ok=(200, Marked))
async def mark_read(call: Call, body: NoticesRead) -> Reply:
    """Mark notices as read."""
    return Reply(Marked(marked=await call.app.notices.mark_read(call.me.account_id, body.ids)))
