"""Which live is shown first to whom. Pure: what is known of each live in, an order with reasons out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Reason = Literal["friend", "followed", "interests", "popular", "fresh", "newcomer"]

# Somebody one knows comes before any crowd: a live of a thousand viewers weighs 3.5.
FRIEND = 4.0
FOLLOWED = 3.0
# For each interest in common, at most two of them.
INTEREST = 1.25
# For each doubling of the viewers: the second hundred says less than the first.
VIEWERS = 0.35
VIEWERS_MOST = 4.0
# A live that begins now, and how fast that fades: after half an hour it is a third.
FRESH = 1.5
FRESH_FADE_MS = 30 * 60 * 1000
# Every so many places one is for somebody who has hardly been live yet, whatever the crowd: else only the known become known.
NEWCOMER_EVERY = 5
NEWCOMER_LIVES = 5


@dataclass(frozen=True)
class Known:
    """One live as it concerns a viewer. `former_lives`: how often its host was live before."""

    id: str
    started_ms: int
    viewers: int
    friend: bool = False
    followed: bool = False
    common: int = 0
    former_lives: int = 0

    @property
    def newcomer(self) -> bool:
        return self.former_lives < NEWCOMER_LIVES


@dataclass(frozen=True)
class Ranked:
    id: str
    reason: Reason


def parts(live: Known, now_ms: int) -> dict[Reason, float]:
    """What the place of a live is made of."""
    age_ms = max(0, now_ms - live.started_ms)
    return {
        "friend": FRIEND if live.friend else 0.0,
        "followed": FOLLOWED if live.followed else 0.0,
        "interests": INTEREST * min(2, live.common),
        "popular": min(VIEWERS_MOST, VIEWERS * math.log2(1 + live.viewers)),
        "fresh": FRESH * math.exp(-age_ms / FRESH_FADE_MS),
    }


def by_time(lives: Sequence[Known]) -> list[Ranked]:
    """For who does not want to be shown things by what is known of them."""
    return [Ranked(live.id, "fresh") for live in sorted(lives, key=lambda live: (live.started_ms, live.id), reverse=True)]


def ranked(lives: Sequence[Known], now_ms: int) -> list[Ranked]:
    """Every live once, best first; every fifth place is a newcomer's while there are any who are not placed yet."""
    scored = {live.id: parts(live, now_ms) for live in lives}
    waiting = sorted(lives, key=lambda live: (-sum(scored[live.id].values()), live.id))
    found: list[Ranked] = []
    while waiting:
        chosen = waiting[0]
        reason: Reason = max(scored[chosen.id], key=lambda name: scored[chosen.id][name])
        if len(found) % NEWCOMER_EVERY == NEWCOMER_EVERY - 1 and not chosen.newcomer:
            newcomer = next((live for live in waiting if live.newcomer), None)
            if newcomer is not None:
                chosen, reason = newcomer, "newcomer"
        waiting.remove(chosen)
        found.append(Ranked(chosen.id, reason))
    return found
