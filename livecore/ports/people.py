"""How people stand to one another, and where they meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from livecore.ports.accounts import Audience, Principal


class FollowGraph(Protocol):
    """Kept by `people`."""

    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""


class SharedAudience(Protocol):
    """Kept by the owner of videos."""

    async def watched_together(self, account_id: str, limit: int) -> dict[str, int]:
        """Others who watched the same videos lately, and how many of them; those with most first."""


class Muted(Protocol):
    """Kept by `feed`."""

    async def muted_by(self, account_id: str) -> frozenset[str]:
        """Accounts of whom this person wants to see nothing in what the platform chooses for them."""


class Introductions(Protocol):
    """Kept by `rooms`."""

    async def introduce(self, one: str, other: str) -> tuple[str, bool]:
        """Their direct conversation, in which both may write now; the second value says whether that had to be opened."""

    async def part(self, conversation_id: str) -> None:
        """Neither lets the other write any more, but as their settings say."""


@dataclass(frozen=True)
class CallBegun:
    """`live` is what the caller publishes to and watches (as in `PrivateLive.for_account`); None while it rings."""

    call_id: str
    live: Mapping[str, str] | None


class CallExchange(Protocol):
    """Calls between two people; kept by `calls`, asked by the chat edge."""

    async def begin(self, me: Principal, username: str, video: bool) -> CallBegun: ...

    async def accept(self, me: Principal, call_id: str) -> Mapping[str, str]: ...

    async def end(self, me: Principal, call_id: str) -> None: ...


class MeetingPlace(Protocol):
    """Where strangers meet; kept by `people`, asked by the chat edge."""

    async def enter(
        self, me: Principal, sid: str, mode: Literal["chat", "video"], interests: Sequence[str] | None, languages: Sequence[str] | None
    ) -> None: ...

    async def leave(self, account_id: str, reason: str = "left") -> None: ...

    async def gone(self, sid: str, account_id: str) -> None: ...


@dataclass(frozen=True)
class Relation:
    """How `me` stands to `other`."""

    friends: bool = False
    contact: bool = False  # other is in my address book
    in_their_contacts: bool = False  # I am in other's address book
    i_block: bool = False
    blocks_me: bool = False
    requested: bool = False  # I asked to be friends and wait
    asks_me: bool = False  # other asked, and waits for me

    @property
    def standing(self) -> str:
        """One word for a list: "blocked", "friends", "requested", "asked" or "none"."""
        words = (("blocked", self.i_block), ("friends", self.friends), ("requested", self.requested), ("asked", self.asks_me))
        return next((word for word, holds in words if holds), "none")

    @property
    def blocked(self) -> bool:
        return self.i_block or self.blocks_me


class Relations(Protocol):
    """Who stands how to whom. Answers reflect a block in the very next call, on every process."""

    async def between(self, me: str, other: str) -> Relation: ...

    async def blocked_either_way(self, me: str) -> frozenset[str]:
        """Account ids that must not see me or be seen by me."""

    async def friends_of(self, me: str) -> frozenset[str]: ...

    async def allows(self, owner: str, viewer: str, audience: Audience) -> bool:
        """Whether `viewer` is in `owner`'s audience; False when blocked either way; always True for oneself."""


class Companions(Protocol):
    """Who is in a conversation with whom; kept by `rooms`."""

    async def share_conversation(self, one: str, other: str) -> bool:
        """Whether both are members of a group or of a direct conversation that is not a waiting request."""


class Blocker(Protocol):
    """Sets a block on behalf of the person who asked for it; kept by people."""

    async def block(self, account_id: str, other_id: str) -> None: ...


class ContactGate(Protocol):
    """Which phone numbers a person may hand on; kept by `people`, asked by `rooms`."""

    async def check_contact(self, me: Principal, username: str | None, phone: str | None) -> None:
        """Raises Forbidden (`phone_hidden`) unless the number is in the person's own address book or shown to them by its owner,
        and NotFound where nobody has that username."""


class Followers(Protocol):
    async def friends_and_followers(self, account_id: str, after: str, limit: int) -> Sequence[str]:
        """Account ids in their order above `after`, each once; who is blocked either way is among them."""


class Followed(Protocol):
    async def followed_by(self, me: str) -> frozenset[str]:
        """Whom `me` follows, without those blocked either way."""
