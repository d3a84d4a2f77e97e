"""What reaches people who are connected, and those who are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

if TYPE_CHECKING:
    from livecore.ports.accounts import Principal


class Signals(Protocol):
    """Events to connected clients, over every process. At most once: what must not be lost is stored by its owner too."""

    async def to_account(self, account_id: str, event: str, data: Mapping[str, Any]) -> None: ...

    async def to_room(self, room: str, event: str, data: Mapping[str, Any]) -> None:
        """Rooms are `live:{id}` and `conversation:{id}`."""

    async def cut_session(self, session_id: str, reason: str) -> None:
        """Every socket of the session is closed within a second."""

    async def cut_account(self, account_id: str, reason: str, live_id: str | None = None) -> None:
        """All sockets of an account, or only its presence in one live (media included)."""

    async def audience_changed(self, live_id: str) -> None:
        """Who watches this live has to be looked at anew, by every process."""


class Undelivered(Protocol):
    """What devices still lack; kept by `rooms`, asked by whoever wakes them."""

    async def members_of(self, conversation_id: str) -> Sequence[str]:
        """Accounts that read there; empty when it is gone."""

    async def newest_waiting(self, devices: Mapping[str, str]) -> dict[str, int]:
        """For each of these devices (id → account) that lacks a message: when the newest one was sent, in Unix milliseconds."""


class Waker(Protocol):
    """Wakes what cannot wait."""

    async def wake(self, account_id: str) -> None:
        """Every device of the account that is woken by push."""


class LiveRooms(Protocol):
    """The fan-out of lives; kept by `rooms`, asked by `lives`."""

    async def viewers(self, live_id: str) -> int: ...

    async def peak(self, live_id: str) -> int:
        """The most at once that this process knows of; what other processes saw they give to `LiveGate.peaked`."""

    async def end(self, live_id: str, data: Mapping[str, Any]) -> None:
        """Tell the room `live:ended` and forget its lines."""


class MessageMedia(Protocol):
    """Images, voice and videos of messages, for whoever brings their bytes; kept by rooms."""

    def check_head(self, head: bytes) -> None:
        """Raises WrongMedia when the first bytes are of nothing that a message carries."""

    async def check_new(self, principal: Principal, conversation_id: str, size_bytes: int) -> None:
        """Whether so much may come. Raises NotFound for those who may not write there, NoSpace when their share is used."""

    async def prepare(self, principal: Principal, conversation_id: str, source: Path) -> Mapping[str, Any]:
        """Make an attachment of the file; nothing until `keep`. Raises NotFound, WrongMedia, Invalid, TooLarge."""

    async def keep(self, conn: AsyncConnection, principal: Principal, row: Mapping[str, Any]) -> None:
        """Part of the caller's transaction: from now on a message may name it by `row["id"]`."""
