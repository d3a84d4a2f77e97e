"""The machine's clocks; keeps the promise of `ports.Clock`."""

import time


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def at_ms(self) -> int:
        return time.time_ns() // 1_000_000
