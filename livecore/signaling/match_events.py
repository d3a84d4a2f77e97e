"""`match:…`"""

from livecore import errors
from livecore.signaling.events import Call, Events
from livecore.signaling.models import people, shapes

events = Events()


@events.on("match:enter", people.MatchEnter, shapes.Empty, rate="match_per_account")
async def enter(call: Call, data: people.MatchEnter) -> shapes.Empty:
    """Wait to meet somebody new, for a chat or a video; `match:found` says whom. While in a meeting: on to the next."""
    if not call.principal.verified:
        raise errors.Forbidden("Confirm your phone and your mail address first.", type="unverified")
    await call.services.meetings.enter(call.principal, call.connection.sid, data.mode, data.interests, data.languages)
    return shapes.Empty()


@events.on("match:leave", people.MatchLeave, shapes.Empty)
async def leave(call: Call, data: people.MatchLeave) -> shapes.Empty:
    """Wait no more, and end the meeting that is on; the other is told `match:ended`."""
    await call.services.meetings.leave(call.principal.account_id)
    return shapes.Empty()
