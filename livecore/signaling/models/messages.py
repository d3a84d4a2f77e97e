"""Messages and conversations, as clients send them and are told of them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from livecore.signaling.models.shapes import Body, ClientId, Emoji, Id, Payload, Seq, Told

Phone = Annotated[str, StringConstraints(min_length=5, max_length=32, pattern=r"^\+?[0-9 ().-]+$")]


class Attachment(Payload):
    """`id` names an upload of yours in this conversation (`image`, `video`, `voice`), a video, live or post (`…_card`), or somebody's
    username (`contact`, with `phone` and `name` as their owner or your own address book has them). `meta` is small and shown as it is (a
    blur hash, a wave form); an upload's type, size and measures are the server's."""

    kind: Literal["image", "video", "voice", "video_card", "live_card", "post_card", "contact"]
    id: Annotated[str, StringConstraints(max_length=128)] = ""
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    phone: Phone | None = None
    meta: Annotated[dict[str, str | int | float | bool | None], Field(max_length=16)] = {}


class MessageSend(Payload):
    conversation: Id
    client_id: ClientId
    body: Body | None = None
    attachments: Annotated[list[Attachment], Field(max_length=10)] = []
    reply_to: Id | None = None


class MessageMark(Payload):
    conversation: Id
    seq: Seq


class MessageReact(Payload):
    """`active: false` takes the reaction back."""

    conversation: Id
    id: Id
    emoji: Emoji
    active: bool = True


class MessageEdit(Payload):
    conversation: Id
    id: Id
    body: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]


class MessageDelete(Payload):
    conversation: Id
    id: Id


class Typing(Payload):
    conversation: Id
    active: bool


class SyncPlace(Payload):
    epoch: Annotated[str, StringConstraints(max_length=32)] | None = None
    seq: Seq = 0


class Sync(Payload):
    conversations: Annotated[dict[Id, SyncPlace], Field(max_length=5000)] = {}


class SentAnswer(Told):
    id: str
    seq: int
    sent_at: int
    sharing_notice: str | None = Field(description="With a person's first message: what to know before sharing. Else null.")


class NumberedAnswer(Told):
    seq: int


class NewMessage(Told):
    kind: Literal["message"]
    conversation: str
    epoch: str
    seq: int
    id: str
    client_id: str | None
    sender: str | None
    sent_at: int
    body: str | None
    attachments: list[dict[str, Any]]
    reply_to: str | None
    timer: int | None = Field(description="Seconds after `sent_at` at which clients delete it; null: it stays.")


class Reaction(Told):
    kind: Literal["reaction"]
    conversation: str
    epoch: str
    seq: int
    id: str
    sender: str | None
    sent_at: int
    emoji: str
    active: bool


class Edited(Told):
    kind: Literal["edited"]
    conversation: str
    epoch: str
    seq: int
    id: str
    sender: str | None
    sent_at: int
    body: str


class Deleted(Told):
    kind: Literal["deleted"]
    conversation: str
    epoch: str
    seq: int
    id: str
    sender: str | None
    sent_at: int


class SyncedConversation(Told):
    epoch: str
    messages: list[NewMessage | Reaction | Edited | Deleted]
    upto: int
    more: bool
    reset: bool | None = None


class Receipt(Told):
    conversation: str
    user: str
    kind: Literal["received", "read"]
    up_to: int


class ConversationNew(Told):
    conversation: str
    kind: Literal["direct", "group", "broadcast"]
    request: bool = False


class ConversationChanged(Told):
    conversation: str
    version: int
    title: str | None
    timer: int | None


class ConversationMarked(BaseModel):
    """What you muted, archived or pinned on another of your devices: `muted_until`, `archived`, `pinned`, those that changed."""

    model_config = ConfigDict(extra="allow")
    conversation: str


class ConversationLeft(Told):
    conversation: str


class TypingTold(Told):
    conversation: str
    user: str
    active: bool
