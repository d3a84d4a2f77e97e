"""`presence:…`"""

from livecore.signaling.events import Call, Events
from livecore.signaling.models import people, shapes

events = Events()


@events.on("presence:subscribe", people.PresenceSubscribe, people.PresenceAnswer)
async def subscribe(call: Call, data: people.PresenceSubscribe) -> dict[str, object]:
    """Be told of these people, as their settings allow; replaces the last list."""
    return {"users": await call.services.presence.subscribe(call.connection.sid, call.principal, data.users)}


@events.on("presence:set", people.PresenceSet, shapes.Empty)
async def set_status(call: Call, data: people.PresenceSet) -> shapes.Empty:
    """Set one's own status, with a few words."""
    await call.services.presence.set_status(call.principal, data.status, data.text)
    return shapes.Empty()


@events.on("presence:devices", people.PresenceDevices, people.PresenceDevicesAnswer)
async def devices(call: Call, data: people.PresenceDevices) -> dict[str, object]:
    """One's own devices: which are here now, when each was here last, and what status one chose."""
    presence = call.services.presence
    status, text = await presence.chosen(call.principal)
    return {"devices": await presence.own_devices.list(call.principal), "status": status, "text": text}
