"""Policies, notices, reports, the audit log, and the end of an account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class Reviews(Protocol):
    """What reports mean for meeting people; kept by `trust`."""

    async def under_review(self, account_ids: Sequence[str]) -> frozenset[str]:
        """Those who are kept from strangers until staff have looked at what was reported: several people's word, or a grave one."""

    async def reported_either_way(self, account_id: str) -> frozenset[str]:
        """Those whom the account reported, and those who reported it."""


class Notifier(Protocol):
    """Notices: kept until read, told at once to connected clients (`notice`), listed at GET /api/v1/me/notices."""

    async def notify(self, conn: AsyncConnection, account_id: str, kind: str, data: Mapping[str, Any], *, key: str | None = None) -> None:
        """Part of the caller's transaction, told after it is committed. The same `key` for an account is told once."""


class MissedNotices(Protocol):
    async def missed(self, account_ids: Sequence[str]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """By account, for those that have any: notices that must reach the person and are unread, oldest first, as the event `notice`
        tells them."""


class Audit(Protocol):
    """The log that cannot be altered: chained commitments, details in side rows (see docs/architecture.md)."""

    async def record(
        self,
        conn: AsyncConnection,
        actor: str,
        act: str,
        *,
        subject: str | None = None,
        target: str | None = None,
        case: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Part of the caller's transaction. `actor` and `subject` are account ids (actor may be "system")."""


class Eraser(Protocol):
    """What erasing an account means beyond the rows that the data map names: kept by each owner, collected by `app`."""

    async def erase(self, account_id: str) -> None:
        """Idempotent; called before the declared rows and objects go."""


class PolicyVersions(Protocol):
    """The policies that a sign-up agrees to, and the rows that prove it."""

    async def check_acceptance(self, accept: Mapping[str, Any]) -> dict[str, int]:
        """The versions that `accept` (`{"privacy": "1", "terms": "1"}`) names; raises Invalid naming `accept.privacy` or
        `accept.terms` where one is missing or not the version in force. `True` stands for the version in force."""

    async def record_acceptance(self, conn: AsyncConnection, account_id: str, versions: Mapping[str, int], mode: str) -> None:
        """Part of the caller's transaction. `mode`: "sign_up", "accepted", "continued_use"."""


class Erasures(Protocol):
    """The end of an account: asked for, due at a time, then done by a job that survives restarts."""

    async def schedule(self, conn: AsyncConnection, account_id: str, due_ms: int, *, reason: str = "requested") -> None:
        """Part of the caller's transaction. A second one moves the time. `reason`: "requested" or "underage"."""

    async def cancel(self, conn: AsyncConnection, account_id: str) -> bool:
        """False when there is none, or when it has begun and cannot be called back."""

    async def due_ms(self, account_id: str) -> int | None: ...

    async def resume(self, conn: AsyncConnection, account_id: str) -> None:
        """Part of the caller's transaction: an erasure that is due and waits (for a legal hold) looks again at once."""


class Holds(Protocol):
    """Legal holds: what must be preserved although its owner or its time would have it gone."""

    async def held(self, account_id: str) -> bool: ...

    async def accounts(self) -> frozenset[str]:
        """All that are held now."""


class Preserver(Protocol):
    """Keeps what is said where a legal hold is in force; kept by `trust`, asked by `rooms`."""

    def among(self, account_ids: Iterable[str]) -> Sequence[str]:
        """The holds in force on any of these; without a question to the store."""

    async def preserve(self, hold_ids: Iterable[str], facts: Mapping[str, Any], content: bytes) -> None:
        """A sealed copy for each hold. `facts`: message_id, conversation_id, kind, seq, sender_id, sent_ms. Again changes nothing."""
