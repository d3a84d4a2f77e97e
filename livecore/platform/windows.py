"""Moving windows in memory: how much was counted for a key in the last seconds. Time is an argument.

A window is kept in `SLICES` steps, so that a key costs at most that many pairs of numbers, however often it is hit. A hit
leaves the window when its whole step has left it: a limit is then kept exactly, and opens again at most a hundredth of its
window late.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

SLICES = 100
# Some 100 bytes an idle key: 20 MB. Beyond it the key that was not hit for longest is forgotten, so that somebody with many
# addresses cannot fill the memory.
KEYS_LIMIT = 200_000


@dataclass
class _Window:
    total: int = 0
    steps: deque[list[float]] = field(default_factory=deque)  # [begin of the step in seconds, count], oldest first


class Windows:
    def __init__(self, keys_limit: int = KEYS_LIMIT) -> None:
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._keys_limit = keys_limit

    def __len__(self) -> int:
        return len(self._windows)

    def hit(self, key: str, count: int, window_s: float, cost: int, now: float) -> float:
        """Count `cost` and answer 0.0; or count nothing and answer the seconds after which it would fit (at most `window_s`)."""
        step_s = window_s / SLICES
        window = self._windows.get(key)
        if window is None:
            if cost > count:
                return window_s
            self._windows[key] = window = _Window()
            if len(self._windows) > self._keys_limit:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(key)
            _forget(window, now - window_s - step_s)
        excess = window.total + cost - count
        if excess > 0:
            for begin, counted in window.steps:
                excess -= int(counted)
                if excess <= 0:
                    return max(0.001, begin + step_s + window_s - now)
            return window_s
        window.total += cost
        if window.steps and now < window.steps[-1][0] + step_s:
            window.steps[-1][1] += cost
        else:
            window.steps.append([now, cost])
        return 0.0

    def left(self, key: str, count: int, window_s: float, now: float) -> int:
        window = self._windows.get(key)
        if window is None:
            return count
        _forget(window, now - window_s - window_s / SLICES)
        if not window.steps:
            del self._windows[key]
            return count
        return max(0, count - window.total)


def _forget(window: _Window, before: float) -> None:
    while window.steps and window.steps[0][0] <= before:
        window.total -= int(window.steps.popleft()[1])
