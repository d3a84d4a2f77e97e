"""`message:…`, `typing` and `sync`."""

from livecore.rooms.catchup import Place
from livecore.rooms.service import check_content
from livecore.signaling.events import Call, Events
from livecore.signaling.models import messages, shapes

events = Events()


@events.on("message:send", messages.MessageSend, messages.SentAnswer, rate=None)
async def send(call: Call, data: messages.MessageSend) -> messages.SentAnswer:
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
    return messages.SentAnswer(id=sent.id, seq=sent.seq, sent_at=sent.sent_ms, sharing_notice=told)


@events.on("message:received", messages.MessageMark, shapes.Empty)
async def received(call: Call, data: messages.MessageMark) -> shapes.Empty:
    """This device has kept everything up to `seq`; cumulative."""
    await call.services.messages.received(call.principal, data.conversation, data.seq)
    return shapes.Empty()


@events.on("message:read", messages.MessageMark, shapes.Empty)
async def read(call: Call, data: messages.MessageMark) -> shapes.Empty:
    """The person has read everything up to `seq`; cumulative."""
    await call.services.messages.read(call.principal, data.conversation, data.seq)
    return shapes.Empty()


@events.on("message:react", messages.MessageReact, messages.NumberedAnswer, rate=None)
async def react(call: Call, data: messages.MessageReact) -> messages.NumberedAnswer:
    """React to a message, or take a reaction back."""
    sent = await call.services.messages.react(call.principal, data.conversation, data.id, data.emoji, data.active)
    return messages.NumberedAnswer(seq=sent.seq)


@events.on("message:edit", messages.MessageEdit, messages.NumberedAnswer, rate=None)
async def edit(call: Call, data: messages.MessageEdit) -> messages.NumberedAnswer:
    """Change one's own message, within a day."""
    sent = await call.services.messages.edit(call.principal, data.conversation, data.id, data.body)
    return messages.NumberedAnswer(seq=sent.seq)


@events.on("message:delete", messages.MessageDelete, messages.NumberedAnswer, rate=None)
async def delete(call: Call, data: messages.MessageDelete) -> messages.NumberedAnswer:
    """Take one's own message back for all, within a day."""
    sent = await call.services.messages.delete(call.principal, data.conversation, data.id)
    return messages.NumberedAnswer(seq=sent.seq)


@events.on("typing", messages.Typing, shapes.Empty)
async def typing(call: Call, data: messages.Typing) -> shapes.Empty:
    """Say that one is writing, or no more."""
    await call.services.messages.typing(call.principal, data.conversation, data.active)
    return shapes.Empty()


@events.on("sync", messages.Sync, shapes.Empty)
async def sync(call: Call, data: messages.Sync) -> dict[str, object]:
    """What is held for this device: an object by conversation id, each as `SyncedConversation`."""
    places = {id: Place(place.epoch, place.seq) for id, place in data.conversations.items()}
    return dict(await call.services.messages.sync(call.principal, places))
