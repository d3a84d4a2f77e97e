"""`presence:…`"""

from livecore.signaling import models
from livecore.signaling.events import Call, Events

events = Events()


@events.on("presence:subscribe", models.PresenceSubscribe, models.PresenceAnswer)
async def subscribe(call: Call, data: models.PresenceSubscribe) -> dict[str, object]:
    """Be told of these people, as their settings allow; replaces the last list."""
    return {"users": await call.services.presence.subscribe(call.connection.sid, call.principal, data.users)}


@events.on("presence:set", models.PresenceSet, models.Empty)
async def set_status(call: Call, data: models.PresenceSet) -> models.Empty:
    """Set one's own status, with a few words."""
    await call.services.presence.set_status(call.principal, data.status, data.text)
    return models.Empty()


@events.on("presence:devices", models.PresenceDevices, models.PresenceDevicesAnswer)
async def devices(call: Call, data: models.PresenceDevices) -> dict[str, object]:
    """One's own devices: which are here now, and when each was here last."""
    return {"devices": await call.services.presence.own_devices.list(call.principal)}
