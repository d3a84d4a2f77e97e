"""What clients send and are sent, as models: the gateway checks with them and `/asyncapi.json` is made of them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from livecore.ids import is_id


def _check_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("is not an id")
    return value


Id = Annotated[str, StringConstraints(min_length=32, max_length=32), AfterValidator(_check_id)]
ClientId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Username = Annotated[str, StringConstraints(min_length=1, max_length=40)]
# A number that a bigint column takes; far more messages than any conversation sees.
Seq = Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]
# The longest family emoji with skin tones has 35 code points.
Emoji = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# The setting message_limit_bytes decides; this only bounds what is looked at.
Body = Annotated[str, StringConstraints(max_length=262_144)]


class Payload(BaseModel):
    """From a client: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Told(BaseModel):
    """To a client."""

    model_config = ConfigDict(extra="forbid")


# -- messages


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


class Empty(Told):
    pass


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


# -- presence


class PresenceSubscribe(Payload):
    """Replaces the list of people whose presence this connection is told."""

    users: Annotated[list[Username], Field(max_length=500)]


class PresenceSet(Payload):
    status: Literal["online", "away", "busy", "invisible"]
    text: Annotated[str, StringConstraints(max_length=100)] | None = None


class PresenceTold(Told):
    user: str
    status: Literal["online", "away", "busy", "offline"]
    text: str | None
    last_seen: int | None


class PresenceAnswer(Told):
    users: list[PresenceTold]


class PresenceDevices(Payload):
    """Nothing."""


class OwnDevice(Told):
    """One of one's own devices; `last_seen` is null while it is online."""

    id: str
    name: str
    online: bool
    last_seen: int | None


class ListedDevice(OwnDevice):
    current: bool


class PresenceDevicesAnswer(Told):
    devices: list[ListedDevice]


# -- calls


class CallStart(Payload):
    user: Username
    video: bool = True


class CallNamed(Payload):
    call: Id


class CallMedia(Told):
    """Publish at `whip` (WHIP) with `token`, which serves this call and nothing else; watch the other at `whep` with your own access token."""

    id: str
    publication: str
    peer_publication: str
    whip: str
    whep: str
    token: str


class CallBegun(Told):
    """`live` is null while it rings; it is there at once where the other was ringing you."""

    call: str
    live: CallMedia | None


class CallPeer(Told):
    id: str
    username: str
    name: str | None
    avatar: str | None


class CallRinging(BaseModel):
    """`until`: Unix milliseconds at which it counts as missed."""

    call: str
    peer: Annotated[CallPeer, Field(alias="from")]
    video: bool
    until: int


class CallAccepted(Told):
    call: str
    live: CallMedia


class CallAnswered(Told):
    call: str


class CallEnded(Told):
    call: str
    reason: Literal["hung_up", "declined", "busy", "missed", "cancelled", "lost", "left"]


# -- lives


class LiveNamed(Payload):
    live: Id


class LiveSay(Payload):
    live: Id
    body: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    client_id: ClientId | None = None


class LiveReact(Payload):
    live: Id
    emoji: Emoji


class LivePin(Payload):
    live: Id
    id: Id | None = None


class LiveDelete(Payload):
    live: Id
    id: Id


class LiveLine(Told):
    live: str
    epoch: str
    seq: int
    id: str
    client_id: str | None
    sender: str
    body: str
    sent_at: int


class LiveJoined(Told):
    live: str
    title: str
    state: str
    epoch: str
    seq: int
    messages: list[LiveLine]
    pinned: LiveLine | None
    role: Literal["host", "moderator", "viewer"]
    slow_mode: int = Field(description="Seconds between a viewer's lines; 0: none.")
    viewers: int
    publications: list[dict[str, Any]]


class LiveSaid(Told):
    id: str
    sent_at: int


class LiveFriends(Told):
    users: list[str]


class LiveRecording(Told):
    live: str
    publication: str
    reason: str


class LiveViewers(Told):
    live: str
    viewers: int


class LiveReactions(Told):
    live: str
    reactions: dict[str, int]


class LivePinned(Told):
    live: str
    line: LiveLine | None


class LiveRemoved(Told):
    live: str
    id: str


class LiveRole(Told):
    live: str
    role: Literal["moderator", "viewer"]


class LiveRestricted(Told):
    live: str
    kind: Literal["muted", "kicked", "banned"]
    on: bool
    until: int | None = Field(description="Unix ms; null: to the end of the live.")


class LiveEnded(BaseModel):
    model_config = ConfigDict(extra="allow")
    live: str


class LivePublications(BaseModel):
    model_config = ConfigDict(extra="allow")
    live: str


class KeysLow(Told):
    """`device` as in the bundles that are handed out; `left`: one-time keys that it still has."""

    device: str
    left: int


class LiveSpeaker(Told):
    live: str
    publication: str | None


class LiveLayers(Told):
    live: str
    publication: str
    rids: list[str]


class LiveSession(Told):
    live: str
    publication: str
    state: Literal["sound_only", "picture", "closed"]
    reason: str | None


class VideoProgress(Told):
    video: str
    status: Literal["processing", "ready", "failed"]
    progress: float


# -- meeting somebody new


Word = Annotated[str, StringConstraints(min_length=1, max_length=24, to_lower=True, strip_whitespace=True)]


class MatchEnter(Payload):
    """What is left out is taken from the profile; an empty list is content with any."""

    mode: Literal["chat", "video"]
    interests: Annotated[list[Word], Field(max_length=10)] | None = None
    languages: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]], Field(max_length=5)] | None = None


class MatchLeave(Payload):
    pass


class MatchPeer(Told):
    """`interests` are those that both named."""

    id: str
    username: str
    name: str | None
    avatar: str | None
    interests: list[str]


class MatchLive(Told):
    """`whip` publishes with `token`; `whep` watches the other with one's own access token."""

    id: str
    publication: str
    peer_publication: str
    whip: str
    whep: str
    token: str


class MatchFound(Told):
    """`live` is there in a video meeting only."""

    meeting: str
    mode: Literal["chat", "video"]
    peer: MatchPeer
    conversation: str
    live: MatchLive | None = None


class MatchEnded(Told):
    """`reason`: `left`, `next` (one of you went on to somebody else) or `failed` (it could not begin; `meeting` is null)."""

    meeting: str | None
    reason: Literal["left", "next", "failed"]


class Free(BaseModel):
    """A notice or a friend event: described with its REST resource."""

    model_config = ConfigDict(extra="allow")
