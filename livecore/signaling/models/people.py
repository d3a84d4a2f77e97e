"""People: who is here, calls between two, meeting somebody new."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from livecore.signaling.models.shapes import Id, Payload, Told, Username

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
    """`status` and `text`: what one chose, for oneself alone; others see `invisible` as `offline`."""

    devices: list[ListedDevice]
    status: Literal["online", "away", "busy", "invisible"]
    text: str | None


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
