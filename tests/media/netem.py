"""A network in virtual time: loss (random and in bursts), delay, jitter, reordering, duplication, rate; all from one seed."""

import heapq
import itertools
import random
from dataclasses import dataclass
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Conditions:
    """`loss`: share of packets lost at random. `burst`: mean length of a loss (1: independent losses).
    `reorder`: share that overtakes those before it by one `delay_s`. `rate_bps` 0: unlimited; a queue longer than
    `queue_s` loses its newest packet."""

    loss: float = 0.0
    cut: bool = False  # everything is lost
    burst: float = 1.0
    delay_s: float = 0.02
    jitter_s: float = 0.0
    reorder: float = 0.0
    duplicate: float = 0.0
    rate_bps: float = 0.0
    queue_s: float = 0.3


class Link(Generic[ItemT]):
    """One direction of a path. `send` takes an item and its size; `arrived` gives what has come by a time, in order of arrival."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions = conditions
        self.lost = 0
        self._random = random.Random(seed)
        self._heap: list[tuple[float, int, ItemT]] = []
        self._order = itertools.count()
        self._free_at = 0.0
        self._losing = False

    def send(self, item: ItemT, size_bytes: int, now: float) -> None:
        c = self.conditions
        # Two states (Gilbert): in a burst everything is lost; lengths are geometric around `burst`.
        if self._losing:
            self._losing = self._random.random() >= 1 / c.burst
        else:
            self._losing = self._random.random() < c.loss / c.burst / max(1e-9, 1 - c.loss) if c.loss else False
        if self._losing or c.cut:
            self.lost += 1
            return
        leaves = now
        if c.rate_bps:
            leaves = max(now, self._free_at) + size_bytes * 8 / c.rate_bps
            if leaves - now > c.queue_s:
                self.lost += 1
                return
            self._free_at = leaves
        for _ in range(2 if self._random.random() < c.duplicate else 1):
            delay = 0.0 if self._random.random() < c.reorder else c.delay_s
            heapq.heappush(self._heap, (leaves + delay + self._random.random() * c.jitter_s, next(self._order), item))

    def arrived(self, now: float) -> list[tuple[float, ItemT]]:
        """(arrival, item) of everything that has arrived by now."""
        out: list[tuple[float, ItemT]] = []
        while self._heap and self._heap[0][0] <= now:
            at, _, item = heapq.heappop(self._heap)
            out.append((at, item))
        return out
