"""A clock that stands still until it is told to go on."""

import time


class FakeClock:
    """Keeps the promise of `ports.Clock`; `advance` moves both of its times."""

    def __init__(self, at_ms: int | None = None) -> None:
        self._at_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
        self._now = 1000.0

    def now(self) -> float:
        return self._now

    def at_ms(self) -> int:
        return self._at_ms

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._at_ms += int(seconds * 1000)


class ShiftedClock:
    """The real clock plus a shift: time goes on by itself and can be moved ahead."""

    def __init__(self) -> None:
        self.shift_s = 0.0

    def now(self) -> float:
        return time.monotonic() + self.shift_s

    def at_ms(self) -> int:
        return time.time_ns() // 1_000_000 + int(self.shift_s * 1000)

    def advance(self, seconds: float) -> None:
        self.shift_s += seconds
