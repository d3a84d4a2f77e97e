"""What may come as an attachment, told by its first bytes, and when one is let go. Pure."""

from collections.abc import Iterable
from typing import Literal

from livecore import pictures

Kind = Literal["image", "video", "voice"]
Container = Literal["image", "mp4", "webm", "ogg"]

# Not sent within a day: somebody changed their mind, or their client is gone.
UNSENT_MS = 86_400_000
# An upload that was cut off by a crash is cleaned away after this: no request takes that long.
UNREADY_MS = 3_600_000

MEDIA_TYPES = (
    *pictures.MEDIA_TYPES,
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "audio/webm",
    "audio/ogg",
    "audio/mp4",
    "application/octet-stream",
)
_TYPES = {
    ("mp4", True): "video/mp4",
    ("mp4", False): "audio/mp4",
    ("webm", True): "video/webm",
    ("webm", False): "audio/webm",
    ("ogg", False): "audio/ogg",
}


def container_of(head: bytes) -> Container | None:
    """None for everything that is not carried, whatever the request called it."""
    if pictures.kind_of(head) is not None:
        return "image"
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    return "ogg" if head[:4] == b"OggS" else None


def media_type_of(container: Container, has_picture: bool) -> str | None:
    """None: this container does not carry that."""
    return _TYPES.get((container, has_picture))


def is_fetched_by_all(devices: Iterable[tuple[str, str]], kept: Iterable[tuple[str, str]]) -> bool:
    """Whether every (account, device) that it waits for has it. No device at all is an account that has yet to come."""
    return not set(devices) - set(kept)
