"""Order in a live's chat: moderators, and who may only watch or not even that."""

from typing import Annotated, Literal

from pydantic import Field

from livecore.rest.api import Body, Call, Model, Reply, Routes
from livecore.rest.lives import Host

routes = Routes("lives")

# A week: longer than any live, so that a ban outlasts the night.
DURATION_LIMIT_S = 7 * 86_400


class RestrictionChange(Body):
    """`kicked` puts out once; `muted` and `banned` hold for `duration` seconds, or to the end of the live (null)."""

    username: Annotated[str, Field(min_length=1, max_length=40)]
    kind: Literal["muted", "kicked", "banned"]
    on: bool = True
    duration: Annotated[int, Field(ge=1, le=DURATION_LIMIT_S)] | None = None


class Restriction(Model):
    user: Host
    kind: Literal["muted", "banned"]
    since: int
    until: int | None


class LiveOrder(Model):
    moderators: list[Host]
    restrictions: list[Restriction]


@routes.post("/api/v1/lives/{id}/restrictions", body=RestrictionChange, ok=(204, None), errors=(404,))
async def restrict(call: Call, body: RestrictionChange) -> Reply:
    """Mute somebody in the chat of a live, put them out of it, or take that back. For its host and moderators."""
    await call.app.live_moderation.restrict(call.me, call.path["id"], body.username, body.kind, body.on, body.duration)
    return Reply(status=204)


@routes.get("/api/v1/lives/{id}/order", ok=(200, LiveOrder), errors=(404,))
async def order(call: Call) -> Reply:
    """Who moderates a live, and who is muted or banned there. For its host and moderators."""
    moderators, restrictions = await call.app.live_moderation.standing(call.me, call.path["id"])
    cards = await call.app.directory.cards(call.me.account_id, {*moderators, *(row["account_id"] for row in restrictions)})
    people = {one: Host(id=card.id, username=card.username, name=card.name, avatar=card.avatar) for one, card in cards.items()}
    shown = [
        Restriction(user=people[row["account_id"]], kind=row["kind"], since=row["created_ms"], until=row["until_ms"])
        for row in restrictions
        if row["account_id"] in people
    ]
    return Reply(LiveOrder(moderators=[people[one] for one in moderators if one in people], restrictions=shown))


@routes.put("/api/v1/lives/{id}/moderators/{username}", ok=(204, None), errors=(404, 409))
async def appoint(call: Call) -> Reply:
    """Make somebody a moderator of your live."""
    await call.app.live_moderation.appoint(call.me, call.path["id"], call.path["username"], True)
    return Reply(status=204)


@routes.delete("/api/v1/lives/{id}/moderators/{username}", ok=(204, None), errors=(404,))
async def dismiss(call: Call) -> Reply:
    """Take that back."""
    await call.app.live_moderation.appoint(call.me, call.path["id"], call.path["username"], False)
    return Reply(status=204)
