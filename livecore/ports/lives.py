"""Lives and the media plane below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class PrivateLive:
    """`for_account`: what each of the two is told (`id`, `publication`, `peer_publication`, `whip`, `whep`, `token`)."""

    live_id: str
    for_account: Mapping[str, Mapping[str, str]]


class PrivateLives(Protocol):
    """A live of two people: both publish, both watch, nobody else sees it. Kept by `lives`."""

    async def meet(self, one: str, other: str) -> PrivateLive: ...

    async def end(self, live_id: str, reason: str) -> None: ...


@dataclass(frozen=True)
class LiveFacts:
    """What the live room needs to know of a live. `state` is "waiting", "live" or "ended"."""

    id: str
    host_id: str
    title: str
    state: str
    started_ms: int | None
    slow_mode_s: int = 0


class LiveGate(Protocol):
    """Who may be in a live's room and speak there; kept by `lives`, asked by the chat edge on every join and line."""

    async def may_join(self, account_id: str, live_id: str) -> LiveFacts:
        """Raises NotFound (none, disabled, blocked either way, not in its audience) or Gone (ended)."""

    async def may_say(self, account_id: str, live_id: str) -> LiveFacts:
        """As `may_join`, and raises Forbidden (type `muted`) for who was muted there."""

    async def joined(self, account_id: str, live_id: str) -> list[Mapping[str, Any]]:
        """The publications there are now (`{id, account, kind}`), for the answer to a join."""

    async def peaked(self, live_id: str, viewers: int) -> None:
        """So many were in the room at once, over all processes; fewer than were known of change nothing."""


class LiveModeration(Protocol):
    """Who keeps order in a live's room; kept by `lives`, asked by the chat edge."""

    async def moderates(self, account_id: str, live_id: str) -> bool: ...


class MediaControl(Protocol):
    """What lives ask of the media plane. Closing what is gone is no error; a worker that is away is logged, since it holds nothing then."""

    async def end_live(self, live_id: str) -> None:
        """Close every session of a live and finish its recordings; not an error when there is none."""

    async def cut(self, account_id: str, live_id: str | None, reason: str) -> None:
        """Close an account's watching sessions, in one live or in all."""

    async def watchers(self, live_id: str) -> list[str]:
        """The accounts that watch a live by WebRTC; none when the worker is away."""

    async def start_recording(self, live_id: str, publication_id: str, recording_id: str, outputs: Sequence[str]) -> None:
        """Copy a publication to the recorder. `outputs`: "file", "hls"."""


@dataclass(frozen=True)
class MadePicture:
    """WebP by size; width and height of the largest; what it and its mirror image look like (`library.fingerprints`), None when
    flat."""

    files: Mapping[int, bytes]
    width: int
    height: int
    look: int | None
    mirror: int | None


class PictureMaker(Protocol):
    """Makes pictures anew from their pixels, in a process that can read nothing else; kept by `library`."""

    async def make(self, data: bytes, sizes: Sequence[int], *, square: bool = False) -> MadePicture:
        """Each size is that of the longest side, or of both with `square`. Raises WrongMedia, Invalid (a bomb, a broken file)."""


class MediaCopier(Protocol):
    """Makes a file anew without what it says beside its streams; kept by `library`, asked by `rooms`."""

    async def copy(self, source: Path, target: Path, container: str) -> Mapping[str, int] | None:
        """`container`: "mp4", "webm" or "ogg". `width`, `height` (0: sound alone) and `duration_ms`; None: it cannot be played."""
