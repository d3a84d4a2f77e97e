"""Conversations: who talks with whom. What is said goes over Socket.IO; here is what is still held for this device."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from livecore.cursors import decode_cursor, encode_cursor
from livecore.errors import FieldError, Invalid
from livecore.rest.api import Body, Call, Model, Page, Params, Reply, Routes
from livecore.rest.group_pictures import picture_link
from livecore.rooms.listing import View
from livecore.rooms.timers import TIMER_LEAST_S, TIMER_MOST_S

routes = Routes("conversations")

_CURSOR = "conversations"
Username = Annotated[str, Field(min_length=1, max_length=40)]
Title = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]


class MemberUser(Model):
    id: str
    username: str
    name: str | None
    avatar: str | None


class ConversationMember(Model):
    user: MemberUser
    role: Literal["owner", "admin", "member", "recipient"]
    silenced: bool


class Conversation(Model):
    """`request`: `asked` = a stranger writes and waits for your yes, `waiting` = you wait for theirs. `head` is the last number
    given; `unread` counts others' messages of the last 30 days that you have not read, `undelivered` those of them that are still
    held because some device has yet to get them. `timer` is how many seconds after its sending a message disappears (null: it
    does not); `muted_until`, `archived` and `pinned` are your own and shown to nobody else."""

    id: str
    kind: Literal["direct", "group", "broadcast"]
    title: str | None
    version: int
    created_at: int
    members: list[ConversationMember]
    role: Literal["owner", "admin", "member"]
    silenced: bool
    picture: str | None
    timer: int | None
    muted_until: int | None
    archived: bool
    pinned: bool
    request: Literal["asked", "waiting"] | None
    head: int
    received_up_to: int
    read_up_to: int
    unread: int
    undelivered: int


class ConversationNew(Body):
    kind: Literal["direct", "group", "broadcast"]
    members: Annotated[list[Username], Field(min_length=1, max_length=1000)]
    title: Title | None = None

    @model_validator(mode="after")
    def _titled(self) -> "ConversationNew":
        if self.kind == "direct" and self.title is not None:
            raise ValueError("a direct conversation has no title")
        if self.kind == "group" and self.title is None:
            raise ValueError("a group has a title")
        return self


class ConversationChange(Body):
    """`title` is for admins, `timer` too but in a direct conversation; `request` answers a stranger's request. `muted_until` (Unix
    ms, null: no more), `archived` and `pinned` are how you keep the conversation for yourself."""

    title: Title | None = None
    timer: Annotated[int, Field(ge=TIMER_LEAST_S, le=TIMER_MOST_S)] | None = None
    request: Literal["accept", "decline"] | None = None
    muted_until: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    archived: bool | None = None
    pinned: bool | None = None


class MemberChange(Body):
    """`role` `owner` hands the group over; `silenced` lets the member only read."""

    role: Literal["owner", "admin", "member"] | None = None
    silenced: bool | None = None


class ConversationPageParams(Params):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: str | None = None


class HeldParams(Params):
    after: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0


class HeldMessages(Model):
    """As the answer to `sync` for one conversation; `reset` says that something was lost."""

    epoch: str
    messages: list[dict[str, Any]]
    upto: int
    more: bool
    reset: bool = False


def conversation_model(call: Call, view: View) -> Conversation:
    snapshot = view.snapshot
    members = [
        {
            "user": {"id": card.id, "username": card.username, "name": card.name, "avatar": card.avatar},
            "role": facts.role,
            "silenced": facts.silenced,
        }
        for account, facts in snapshot.members.items()
        if (card := view.cards.get(account)) is not None
    ]
    return Conversation.model_validate(
        {
            "id": snapshot.id,
            "kind": snapshot.kind,
            "title": snapshot.title,
            "version": snapshot.version,
            "created_at": snapshot.created_ms,
            "members": members,
            "role": view.role,
            "silenced": view.silenced,
            "picture": picture_link(call, snapshot),
            "timer": snapshot.timer_s,
            "muted_until": view.muted_until_ms,
            "archived": view.archived,
            "pinned": view.pinned_ms is not None,
            "request": view.request,
            "head": view.seq,
            "received_up_to": view.received_seq,
            "read_up_to": view.read_seq,
            "unread": view.unread,
            "undelivered": view.held,
        }
    )


@routes.get("/api/v1/conversations", params=ConversationPageParams, ok=(200, Page[Conversation]))
async def list_conversations(call: Call) -> Reply:
    """Your conversations, the newest first."""
    before = str(decode_cursor(call.app.keys, _CURSOR, call.params.cursor)[0]) if call.params.cursor is not None else None
    views = await call.app.rooms.listing.page(call.me, before, call.params.limit + 1)
    page = views[: call.params.limit]
    more = encode_cursor(call.app.keys, _CURSOR, [page[-1].snapshot.id]) if len(views) > len(page) else None
    return Reply(Page[Conversation](items=[conversation_model(call, view) for view in page], next_cursor=more))


@routes.post("/api/v1/conversations", body=ConversationNew, ok=((201, Conversation), (200, Conversation)))
async def begin_conversation(call: Call, body: ConversationNew) -> Reply:
    """Begin a conversation; a direct one that is there already is answered with 200."""
    conversation_id, is_new = await call.app.rooms.conversations.begin(call.me, body.kind, body.members, body.title)
    view = await call.app.rooms.listing.view(call.me, conversation_id)
    headers = {"Location": f"/api/v1/conversations/{conversation_id}"}
    return Reply(conversation_model(call, view), status=201 if is_new else 200, headers=headers)


@routes.get("/api/v1/conversations/{id}", ok=(200, Conversation))
async def get_conversation(call: Call) -> Reply:
    """One of your conversations."""
    await call.app.rooms.conversations.get(call.me.account_id, call.path["id"])
    view = await call.app.rooms.listing.view(call.me, call.path["id"])
    return Reply(conversation_model(call, view), etag=_tag(view))


@routes.patch("/api/v1/conversations/{id}", body=ConversationChange, ok=(200, Conversation), errors=(409, 412))
async def change_conversation(call: Call, body: ConversationChange) -> Reply:
    """Change what all see (title, timer), answer a stranger's request, or mute, archive and pin it for yourself."""
    conversations, conversation_id = call.app.rooms.conversations, call.path["id"]
    await conversations.get(call.me.account_id, conversation_id)
    view = await call.app.rooms.listing.view(call.me, conversation_id)
    call.if_match(_tag(view))
    given = body.model_dump(exclude_unset=True)
    own = {name: value for name, value in given.items() if name in ("muted_until", "archived", "pinned")}
    empty = [FieldError(name, "must not be null") for name in ("title", "request", "archived", "pinned") if given.get(name, "") is None]
    if empty or not given:
        raise Invalid(empty or [FieldError("body", "says nothing")])
    if body.title is not None:
        await conversations.rename(call.me, conversation_id, body.title)
    if "timer" in given:
        await conversations.set_timer(call.me, conversation_id, body.timer)
    if own:
        await call.app.rooms.own_marks.set(call.me, conversation_id, own)
    if body.request is not None:
        await conversations.answer_request(call.me, conversation_id, body.request == "accept")
    view = await call.app.rooms.listing.view(call.me, conversation_id)
    return Reply(conversation_model(call, view), etag=_tag(view))


@routes.delete("/api/v1/conversations/{id}", ok=(204, None))
async def leave_conversation(call: Call) -> Reply:
    """Leave a group, end a broadcast list, or put a direct conversation away until its next message."""
    await call.app.rooms.conversations.leave(call.me, call.path["id"])
    return Reply(None, status=204)


@routes.put("/api/v1/conversations/{id}/members/{username}", body=MemberChange, ok=(200, Conversation), errors=(409,))
async def put_member(call: Call, body: MemberChange) -> Reply:
    """Add somebody to a group or a broadcast list, give a member another role, or let them only read. For admins."""
    await call.app.rooms.conversations.put_member(call.me, call.path["id"], call.path["username"], body.role, body.silenced)
    return Reply(conversation_model(call, await call.app.rooms.listing.view(call.me, call.path["id"])))


@routes.delete("/api/v1/conversations/{id}/members/{username}", ok=(204, None), errors=(409,))
async def remove_member(call: Call) -> Reply:
    """Remove a member; anybody may remove themselves."""
    await call.app.rooms.conversations.remove_member(call.me, call.path["id"], call.path["username"])
    return Reply(None, status=204)


@routes.get("/api/v1/conversations/{id}/messages", params=HeldParams, ok=(200, HeldMessages))
async def held_messages(call: Call) -> Reply:
    """What is still held for this device after a number. Messages are not kept once every device has them."""
    await call.app.rooms.conversations.get(call.me.account_id, call.path["id"])
    held = await call.app.rooms.mailboxes.held_after(call.me, call.path["id"], call.params.after)
    return Reply(HeldMessages.model_validate(held))


def _tag(view: View) -> str:
    """Members, roles and title: what a change may be stale against."""
    return f"{view.snapshot.version}"
