"""What a device that comes back is told of one conversation. Pure.

A device says up to where it has kept everything (`epoch`, `seq`); the store knows up to where it has given
everything (`cursor`), since when it holds for this device (`since`), and up to where something expired (`lost`).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device says it is. `epoch` None: it has never seen the conversation."""

    epoch: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the store says of the conversation and this device."""

    epoch: str
    head: int
    cursor: int
    since: int
    lost: int
    timer_s: int | None = None  # what is said here disappears after this; None: not


@dataclass(frozen=True, slots=True)
class Resume:
    """Give what is held after `after`; `reset`: something between was lost, and the device must be told."""

    after: int
    reset: bool


def resume(place: Place | None, held: Held) -> Resume:
    if place is None or place.epoch is None:
        # A first time misses only what expired while nobody was there to take it.
        return Resume(max(held.since, held.cursor), reset=held.lost > held.since)
    if place.epoch != held.epoch or place.seq > held.head:
        # Another order of numbers (a store that was set back): nothing that the device knows fits.
        return Resume(max(held.since, held.cursor), reset=True)
    # Behind what it has already taken: those bodies may be gone.
    return Resume(max(place.seq, held.since), reset=place.seq < max(held.cursor, held.since, held.lost))
