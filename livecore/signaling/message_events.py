"""`message:…`, `typing` and `sync`."""

from livecore.rooms.catchup import Place
from livecore.rooms.service import check_content
from livecore.signaling import models
from livecore.signaling.events import Call, Events

events = Events()


@events.on("message:send", models.MessageSend, models.SentAnswer, rate=None)
async def send(call: Call, data: models.MessageSend) -> models.SentAnswer:
    """Send a message; numbered and durable when it is acknowledged."""
    check_content(data.body, data.attachments)
    content = {
        "body": data.body,
        "attachments": [one.model_dump(exclude_defaults=True) for one in data.attachments],
        "reply_to": data.reply_to,
    }
    sent = await call.services.messages.send(
        call.principal, data.conversation, data.client_id, content, lined=call.turn, address=call.connection.address
    )
    told = await call.services.sharing.with_message(call.principal.account_id, sent.id)
    return models.SentAnswer(id=sent.id, seq=sent.seq, sent_at=sent.sent_ms, sharing_notice=told)


@events.on("message:received", models.MessageMark, models.Empty)
async def received(call: Call, data: models.MessageMark) -> models.Empty:
    """This device has kept everything up to `seq`; cumulative."""
    await call.services.messages.received(call.principal, data.conversation, data.seq)
    return models.Empty()


@events.on("message:read", models.MessageMark, models.Empty)
async def read(call: Call, data: models.MessageMark) -> models.Empty:
    """The person has read everything up to `seq`; cumulative."""
    await call.services.messages.read(call.principal, data.conversation, data.seq)
    return models.Empty()


@events.on("message:react", models.MessageReact, models.NumberedAnswer, rate=None)
async def react(call: Call, data: models.MessageReact) -> models.NumberedAnswer:
    """React to a message, or take a reaction back."""
    sent = await call.services.messages.react(call.principal, data.conversation, data.id, data.emoji, data.active)
    return models.NumberedAnswer(seq=sent.seq)


@events.on("message:edit", models.MessageEdit, models.NumberedAnswer, rate=None)
async def edit(call: Call, data: models.MessageEdit) -> models.NumberedAnswer:
    """Change one's own message, within a day."""
    sent = await call.services.messages.edit(call.principal, data.conversation, data.id, data.body)
    return models.NumberedAnswer(seq=sent.seq)


@events.on("message:delete", models.MessageDelete, models.NumberedAnswer, rate=None)
async def delete(call: Call, data: models.MessageDelete) -> models.NumberedAnswer:
    """Take one's own message back for all, within a day."""
    sent = await call.services.messages.delete(call.principal, data.conversation, data.id)
    return models.NumberedAnswer(seq=sent.seq)


@events.on("typing", models.Typing, models.Empty)
async def typing(call: Call, data: models.Typing) -> models.Empty:
    """Say that one is writing, or no more."""
    await call.services.messages.typing(call.principal, data.conversation, data.active)
    return models.Empty()


@events.on("sync", models.Sync, models.Empty)
async def sync(call: Call, data: models.Sync) -> dict[str, object]:
    """What is held for this device: an object by conversation id, each as `SyncedConversation`."""
    places = {id: Place(place.epoch, place.seq) for id, place in data.conversations.items()}
    return dict(await call.services.messages.sync(call.principal, places))
