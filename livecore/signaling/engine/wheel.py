"""One timer for all connections' pings: a wheel of slots that turns once per ping interval. Pure.

A connection is pinged when the hand passes its slot and looked at again `timeout` later; both may be early by one
slot, never late, so that a connection is not held for longer than was announced.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

SLOTS = 25


class Wheel(Generic[T]):
    def __init__(self, interval_s: float, timeout_s: float) -> None:
        self.tick_s = interval_s / SLOTS
        self._lag = max(1, int(timeout_s / self.tick_s + 1e-9))
        self._ring: list[dict[T, None]] = [{} for _ in range(SLOTS)]
        self._slot_of: dict[T, int] = {}
        self._due: dict[int, list[T]] = {}  # turn of the hand at which those pinged must have answered
        self._hand = 0

    def __len__(self) -> int:
        return len(self._slot_of)

    def add(self, one: T) -> None:
        slot = self._hand % SLOTS
        self._slot_of[one] = slot
        self._ring[slot][one] = None

    def remove(self, one: T) -> None:
        slot = self._slot_of.pop(one, None)
        if slot is not None:
            del self._ring[slot][one]

    def turn(self) -> tuple[list[T], list[T]]:
        """One tick: whose turn it is to be pinged, and who was pinged `timeout` ago and must have answered by now."""
        self._hand += 1
        late = [one for one in self._due.pop(self._hand, ()) if one in self._slot_of]
        return list(self._ring[self._hand % SLOTS]), late

    def expect(self, pinged: list[T]) -> None:
        """These were pinged in this turn: they are looked at again when `timeout` is over."""
        if pinged:
            self._due[self._hand + self._lag] = pinged
