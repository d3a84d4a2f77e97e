"""Finding people by the beginning of a username, or of a word of their name, without names being readable in the store.

A name is found by keyed hashes of the beginnings of its words. Each row carries the username, so that both ways to be found
are one range of an index in the order in which a list is walked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.accounts import tables
from livecore.accounts.usernames import folded
from livecore.accounts.wording import name_words
from livecore.ports import Database, Keys

# The beginnings that are found: one letter finds too many, eleven no fewer than ten.
PREFIX_MIN_CHARS = 2
PREFIX_MAX_CHARS = 10
# Of one name; it bounds the rows that one account makes.
WORDS_LIMIT = 6
_TOKEN_BYTES = 16
# Above every character that a folded username has.
_PAST_PREFIX = "~"


@dataclass(frozen=True, order=True)
class Candidate:
    """`folded` is the position in the list."""

    folded: str
    id: str


class NameIndex:
    def __init__(self, db: Database, keys: Keys) -> None:
        self._db = db
        self._keys = keys

    def _token(self, prefix: str) -> bytes:
        return self._keys.blind("name-prefix", prefix)[:_TOKEN_BYTES]

    async def write(self, conn: AsyncConnection, account_id: str, username: str, names: Sequence[str]) -> None:
        """Part of the caller's transaction: these names, and no others, find the account."""
        columns = tables.account_name_prefix.c
        await conn.execute(delete(tables.account_name_prefix).where(columns.account_id == account_id))
        words = [word for name in names for word in name_words(name)[:WORDS_LIMIT]]
        prefixes = {word[:size] for word in words for size in range(PREFIX_MIN_CHARS, min(len(word), PREFIX_MAX_CHARS) + 1)}
        rows = [{"token": self._token(prefix), "folded": folded(username), "account_id": account_id} for prefix in sorted(prefixes)]
        if rows:
            await conn.execute(tables.account_name_prefix.insert(), rows)

    async def candidates(self, text: str, after: str | None, limit: int) -> list[Candidate]:
        """At most `limit` accounts, by username above `after`, that `text` may mean. Whether it does is for the caller to see:
        of several words one is looked up, and standing and settings are not looked at."""
        queries = [query for query in (self._by_username(text), self._by_word(text)) if query is not None]
        found: set[Candidate] = set()
        async with self._db.read() as conn:
            for query, position in queries:
                if after is not None:
                    query = query.where(position > after)
                found |= {Candidate(row.folded, row.id) for row in await conn.execute(query.order_by(position).limit(limit))}
        return sorted(found)[:limit]

    def _by_username(self, text: str) -> tuple[Any, Any] | None:
        start = folded(text.removeprefix("@"))
        if not start or not start.isascii():
            return None
        columns = tables.account.c
        query = select(columns.folded, columns.id).where(columns.folded >= start, columns.folded < start + _PAST_PREFIX)
        return query, columns.folded

    def _by_word(self, text: str) -> tuple[Any, Any] | None:
        longest = max(name_words(text), key=len, default="")
        if len(longest) < PREFIX_MIN_CHARS:
            return None
        columns = tables.account_name_prefix.c
        token = self._token(longest[:PREFIX_MAX_CHARS])
        return select(columns.folded, columns.account_id.label("id")).where(columns.token == token), columns.folded
