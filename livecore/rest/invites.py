"""Links into a group: made and revoked by its admins, looked at and used by whoever was given one."""

from typing import Annotated

from pydantic import Field

from livecore.rest.api import Body, Call, Model, Reply, Routes
from livecore.rest.conversations import Conversation, MemberUser, conversation_model
from livecore.rooms.invites import Invite

routes = Routes("conversations")

DAY_S = 86_400


class InviteNew(Body):
    """`expires_in` in seconds, `uses` how many may join by it (null: as many as like)."""

    expires_in: Annotated[int, Field(ge=60, le=30 * DAY_S)] = 7 * DAY_S
    uses: Annotated[int, Field(ge=1, le=1000)] | None = None


class InviteLink(Model):
    """`path` is the demo's page of the link; `token` is what it carries."""

    id: str
    token: str
    path: str
    created_at: int
    created_by: MemberUser | None
    expires_at: int
    used: int
    uses: int | None


class InviteList(Model):
    items: list[InviteLink]


class InvitePreview(Model):
    """What somebody who is not in the group may know of it."""

    conversation: str
    title: str
    members: int
    invited_by: MemberUser | None
    expires_at: int
    member: bool


def _user(invite: Invite) -> MemberUser | None:
    card = invite.creator
    return MemberUser(id=card.id, username=card.username, name=card.name, avatar=card.avatar) if card is not None else None


def _model(invite: Invite) -> InviteLink:
    return InviteLink(
        id=invite.id,
        token=invite.token,
        path=f"/join/{invite.token}",
        created_at=invite.created_ms,
        created_by=_user(invite),
        expires_at=invite.expires_ms,
        used=invite.uses,
        uses=invite.uses_limit,
    )


@routes.post("/api/v1/conversations/{id}/invites", body=InviteNew, ok=(201, InviteLink), errors=(404, 409))
async def create_invite(call: Call, body: InviteNew) -> Reply:
    """Make a link by which others join the group. For admins."""
    invite = await call.app.rooms.invites.create(call.me, call.path["id"], body.expires_in, body.uses)
    return Reply(_model(invite), status=201)


@routes.get("/api/v1/conversations/{id}/invites", ok=(200, InviteList), errors=(409,))
async def list_invites(call: Call) -> Reply:
    """The links that still open. For admins."""
    return Reply(InviteList(items=[_model(one) for one in await call.app.rooms.invites.list(call.me, call.path["id"])]))


@routes.delete("/api/v1/conversations/{id}/invites/{invite_id}", ok=(204, None), errors=(409,))
async def revoke_invite(call: Call) -> Reply:
    """Revoke a link; revoking again changes nothing. For admins."""
    await call.app.rooms.invites.revoke(call.me, call.path["id"], call.path["invite_id"])
    return Reply(None, status=204)


@routes.get("/api/v1/invites/{token}", ok=(200, InvitePreview), errors=(404, 410), rate="search_per_account")
async def look_at_invite(call: Call) -> Reply:
    """What group a link leads to."""
    invite, snapshot = await call.app.rooms.invites.look(call.me, call.path["token"])
    preview = InvitePreview(
        conversation=snapshot.id,
        title=snapshot.title or "",
        members=len(snapshot.members),
        invited_by=_user(invite),
        expires_at=invite.expires_ms,
        member=call.me.account_id in snapshot.members,
    )
    return Reply(preview)


@routes.post("/api/v1/invites/{token}/join", ok=(200, Conversation), errors=(404, 409, 410), rate="search_per_account")
async def join_by_invite(call: Call) -> Reply:
    """Join the group that a link leads to."""
    conversation_id = await call.app.rooms.invites.join(call.me, call.path["token"])
    return Reply(conversation_model(call, await call.app.rooms.listing.view(call.me, conversation_id)))
