"""Telling those whom a text mentions, as far as they let themselves be mentioned and may see it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.attention import Attention
from livecore.ports import Audience, Directory, Notifier, Relations
from livecore.wording import mentions_of


class Mentions:
    def __init__(self, relations: Relations, directory: Directory, attention: Attention, notifier: Notifier) -> None:
        self._relations = relations
        self._directory = directory
        self._attention = attention
        self._notifier = notifier

    async def of(self, author_id: str, text: str, owner_id: str, audience: Audience) -> frozenset[str]:
        """Accounts to be told; before the transaction. `owner_id` and `audience`: whose it is and who may see where it stands."""
        told = set()
        for username in mentions_of(text):
            other = await self._directory.by_username(username)
            if other is None or not await self._attention.wants(other, author_id, "notify_mentions"):
                continue
            wanted = await self._directory.setting(other, "who_can_mention")
            if await self._relations.allows(other, author_id, wanted) and await self._relations.allows(owner_id, other, audience):
                told.add(other)
        return frozenset(told)

    async def tell(self, conn: AsyncConnection, account_ids: frozenset[str], data: Mapping[str, Any], key: str) -> None:
        """Part of the caller's transaction; the same `key` tells nobody twice."""
        for account_id in sorted(account_ids):
            await self._notifier.notify(conn, account_id, "mention", data, key=f"mention:{key}")
