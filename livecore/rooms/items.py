"""What passes through a conversation's order: drafts on their way in, items that have a number, marks of what a device has."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["message", "reaction", "edited", "deleted"]
ConversationKind = Literal["direct", "group", "broadcast"]


@dataclass(slots=True)
class Draft:
    """Something that asks for a number. `version` is the conversation's version that the rules were checked against."""

    conversation_id: str
    version: int
    kind: Kind
    id: str
    account_id: str
    device_id: str
    client_key: str | None  # what stands for the client's id; None for what is no message
    target_id: str | None
    content: bytes  # JSON, sealed before it is stored
    target_seq: int | None = None  # of a deletion: the target's number, whose row goes at once
    withheld: frozenset[str] = frozenset()
    scope: str = ""
    fresh: bool = False  # the scope's key was made for this transaction
    sealed: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """A conversation's row as the transaction sees it."""

    seq: int
    version: int
    scope: str | None
    epoch: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What an accepted draft was given: also the answer to the same `client_id` again."""

    conversation_id: str
    id: str
    seq: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Item:
    """A numbered entry of a conversation, its content open."""

    conversation_id: str
    epoch: str
    seq: int
    kind: Kind
    id: str
    account_id: str
    device_id: str
    client_key: str | None
    target_id: str | None
    sent_ms: int
    content: bytes
    withheld: frozenset[str] = frozenset()
    version: int = 0  # the conversation's, when this was committed; 0: read from the store later


@dataclass(frozen=True, slots=True)
class Mark:
    """A device has everything up to `seq` (received), or its person has read it."""

    kind: Literal["received", "read"]
    conversation_id: str
    account_id: str
    device_id: str
    seq: int


@dataclass(slots=True)
class Batch:
    """What one transaction takes: everything that arrived during the last one."""

    drafts: list[Draft] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


# Why a draft got no number and should be tried anew.
Again = Literal["version", "scope"]


@dataclass(slots=True)
class Committed:
    """What one transaction did. `outcomes` stands beside the batch's drafts, `reached` beside its marks."""

    outcomes: list["Sent | Again | None"]  # None: the conversation is gone
    new: list[tuple[int, Item]]  # draft's index, what it became
    heads: dict[str, Head]
    reached: list[int | None]  # the high-water mark after each mark; None: not a member
    emptied: dict[str, str]  # scope → conversation, of bodies that were deleted


@dataclass(slots=True)
class Waiting:
    """A draft or mark in line, with whom it answers."""

    what: Draft | Mark
    answer: "asyncio.Future[Any]"
