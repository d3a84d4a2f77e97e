"""The feed: items of every kind as far as their viewer may see them.

`home` brings what friends, those one follows and oneself made, by time. `discover` brings what is for everyone: ranked for who lets
their habits be used, else by time. How a walk keeps its place is said in `walk`.

A page by time continues strictly below the last entry that was looked at, by (at_ms, id): what is published meanwhile lies above. Of
many owners only a span of time is read, wide enough for a page: each owner is one range of an index, so a page costs the same on the
first day and years back.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from livecore.feed.choices import Choices, Unwanted
from livecore.feed.ranking import Item, Ranked, Viewer, rank
from livecore.feed.walk import EXPIRES_MS, LIFTED_ITEMS, WINDOW_ITEMS, Coming, Position, Walk
from livecore.ports import (
    Audience,
    Clock,
    CreatorQuality,
    Directory,
    FeedEntry,
    FeedSource,
    Followed,
    PersonCard,
    Principal,
    Relations,
    WatchHistory,
)

Scope = Literal["home", "discover"]

# Rounds through the sources for one page when most of what they give may not be seen; the page is then short, not the walk.
ROUNDS_LIMIT = 5
# How far back the first look goes; four times as far each time that it finds too little.
SPAN_MS = 6 * 3600 * 1000
SPAN_GROWTH = 4
TOP: Position = (1 << 53, "g")  # above every time and every id


@dataclass(frozen=True)
class FeedPage:
    """`next` is where the following page begins, None at the end. `cards` holds the owner of each entry; `reasons` why a ranked one stands there."""

    entries: Sequence[FeedEntry]
    cards: Mapping[str, PersonCard]
    next: Walk | None
    reasons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """One request's view of its viewer."""

    me: str
    owners: frozenset[str] | None
    hidden: frozenset[str]  # blocked either way, and muted
    friends: frozenset[str]
    unwanted: Unwanted
    followed: frozenset[str] = frozenset()


class Feed:
    """`ranked`: whether `discover` may be ranked at all (a feed of posts alone is not)."""

    def __init__(
        self,
        relations: Relations,
        directory: Directory,
        followed: Followed,
        choices: Choices,
        history: WatchHistory,
        creators: CreatorQuality,
        clock: Clock,
        sources: Sequence[FeedSource],
        *,
        ranked: bool = True,
    ) -> None:
        self._relations = relations
        self._directory = directory
        self._followed = followed
        self._choices = choices
        self._history = history
        self._creators = creators
        self._clock = clock
        self._sources = sources
        self._ranked = ranked

    async def page(self, viewer: Principal, scope: Scope, limit: int, walk: Walk | None) -> FeedPage:
        me = viewer.account_id
        now_ms = self._clock.at_ms()
        if walk is not None and walk.waiting and now_ms - walk.begun_ms > EXPIRES_MS:
            walk = None
        asked = await self._ask(me, scope)
        is_ranked = scope == "discover" and self._ranked and (walk.is_ranked if walk else await self._is_personalised(me))
        if walk is None:
            walk = Walk(now_ms, TOP, SPAN_MS, is_ranked=is_ranked)
        if not is_ranked:
            return await self._by_time(asked, limit, walk)
        return await self._by_rank(asked, limit, walk)

    async def seen_now(self, viewer: Principal, wanted: Sequence[tuple[str, str]], *, also_muted: bool = False) -> FeedPage:
        """Those of the items (kind, id) that the viewer may see now, in this order; hidden ones too: they were asked for. `also_muted`:
        those of people whom the viewer muted as well."""
        asked = dataclasses.replace(await self._ask(viewer.account_id, "discover"), unwanted=Unwanted())
        if also_muted:
            asked = dataclasses.replace(asked, hidden=await self._relations.blocked_either_way(viewer.account_id))
        shown, cards = await self._seen_by(asked, await self._entries(wanted))
        return FeedPage(shown, cards, None)

    async def owners_shown(self, viewer: Principal, owner_ids: Collection[str]) -> frozenset[str]:
        """Those of the accounts of whom the viewer is shown anything now."""
        asked = await self._ask(viewer.account_id, "discover")
        return frozenset(await self._directory.active_cards(asked.me, owner_ids)) - asked.hidden

    async def _is_personalised(self, me: str) -> bool:
        return bool(await self._directory.setting(me, "personalised")) and not await self._directory.setting(me, "restrict")

    async def _ask(self, me: str, scope: Scope) -> _Asked:
        hidden = await self._relations.blocked_either_way(me)
        friends = await self._relations.friends_of(me)
        unwanted = await self._choices.of(me)
        if unwanted.muted:
            hidden |= unwanted.muted
        if scope == "discover":
            return _Asked(me, None, hidden, friends, unwanted)
        followed = await self._followed.followed_by(me)
        return _Asked(me, (friends | followed | {me}) - hidden, hidden, friends, unwanted, followed)

    # -- by time

    async def _by_time(self, asked: _Asked, limit: int, walk: Walk) -> FeedPage:
        found: list[FeedEntry] = []
        cards: dict[str, PersonCard] = {}
        below, span_ms = walk.below, walk.span_ms
        for _ in range(ROUNDS_LIMIT):
            if below is None:
                break
            candidates, is_end, span_ms = await self._look(asked.owners, below, limit, span_ms)
            shown, known = await self._seen_by(asked, candidates, walk.lifted)
            cards |= known
            room = limit - len(found)
            if len(shown) > room or (len(shown) == room and not is_end):
                found += shown[:room]
                below = (found[-1].at_ms, found[-1].id)
                break
            found += shown
            below = None if is_end else (candidates[-1].at_ms, candidates[-1].id)
        return FeedPage(found, cards, None if below is None else dataclasses.replace(walk, below=below, span_ms=span_ms))

    async def _look(self, owners: frozenset[str] | None, below: Position, limit: int, span_ms: int) -> tuple[list[FeedEntry], bool, int]:
        """The newest `limit` entries of all sources below a position, whether that is all there is, and how far back it had to look."""
        top_ms = min(below[0], self._clock.at_ms() + 1)
        first_span_ms = span_ms
        while True:
            after_ms = 0 if owners is None else max(0, top_ms - span_ms)
            entries: list[FeedEntry] = []
            is_whole = True
            for source in self._sources:
                given = await source.newest(owners, below, limit, after_ms=after_ms)
                entries += given
                is_whole = is_whole and len(given) < limit
            if after_ms == 0 or len(entries) >= limit:
                break
            span_ms *= SPAN_GROWTH
        if span_ms == first_span_ms and len(entries) >= limit and owners is not None:
            span_ms = max(60_000, span_ms // 2)  # it may have been far too wide
        if len(self._sources) > 1:
            entries.sort(key=_place, reverse=True)
        return entries[:limit], is_whole and after_ms == 0 and len(entries) <= limit, span_ms

    async def _seen_by(
        self, asked: _Asked, entries: Sequence[FeedEntry], lifted: Collection[str] = ()
    ) -> tuple[list[FeedEntry], Mapping[str, PersonCard]]:
        """Those that the viewer may see now, in their order, and cards of their owners."""
        unwanted = asked.unwanted.items
        open_ones = [
            entry for entry in entries if entry.owner_id not in asked.hidden and entry.id not in unwanted and entry.id not in lifted
        ]
        cards = await self._directory.active_cards(asked.me, {entry.owner_id for entry in open_ones}) if open_ones else {}
        allowed: dict[tuple[str, Audience], bool] = {}
        shown = []
        for entry in open_ones:
            if entry.owner_id not in cards:
                continue
            if entry.visibility != "everyone" and entry.owner_id != asked.me:
                key = (entry.owner_id, entry.visibility)
                if key not in allowed:
                    allowed[key] = await self._relations.allows(entry.owner_id, asked.me, entry.visibility)
                if not allowed[key]:
                    continue
            shown.append(entry)
        return shown, cards

    # -- by rank

    async def _by_rank(self, asked: _Asked, limit: int, walk: Walk) -> FeedPage:
        found: list[FeedEntry] = []
        cards: dict[str, PersonCard] = {}
        reasons: dict[str, tuple[str, ...]] = {}
        for _ in range(ROUNDS_LIMIT):
            if not walk.waiting:
                if walk.below is None:
                    return FeedPage(found, cards, None, reasons)
                walk = await self._next_window(asked, walk)
            while walk.waiting and len(found) < limit:
                room = limit - len(found)
                part, rest = walk.waiting[:room], walk.waiting[room:]
                walk = dataclasses.replace(walk, waiting=rest)
                shown, known = await self._seen_by(asked, await self._entries([(one.kind, one.id) for one in part]))
                found += shown
                cards |= known
                reasons |= {one.id: one.reasons for one in part}
            if len(found) == limit:
                break
        is_end = not walk.waiting and walk.below is None
        return FeedPage(found, cards, None if is_end else walk, reasons)

    async def _entries(self, wanted: Sequence[tuple[str, str]]) -> list[FeedEntry]:
        """As they are now, in the order that was fixed; what is gone is left out."""
        there: dict[str, FeedEntry] = {}
        for source in self._sources:
            ids = [item_id for kind, item_id in wanted if kind == source.kind]
            if ids:
                there |= {entry.id: entry for entry in await source.entries(ids)}
        return [there[item_id] for _, item_id in wanted if item_id in there]

    async def _next_window(self, asked: _Asked, walk: Walk) -> Walk:
        assert walk.below is not None
        candidates, is_end, _ = await self._look(None, walk.below, WINDOW_ITEMS, walk.span_ms)
        below = None if is_end else _place(candidates[-1])
        shown, _ = await self._seen_by(asked, candidates, walk.lifted)
        lifted = walk.lifted
        if walk.below == TOP and below is not None:
            # What friends and those one follows made before the window's time.
            close = asked.friends | await self._followed.followed_by(asked.me)
            if close:
                older, _, _ = await self._look(close - asked.hidden, below, LIFTED_ITEMS, SPAN_MS)
                older = [entry for entry in older if entry.visibility == "everyone"]
                extra, _ = await self._seen_by(asked, older)
                shown += extra
                lifted = frozenset(entry.id for entry in extra)
        order = await self._rank(asked, shown)
        return dataclasses.replace(
            walk, below=below, lifted=lifted, waiting=tuple(Coming(one.item.kind, one.item.id, one.reasons) for one in order)
        )

    async def _rank(self, asked: _Asked, entries: Sequence[FeedEntry]) -> list[Ranked]:
        creators, tags, seen = await self._history.habits(asked.me)
        viewer = Viewer(asked.friends, await self._followed.followed_by(asked.me), creators, tags, seen, asked.unwanted.owners)
        quality = await self._creators.quality(list({entry.owner_id for entry in entries}))
        return rank([_item(entry) for entry in entries], viewer, quality, self._clock.at_ms())


def _place(entry: FeedEntry) -> Position:
    return entry.at_ms, entry.id


def _item(entry: FeedEntry) -> Item:
    return Item(
        entry.kind,
        entry.id,
        entry.owner_id,
        entry.at_ms,
        entry.length_ms,
        entry.watched_ms,
        entry.views,
        entry.likes,
        entry.comments,
        entry.shares,
        entry.tags,
    )
