"""Who meets whom: the pairing of strangers who wait. Pure: those who wait and the time in, pairs out.

Whoever waits longest is paired first, with whoever fits best. What "fits" asks for loosens with the wait, so that nobody
with rare interests waits for ever: first an interest and a language in common, then a language, then anybody, at last
also somebody met a short while ago. Blocks and reports never loosen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

Mode = Literal["chat", "video"]
MODES: tuple[Mode, ...] = ("chat", "video")

# Long enough for a second person with the same interest to come by, short enough that nobody leaves.
INTEREST_MS = 4_000
# Without a language in common two people have little to say; a video still has gestures.
LANGUAGE_MS = 10_000
# Meeting the same person again is better than meeting nobody.
RECENT_MS = 25_000
# Those who wait longest that one round looks at: a round costs the square of it.
WINDOW = 300


@dataclass(frozen=True)
class Seeker:
    """Somebody who waits. `ticket` is new with each entry; `since_ms` Unix milliseconds; `recent` whom they met lately."""

    account_id: str
    ticket: str
    mode: Mode
    since_ms: int
    interests: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    recent: frozenset[str] = frozenset()


Pair = tuple[Seeker, Seeker]


def fits(one: Seeker, other: Seeker, now_ms: int) -> bool:
    """Whether the two may meet now; the wait of the one who waits longer decides."""
    if one.account_id == other.account_id or one.mode != other.mode:
        return False
    waited_ms = now_ms - min(one.since_ms, other.since_ms)
    met = other.account_id in one.recent or one.account_id in other.recent
    if met and waited_ms < RECENT_MS:
        return False
    # Who names no languages or no interests is content with any.
    speak = not one.languages or not other.languages or bool(one.languages & other.languages)
    if not speak and waited_ms < LANGUAGE_MS:
        return False
    share = not one.interests or not other.interests or bool(one.interests & other.interests)
    return share or waited_ms >= INTEREST_MS


def _closeness(one: Seeker, other: Seeker) -> tuple[bool, bool, int, int]:
    met = other.account_id in one.recent or one.account_id in other.recent
    return not met, bool(one.languages & other.languages), len(one.interests & other.interests), -other.since_ms


def pairs(seekers: Sequence[Seeker], now_ms: int, refused: Collection[frozenset[str]] = frozenset()) -> list[Pair]:
    """Disjoint pairs, those who wait longest first. `refused` are pairs of account ids that must not meet."""
    waiting = sorted(seekers, key=lambda seeker: (seeker.since_ms, seeker.ticket))[:WINDOW]
    taken: set[str] = set()
    found: list[Pair] = []
    for place, one in enumerate(waiting):
        if one.account_id in taken:
            continue
        candidates = [
            other
            for other in waiting[place + 1 :]
            if other.account_id not in taken and fits(one, other, now_ms) and frozenset((one.account_id, other.account_id)) not in refused
        ]
        if candidates:
            best = max(candidates, key=lambda other: _closeness(one, other))
            taken |= {one.account_id, best.account_id}
            found.append((one, best))
    return found


def next_change_ms(seekers: Sequence[Seeker], now_ms: int) -> int | None:
    """When somebody's wait next loosens what fits; None when nothing changes by waiting."""
    due = [
        seeker.since_ms + step for seeker in seekers for step in (INTEREST_MS, LANGUAGE_MS, RECENT_MS) if seeker.since_ms + step > now_ms
    ]
    return min(due, default=None)
