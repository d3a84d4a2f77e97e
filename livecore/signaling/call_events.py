"""`call:…`"""

from livecore import errors
from livecore.signaling.events import Call, Events
from livecore.signaling.models import people, shapes

events = Events()


@events.on("call:start", people.CallStart, people.CallBegun, rate=None)
async def start(call: Call, data: people.CallStart) -> people.CallBegun:
    """Ring somebody; `call:accepted` or `call:ended` says what came of it. Where they are ringing you, this answers."""
    if not call.principal.verified:
        raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")
    begun = await call.services.calls.begin(call.principal, data.user, data.video)
    return people.CallBegun(call=begun.call_id, live=None if begun.live is None else people.CallMedia.model_validate(begun.live))


@events.on("call:accept", people.CallNamed, people.CallMedia)
async def accept(call: Call, data: people.CallNamed) -> people.CallMedia:
    """Answer a call that rings: publish at `whip` with `token`, watch at `whep`. Your other devices stop ringing."""
    return people.CallMedia.model_validate(await call.services.calls.accept(call.principal, data.call))


@events.on("call:end", people.CallNamed, shapes.Empty)
async def end(call: Call, data: people.CallNamed) -> shapes.Empty:
    """Hang up, decline, or cancel; again changes nothing."""
    await call.services.calls.end(call.principal, data.call)
    return shapes.Empty()
