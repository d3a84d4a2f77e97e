"""The feed: items of every kind in one order of time, as far as their viewer may see them.

A page continues strictly below the last entry that was looked at, by (at_ms, id): what is published while somebody walks
lies above the walk, so no item comes twice and none that was there is missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from livecore.ports import Audience, Directory, FeedEntry, FeedSource, Principal, Relations

Scope = Literal["home", "discover"]
Position = tuple[int, str]

# Rounds through the sources for one page when most of what they give may not be seen; the page is then short, not the walk.
ROUNDS_LIMIT = 5


@dataclass(frozen=True)
class FeedPage:
    """`next` is where the following page begins, None at the end."""

    entries: Sequence[FeedEntry]
    next: Position | None


class Feed:
    """`home` brings what friends and the viewer made, `discover` what is for everyone."""

    def __init__(self, relations: Relations, directory: Directory, sources: Sequence[FeedSource]) -> None:
        self._relations = relations
        self._directory = directory
        self._sources = sources

    async def page(self, viewer: Principal, scope: Scope, limit: int, before: Position | None) -> FeedPage:
        me = viewer.account_id
        hidden = await self._relations.blocked_either_way(me)
        owners = (await self._relations.friends_of(me)) | {me} if scope == "home" else None
        allowed: dict[tuple[str, Audience], bool] = {}
        found: list[FeedEntry] = []
        for _ in range(ROUNDS_LIMIT):
            candidates, is_end = await self._merged(viewer, owners, hidden, before, limit)
            for entry in candidates:
                before = (entry.at_ms, entry.id)
                if await self._may_see(me, entry, allowed):
                    found.append(entry)
                    if len(found) == limit:
                        is_last = is_end and entry is candidates[-1]
                        return FeedPage(found, None if is_last else before)
            if is_end:
                return FeedPage(found, None)
        return FeedPage(found, before)

    async def _merged(
        self, viewer: Principal, owners: frozenset[str] | None, hidden: frozenset[str], before: Position | None, limit: int
    ) -> tuple[list[FeedEntry], bool]:
        """The newest `limit` entries of all sources below `before`, and whether that is the end of every source."""
        entries: list[FeedEntry] = []
        is_end = True
        for source in self._sources:
            given = await source.newest(viewer, owners, hidden, before, limit)
            entries += given
            is_end = is_end and len(given) < limit
        entries.sort(key=lambda entry: (entry.at_ms, entry.id), reverse=True)
        return entries[:limit], is_end and len(entries) <= limit

    async def _may_see(self, me: str, entry: FeedEntry, allowed: dict[tuple[str, Audience], bool]) -> bool:
        if entry.owner_id == me:
            return True
        key = (entry.owner_id, entry.visibility)
        if key not in allowed:
            is_there = await self._directory.is_active(entry.owner_id)
            allowed[key] = is_there and await self._relations.allows(entry.owner_id, me, entry.visibility)
        return allowed[key]
