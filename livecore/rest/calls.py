"""Calls: what came of those that are over, and which ring now. They are made over Socket.IO (`call:start`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from livecore.cursors import decode_cursor, encode_cursor
from livecore.rest.api import Call, Model, Page, Reply, Routes
from livecore.rest.people import PageParams

if TYPE_CHECKING:
    from livecore.app import App

routes = Routes("calls")


class Peer(Model):
    id: str
    username: str
    name: str | None
    avatar: str | None


class PastCall(Model):
    """`reason`: `hung_up` after it was answered; else why it was not. Times are Unix milliseconds."""

    id: str
    peer: Peer
    outgoing: bool
    video: bool
    began_at: int
    answered_at: int | None
    ended_at: int | None
    reason: Literal["hung_up", "declined", "busy", "missed", "cancelled", "lost", "left"] | None


class RingingCalls(Model):
    items: list[PastCall]


async def _told(app: "App", me: str, rows: Sequence[Any]) -> list[PastCall]:
    peers = [row.callee_id if row.caller_id == me else row.caller_id for row in rows]
    cards = await app.directory.cards(me, peers)
    return [
        PastCall(
            id=row.id,
            peer=Peer(id=card.id, username=card.username, name=card.name, avatar=card.avatar),
            outgoing=row.caller_id == me,
            video=row.video,
            began_at=row.began_ms,
            answered_at=row.answered_ms,
            ended_at=row.ended_ms,
            reason=row.reason,
        )
        for row, peer in zip(rows, peers, strict=True)
        if (card := cards.get(peer)) is not None
    ]


@routes.get("/api/v1/calls", params=PageParams, ok=(200, Page[PastCall]))
async def past(call: Call) -> Reply:
    """Your calls of the last 30 days, the newest first"""
    limit, cursor = call.params.limit, call.params.cursor
    before = None if cursor is None else str(decode_cursor(call.app.keys, "calls", cursor)[0])
    rows = await call.app.calls.page(call.me, before, limit + 1)
    following = encode_cursor(call.app.keys, "calls", [rows[limit - 1].id]) if len(rows) > limit else None
    return Reply(Page[PastCall](items=await _told(call.app, call.me.account_id, rows[:limit]), next_cursor=following))


@routes.get("/api/v1/calls/ringing", ok=(200, RingingCalls))
async def ringing(call: Call) -> Reply:
    """Calls that ring you now: for a device that was just woken"""
    return Reply(RingingCalls(items=await _told(call.app, call.me.account_id, await call.app.calls.ringing(call.me))))
