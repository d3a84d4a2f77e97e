"""`call:…`"""

from livecore import errors
from livecore.signaling import models
from livecore.signaling.events import Call, Events

events = Events()


@events.on("call:start", models.CallStart, models.CallBegun, rate=None)
async def start(call: Call, data: models.CallStart) -> models.CallBegun:
    """Ring somebody; `call:accepted` or `call:ended` says what came of it. Where they are ringing you, this answers."""
    if not call.principal.verified:
        raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")
    begun = await call.services.calls.begin(call.principal, data.user, data.video)
    return models.CallBegun(call=begun.call_id, live=None if begun.live is None else models.CallMedia.model_validate(begun.live))


@events.on("call:accept", models.CallNamed, models.CallMedia)
async def accept(call: Call, data: models.CallNamed) -> models.CallMedia:
    """Answer a call that rings: publish at `whip` with `token`, watch at `whep`. Your other devices stop ringing."""
    return models.CallMedia.model_validate(await call.services.calls.accept(call.principal, data.call))


@events.on("call:end", models.CallNamed, models.Empty)
async def end(call: Call, data: models.CallNamed) -> models.Empty:
    """Hang up, decline, or cancel; again changes nothing."""
    await call.services.calls.end(call.principal, data.call)
    return models.Empty()
