"""`live:…`"""

from livecore.signaling.events import Call, Events
from livecore.signaling.models import lives, shapes

events = Events()


@events.on("live:join", lives.LiveNamed, lives.LiveJoined, rate="join_per_account")
async def join(call: Call, data: lives.LiveNamed) -> dict[str, object]:
    """Enter a live's room: its recent lines, its viewers, its publications."""
    # In the room first: what is said between the answer's making and its arrival is then heard, by number.
    answer = await call.services.lives.admit(call.principal, data.live)
    call.services.registry.join_live(call.connection, data.live)
    call.services.lives.moved(data.live)
    return answer


@events.on("live:leave", lives.LiveNamed, shapes.Empty)
async def leave(call: Call, data: lives.LiveNamed) -> shapes.Empty:
    """Leave a live's room."""
    if call.services.registry.leave_live(call.connection, data.live):
        call.services.lives.moved(data.live)
    return shapes.Empty()


@events.on("live:say", lives.LiveSay, lives.LiveSaid, rate=None)
async def say(call: Call, data: lives.LiveSay) -> dict[str, object]:
    """Say a line to a live's room; it is never stored."""
    return await call.services.lives.say(call.principal, data.live, data.body, data.client_id)


@events.on("live:react", lives.LiveReact, shapes.Empty, rate=None)
async def react(call: Call, data: lives.LiveReact) -> shapes.Empty:
    """React in a live's room, `count` times at once; reactions are told as counts."""
    await call.services.lives.react(call.principal, data.live, data.emoji, data.count)
    return shapes.Empty()


@events.on("live:pin", lives.LivePin, shapes.Empty, rate="write_per_account")
async def pin(call: Call, data: lives.LivePin) -> shapes.Empty:
    """Keep a line in sight of all (`id` null: no longer). For host and moderators."""
    await call.services.lives.pin(call.principal, data.live, data.id)
    return shapes.Empty()


@events.on("live:delete", lives.LiveDelete, shapes.Empty, rate="write_per_account")
async def delete(call: Call, data: lives.LiveDelete) -> shapes.Empty:
    """Take a line away for all. For its author, the host and moderators."""
    await call.services.lives.remove(call.principal, data.live, data.id)
    return shapes.Empty()


@events.on("live:friends", lives.LiveNamed, lives.LiveFriends)
async def friends(call: Call, data: lives.LiveNamed) -> lives.LiveFriends:
    """Which of one's friends are watching, as their settings allow; never who is invisible."""
    me, services = call.principal.account_id, call.services
    watching = [one for one in await services.lives.friends(call.principal, data.live) if await services.presence.may_see(me, one)]
    cards = await services.directory.cards(me, watching)
    return lives.LiveFriends(users=sorted(cards[one].username for one in watching if one in cards))
