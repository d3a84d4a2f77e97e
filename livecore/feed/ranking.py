"""The order of `discover`: a pure function of what is known about items and their viewer, with `now` as an argument.

A score is the sum of named parts, each between 0 and 1 times its weight; the parts that lift an item are its reasons.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Half of an item's freshness is gone after this: most of what is watched is watched within two days.
FRESH_HALF_S = 24 * 3600
# Nobody knows yet how an item does: it is taken for an average one until this many people saw it.
PRIOR_VIEWS = 8.0
PRIOR_ENGAGEMENT = 0.35
# An item with fewer views is new to people; some room is kept for such.
NEWCOMER_VIEWS = 10
# What each further item of one creator within a window loses: two in a row are rare, none is shut out.
REPEAT_FACTOR = 0.6
# Watched for so much of its length, it was seen.
SEEN_SHARE = 0.9
SEEN_FACTOR = 0.15
NOT_INTERESTED_FACTOR = 0.2

WEIGHTS: Mapping[str, float] = {
    "fresh": 1.0,
    "engaging": 1.0,
    "close": 0.9,
    "interests": 0.8,
    "creator": 0.4,
    "new_creator": 0.35,
}
# A part is told as a reason from here on.
REASON_FROM = 0.25


@dataclass(frozen=True)
class Item:
    """What is known of an item. `watched_ms` is the sum over its viewers, `length_ms` 0 for what has no length."""

    kind: str
    id: str
    owner_id: str
    at_ms: int
    length_ms: int = 0
    watched_ms: int = 0
    views: int = 0
    likes: int = 0
    comments: int = 0
    shares: int = 0
    tags: tuple[str, ...] = ()

    @property
    def reach(self) -> int:
        """How many saw it, at least: who acted on it has seen it, whether or not their client told so."""
        return max(self.views, self.likes, self.comments, self.shares)


@dataclass(frozen=True)
class Viewer:
    """What the person lets be used. Shares are between 0 and 1.

    `creators`, `tags`: how much of their time of watching went there. `seen`: the share of each item that they watched.
    `unwanted`: creators of whom they said that something does not interest them.
    """

    friends: frozenset[str] = frozenset()
    followed: frozenset[str] = frozenset()
    creators: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)
    unwanted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ranked:
    item: Item
    score: float
    reasons: tuple[str, ...]


def engagement(item: Item) -> float:
    """Watch time over length, with likes, comments and shares; near the average while few have seen it."""
    watched = item.watched_ms / item.length_ms if item.length_ms else item.views * PRIOR_ENGAGEMENT
    # A like is worth a little more than having watched, a share most: it costs one's name.
    acts = 0.5 * item.likes + 0.7 * item.comments + 1.0 * item.shares
    return min(1.0, (PRIOR_VIEWS * PRIOR_ENGAGEMENT + watched + acts) / (PRIOR_VIEWS + max(item.reach, 1)))


def parts(item: Item, viewer: Viewer, quality: float, now_ms: int) -> dict[str, float]:
    age_s = max(0, now_ms - item.at_ms) / 1000
    closeness = 1.0 if item.owner_id in viewer.friends else 0.7 if item.owner_id in viewer.followed else 0.0
    interest = viewer.creators.get(item.owner_id, 0.0) + sum(viewer.tags.get(tag, 0.0) for tag in item.tags)
    return {
        "fresh": 0.5 ** (age_s / FRESH_HALF_S),
        "engaging": engagement(item),
        "close": closeness,
        # A fifth of one's time is a clear liking already.
        "interests": min(1.0, math.sqrt(max(0.0, interest))),
        "creator": quality,
        "new_creator": 1.0 if item.reach < NEWCOMER_VIEWS and quality <= PRIOR_ENGAGEMENT else 0.0,
    }


def rank(items: Sequence[Item], viewer: Viewer, quality: Mapping[str, float], now_ms: int) -> list[Ranked]:
    """Every item once, best first.

    Args:
        quality: of creators, 0 to 1: how their items do on average; who is not in it is not known yet.
    """
    scored = []
    for item in items:
        known = parts(item, viewer, quality.get(item.owner_id, PRIOR_ENGAGEMENT), now_ms)
        score = sum(WEIGHTS[name] * value for name, value in known.items())
        if viewer.seen.get(item.id, 0.0) >= SEEN_SHARE:
            score *= SEEN_FACTOR
        if item.owner_id in viewer.unwanted:
            score *= NOT_INTERESTED_FACTOR
        told = sorted(((WEIGHTS[name] * value, name) for name, value in known.items() if value >= REASON_FROM), reverse=True)
        reasons = tuple(name for _, name in told if not (name == "engaging" and item.reach < NEWCOMER_VIEWS))
        scored.append(Ranked(item, score, reasons[:3]))
    return _varied(scored)


def _varied(scored: list[Ranked]) -> list[Ranked]:
    """Items of one creator spread out: each is worth less than the one before it."""
    scored.sort(key=_order, reverse=True)
    had: dict[str, int] = {}
    weighed = []
    for one in scored:
        times = had.get(one.item.owner_id, 0)
        had[one.item.owner_id] = times + 1
        weighed.append(Ranked(one.item, one.score * REPEAT_FACTOR**times, one.reasons))
    weighed.sort(key=_order, reverse=True)
    return weighed


def _order(one: Ranked) -> tuple[float, int, str]:
    return one.score, one.item.at_ms, one.item.id
