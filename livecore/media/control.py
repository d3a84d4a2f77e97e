"""The control protocol between a main process and a media worker: events as they happen, answers, and their message shapes.

Requests and answers travel over `platform.ipc` as maps; `t` names what a message is. Anything malformed is a fault of ours, not
an input: it ends the connection there.
"""

from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PublicationUp:
    """A publisher is connected (again). `video_codec`: "h264", "vp8", "vp9", "av1"; None without video."""

    live_id: str
    publication_id: str
    video_codec: str | None
    audio: bool


@dataclass(frozen=True, slots=True)
class PublicationDown:
    """`reason` "away": the connection was lost, and the publisher may come back in time; anything else is final."""

    live_id: str
    publication_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """`kind`: "publish" or "watch". `account_id`: None where nobody signed in."""

    session_id: str
    kind: str
    reason: str
    live_id: str = field(default="", compare=False)
    publication_id: str = field(default="", compare=False)
    account_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ViewerChanged:
    """A viewer's path carries no picture any more (`state` "sound_only"; "paused" without any sound), or does again ("picture"). Told to one main process."""

    live_id: str
    publication_id: str
    account_id: str | None
    state: str


@dataclass(frozen=True, slots=True)
class LayersWanted:
    """Which layers anybody watches: a publisher need not send the others. Told to one main process.

    `rids`: simulcast streams. `scalability`: of a scalable stream of which not all is needed, `rid` and how many `spatial` and
    `temporal` layers are, from the lowest; a stream that is not among them sends all of its own.
    """

    live_id: str
    publication_id: str
    account_id: str | None
    rids: list[str]
    scalability: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SpeakerChanged:
    """Of several publications in a live, the one that speaks now; None when nobody is left. Told to one main process."""

    live_id: str
    publication_id: str | None


@dataclass(frozen=True, slots=True)
class WorkerDown:
    """A worker's process is gone. Its lives' publishers must publish again."""

    index: int
    live_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerUp:
    """A worker can be used (again)."""

    index: int


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The recorder could not go on with a recording."""

    recording_id: str
    reason: str


WorkerEvent = PublicationUp | PublicationDown | SessionClosed | RecordingFailed | ViewerChanged | LayersWanted | SpeakerChanged
MediaEvent = WorkerEvent | WorkerDown | WorkerUp
# What is acted on by telling people something: once is enough, however many main processes there are.
TOLD_ONCE = (ViewerChanged, LayersWanted, SpeakerChanged)

_FROM_WORKER: dict[str, type[WorkerEvent]] = {
    "publication_up": PublicationUp,
    "publication_down": PublicationDown,
    "session_closed": SessionClosed,
    "recording_failed": RecordingFailed,
    "viewer_changed": ViewerChanged,
    "layers_wanted": LayersWanted,
    "speaker_changed": SpeakerChanged,
}
_NAMES = {kind: name for name, kind in _FROM_WORKER.items()}


def event_to_message(event: WorkerEvent) -> Message:
    kind = type(event)
    return {"t": _NAMES[kind]} | {name: getattr(event, name) for name in kind.__slots__}


def event_from_message(message: Message) -> WorkerEvent | None:
    """None when the message is not an event."""
    kind = _FROM_WORKER.get(str(message.get("t")))
    if kind is None:
        return None
    return kind(**{name: value for name, value in message.items() if name != "t"})


@dataclass(frozen=True, slots=True)
class Answer:
    """`sdp`: the answer to send; `etag`: in quotes, as the header has it."""

    sdp: str
    session_id: str
    etag: str


@dataclass(frozen=True, slots=True)
class PatchAnswer:
    """`status`: 204 for a trickle (no body), 200 for an ICE restart (`body`: the fragment with our new credentials)."""

    status: int
    body: str | None
    etag: str


class MediaError(Exception):
    """A request that the media plane refuses. `code` is what crosses the control socket."""

    code = "media_error"


class BadOffer(MediaError):
    """The description or fragment cannot be read or answered; the text says why, for the client."""

    code = "bad_offer"


class NoCommonCodec(MediaError):
    """The peer and the live share no codec."""

    code = "no_common_codec"


class NoPublisher(MediaError):
    """Nothing is published there, or it is not connected. `retry_after_s`: when to ask again."""

    code = "no_publisher"

    def __init__(self, detail: str = "", retry_after_s: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class NoSuchSession(MediaError):
    """The session is closed or never was."""

    code = "no_such_session"


class StaleTag(MediaError):
    """`If-Match` names a state of the session that is past."""

    code = "stale_tag"


class Full(MediaError):
    """A limit of the worker is reached; the text names it."""

    code = "full"


class WorkerGone(MediaError):
    """No worker could be asked, or it went away while it was."""

    code = "worker_gone"


ERRORS: dict[str, type[MediaError]] = {
    error.code: error for error in (BadOffer, NoCommonCodec, NoPublisher, NoSuchSession, StaleTag, Full, WorkerGone)
}
