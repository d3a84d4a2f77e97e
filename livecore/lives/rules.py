"""What a live may do next, as plain decisions."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "live", "ended"]

# A live that nobody publishes to is over after this: the host closed the page before the camera came up.
WAITING_LIMIT_MS = 10 * 60 * 1000
# The media plane tells of the end of a publication itself; only when it could not (it died too) does this margin pass.
RESUME_MARGIN_MS = 5000
# The reason of a live whose host's session ended without a word.
HOST_LEFT = "host_left"
# The word may come after the session's end: as long as a host who dropped could have come back.
END_SAID_MS = 30_000
# Segments of an ended live are gone after this, whatever the setting says.
WATCHED_AFTER_END_MS = 6 * 3600 * 1000
# Guests beside the host: what fits on a phone's screen, and what one worker's core carries for each viewer.
GUEST_LIMIT = 8


@dataclass(frozen=True)
class PublishToken:
    """`secret` goes to the client once; only `hash` is kept."""

    secret: str
    hash: bytes


def new_publish_token() -> PublishToken:
    secret = "live_" + secrets.token_urlsafe(32)
    return PublishToken(secret, token_hash(secret))


def token_hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def may_change_state(old: State, new: State) -> bool:
    """waiting → live → ended, and waiting → ended; a live whose host dropped stays live until it is ended."""
    return (old, new) in {("waiting", "live"), ("waiting", "ended"), ("live", "ended")}
