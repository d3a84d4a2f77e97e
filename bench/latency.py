"""Many durations in little memory: a histogram whose cells grow by 4 %, from which percentiles are read."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

# A cell's width: percentiles are right within 4 %, less than one run differs from the next.
GROWTH = 1.04
_LOG = math.log(GROWTH)
# The shortest told apart: a microsecond.
FLOOR_MS = 0.001


class Latencies:
    """Durations in milliseconds."""

    def __init__(self) -> None:
        self.cells: Counter[int] = Counter()
        self.count = 0
        self.sum_ms = 0.0
        self.max_ms = 0.0

    def clear(self) -> None:
        self.cells.clear()
        self.count = 0
        self.sum_ms = self.max_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """A negative one (clocks of two processes) counts as nought."""
        duration_ms = max(0.0, duration_ms)
        self.cells[int(math.log(max(duration_ms, FLOOR_MS) / FLOOR_MS) / _LOG)] += 1
        self.count += 1
        self.sum_ms += duration_ms
        self.max_ms = max(self.max_ms, duration_ms)

    def extend(self, durations_ms: Iterable[float]) -> None:
        for duration_ms in durations_ms:
            self.add(duration_ms)

    def percentile(self, share: float) -> float | None:
        """The duration that this share (0 to 1) did not exceed; None without any."""
        if not self.count:
            return None
        wanted, seen = share * self.count, 0
        for cell in sorted(self.cells):
            seen += self.cells[cell]
            if seen >= wanted:
                return min(self.max_ms, FLOOR_MS * math.exp((cell + 1) * _LOG))
        return self.max_ms

    def merge(self, told: Mapping[str, object]) -> None:
        """Take in what another process's `tell` said."""
        cells = told["cells"]
        assert isinstance(cells, Mapping)
        for cell, count in cells.items():
            self.cells[int(cell)] += int(count)
            self.count += int(count)
        self.sum_ms += float(str(told["sum_ms"]))
        self.max_ms = max(self.max_ms, float(str(told["max_ms"])))

    def tell(self) -> dict[str, object]:
        """For another process, as JSON."""
        return {"cells": {str(cell): count for cell, count in self.cells.items()}, "sum_ms": self.sum_ms, "max_ms": self.max_ms}

    def summary(self) -> dict[str, float | int | None]:
        def rounded(value: float | None) -> float | None:
            return None if value is None else round(value, 3)

        return {
            "count": self.count,
            "mean_ms": rounded(self.sum_ms / self.count) if self.count else None,
            "p50_ms": rounded(self.percentile(0.50)),
            "p95_ms": rounded(self.percentile(0.95)),
            "p99_ms": rounded(self.percentile(0.99)),
            "max_ms": rounded(self.max_ms) if self.count else None,
        }
