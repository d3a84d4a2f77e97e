"""What is shown, shared, watched and taken down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from livecore.ports.accounts import Audience, Principal


@dataclass(frozen=True)
class TakedownTarget:
    """`kind` is one of `TAKEDOWN_KINDS`; `id` is the video's, live's, post's or account's id."""

    kind: str
    id: str


TAKEDOWN_KINDS = ("video", "image", "live", "post", "comment", "profile_picture", "profile_name")


class TakedownPort(Protocol):
    """Kept by the owner of each kind of content; `app` collects them by kind for `trust`."""

    async def owner_of(self, target: TakedownTarget) -> str | None:
        """The account that answers for it; None when it does not exist."""

    async def disable(self, conn: AsyncConnection, target: TakedownTarget, reason: str) -> None:
        """Part of the caller's transaction. Hidden from feed, link, download, share and caches when it commits."""

    async def enable(self, conn: AsyncConnection, target: TakedownTarget) -> None: ...

    async def disabled_now(self, target: TakedownTarget) -> None:
        """Called after the commit: drop caches, cut running lives and streams."""


class ShareGate(Protocol):
    """What may be handed on as a card; kept by the owner of each kind ("video", "live", "post"), collected by `app` for `rooms`."""

    async def check_share(self, me: Principal, content_id: str) -> None:
        """Raises NotFound, Gone or LegallyUnavailable where `me` does not see it."""


# What people like and comment on.
ContentKind = Literal["video", "post"]


@dataclass(frozen=True, slots=True)
class Discussion:
    """What comments and likes are about. `who_can_comment` None: as its owner's setting says."""

    owner_id: str
    visibility: Audience
    who_can_comment: Audience | None


class Discussed(Protocol):
    """Kept by the owner of each kind that people like and comment on; `app` collects them for `talk`."""

    async def discussed(self, viewer_id: str, content_id: str) -> Discussion:
        """Raises NotFound or LegallyUnavailable where the viewer does not see it."""

    async def count(self, conn: AsyncConnection, content_id: str, counter: Literal["likes", "comments"], by: int) -> bool:
        """Part of the caller's transaction. False when the content is gone."""


class Talk(Protocol):
    """What people said about things and which they like; kept by `talk`, told by the things' owners."""

    async def drop(self, conn: AsyncConnection, content_ids: Sequence[str]) -> None:
        """Part of the caller's transaction: these are gone, and what hangs on them goes."""


# What people watch.
ViewedKind = Literal["video", "post", "live"]


@dataclass(frozen=True, slots=True)
class Watchable:
    """What is watched, and what was counted of it. `length_ms`: nobody watches more of it; 0 when it is not known.

    `now_at_ms`: of a live, where in it everybody is; None where each is somewhere else. `has_curve` False: it has no parts.
    """

    owner_id: str
    length_ms: int
    views: int
    watched_ms: int
    now_at_ms: int | None = None
    has_curve: bool = True


@dataclass(frozen=True, slots=True)
class Taste:
    """What watching something tells of who watched. `length_ms` 0: it is never seen to its end."""

    owner_id: str
    tags: Sequence[str]
    length_ms: int


class Viewed(Protocol):
    """Kept by the owner of each kind that people watch; `app` collects them for `viewing`."""

    async def watchable(self, viewer_id: str, content_id: str) -> Watchable:
        """Raises NotFound, LegallyUnavailable, Conflict (not begun) or Gone (over) where the viewer cannot watch it now."""

    async def viewed(self, conn: AsyncConnection, content_id: str, views: int, watched_ms: int) -> bool:
        """Part of the caller's transaction: so much more was counted. False when the content is gone."""

    async def tastes(self, content_ids: Sequence[str]) -> Mapping[str, Taste]:
        """Those that are there."""


class ViewRows(Protocol):
    """Views of things; kept by `viewing`, told by the things' owners."""

    async def drop(self, conn: AsyncConnection, content_ids: Sequence[str]) -> None:
        """Part of the caller's transaction: these are gone, and what was counted of them goes."""


class FeedEntry(NamedTuple):
    """One item of the feed before it is drawn: `kind` is "video", "live" or "post", `at_ms` its place in time.

    `row` is what its owner keeps of it, for drawing. The counters say how it does; `length_ms` is 0 for what has no length.
    """

    kind: str
    id: str
    owner_id: str
    at_ms: int
    visibility: Audience
    row: Mapping[str, Any] = MappingProxyType({})
    length_ms: int = 0
    watched_ms: int = 0
    views: int = 0
    likes: int = 0
    comments: int = 0
    shares: int = 0
    tags: tuple[str, ...] = ()


class FeedSource(Protocol):
    """Kept by the owner of each kind of item; `app` collects them for the feed. What is taken down or not ready is left out."""

    kind: str

    async def newest(self, owners: frozenset[str] | None, before: tuple[int, str], limit: int, *, after_ms: int = 0) -> Sequence[FeedEntry]:
        """Up to `limit` entries, newest first by (at_ms, id), all below `before` and not older than `after_ms`; fewer only when
        there are no more.

        `owners` None: items for everyone, whoever made them; else items of these accounts, whatever their audience (the feed
        asks `Relations`).
        """

    async def entries(self, ids: Sequence[str]) -> Sequence[FeedEntry]:
        """Those of these items that are there now, in any order."""


class WatchHistory(Protocol):
    """What a person watched, as numbers; kept by `viewing`, asked by the feed for who lets it."""

    async def habits(self, account_id: str) -> tuple[Mapping[str, float], Mapping[str, float], Mapping[str, float]]:
        """Shares of the time watched lately by creator and by tag, and the share of each item that was watched."""


class CreatorQuality(Protocol):
    """How creators do; kept by `library`."""

    async def quality(self, owner_ids: Sequence[str]) -> Mapping[str, float]:
        """Of creators whose videos were watched: watch time over length, on average, 0 to 1."""
