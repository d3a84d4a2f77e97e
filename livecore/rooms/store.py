"""The commit path's promise; `sqlite_store` and `postgres_store` keep it, one contract suite runs on both."""

from collections.abc import Mapping
from typing import Protocol

from livecore.rooms.items import Batch, Committed


class Store(Protocol):
    """Transactions of the writer, without an ORM.

    Each method is one transaction, durable when it answers; `errors.Unavailable` says that it may or may not have
    happened. A batch is safe to give again: drafts with a client id answer what they were given, marks only grow.
    """

    async def commit(self, batch: Batch, at_ms: int) -> Committed:
        """Number the drafts, move the marks, delete the bodies that every reader's device now has."""

    async def retire(self, scopes: Mapping[str, str]) -> list[str]:
        """Of these keys (scope → conversation), those that seal nothing any more; none of them will be sealed under again."""

    async def forget(self, scopes: list[str]) -> None:
        """Their keys are destroyed."""
