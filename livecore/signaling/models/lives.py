"""A live's room and what its people are told."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from livecore.signaling.models.shapes import ClientId, Emoji, Id, Payload, Told


class LiveNamed(Payload):
    live: Id


class LiveSay(Payload):
    live: Id
    body: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    client_id: ClientId | None = None


class LiveReact(Payload):
    live: Id
    emoji: Emoji
    # Taps gathered by the client: one event for all of half a second.
    count: Annotated[int, Field(ge=1, le=20)] = 1


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


class LiveSpeaker(Told):
    live: str
    publication: str | None


class LayersOfStream(Told):
    rid: str
    spatial: int
    temporal: int


class LiveLayers(Told):
    live: str
    publication: str
    rids: list[str]
    scalability: list[LayersOfStream]


class LiveSession(Told):
    live: str
    publication: str
    state: Literal["sound_only", "paused", "picture", "closed"]
    reason: str | None
