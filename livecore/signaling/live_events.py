"""`live:…`"""

from livecore.signaling import models
from livecore.signaling.events import Call, Events

events = Events()


@events.on("live:join", models.LiveNamed, models.LiveJoined, rate="join_per_account")
async def join(call: Call, data: models.LiveNamed) -> dict[str, object]:
    """Enter a live's room: its recent lines, its viewers, its publications."""
    # In the room first: what is said between the answer's making and its arrival is then heard, by number.
    answer = await call.services.lives.admit(call.principal, data.live)
    call.services.registry.join_live(call.connection, data.live)
    call.services.lives.moved(data.live)
    return answer


@events.on("live:leave", models.LiveNamed, models.Empty)
async def leave(call: Call, data: models.LiveNamed) -> models.Empty:
    """Leave a live's room."""
    if call.services.registry.leave_live(call.connection, data.live):
        call.services.lives.moved(data.live)
    return models.Empty()


@events.on("live:say", models.LiveSay, models.LiveSaid, rate=None)
async def say(call: Call, data: models.LiveSay) -> dict[str, object]:
    """Say a line to a live's room; it is never stored."""
    return await call.services.lives.say(call.principal, data.live, data.body, data.client_id)


@events.on("live:react", models.LiveReact, models.Empty, rate=None)
async def react(call: Call, data: models.LiveReact) -> models.Empty:
    """React in a live's room; reactions are told as counts."""
    await call.services.lives.react(call.principal, data.live, data.emoji)
    return models.Empty()


@events.on("live:pin", models.LivePin, models.Empty, rate="write_per_account")
async def pin(call: Call, data: models.LivePin) -> models.Empty:
    """Keep a line in sight of all (`id` null: no longer). For host and moderators."""
    await call.services.lives.pin(call.principal, data.live, data.id)
    return models.Empty()


@events.on("live:delete", models.LiveDelete, models.Empty, rate="write_per_account")
async def delete(call: Call, data: models.LiveDelete) -> models.Empty:
    """Take a line away for all. For its author, the host and moderators."""
    await call.services.lives.remove(call.principal, data.live, data.id)
    return models.Empty()


@events.on("live:friends", models.LiveNamed, models.LiveFriends)
async def friends(call: Call, data: models.LiveNamed) -> models.LiveFriends:
    """Which of one's friends are watching, as their settings allow."""
    me, services = call.principal.account_id, call.services
    watching = [one for one in await services.lives.friends(call.principal, data.live) if await services.presence.may_know(me, one)]
    cards = await services.directory.cards(me, watching)
    return models.LiveFriends(users=sorted(cards[one].username for one in watching if one in cards))
