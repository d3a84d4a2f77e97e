"""The slope of a line through the last points, with running sums: a point costs the same however many there are."""

from collections import deque

# The draft's window (draft-ietf-rmcat-gcc-02 section 5.4).
TREND_POINTS = 20
# Below this, in units of x squared times points squared, the points stand on one place, and what is left is rounding.
_SPREAD_LEAST = 1e-6


class Trend:
    """Sums are relative to one of the points, and made anew once a window: neither large numbers nor rounding add up."""

    __slots__ = ("_base_x", "_base_y", "_fresh", "_kept", "_x", "_xx", "_xy", "_y")

    def __init__(self) -> None:
        self._kept: deque[tuple[float, float]] = deque()
        self.clear()

    def clear(self) -> None:
        self._kept.clear()
        self._fresh = 0  # points since the sums were made anew
        self._base_x = self._base_y = self._x = self._y = self._xx = self._xy = 0.0

    @property
    def points(self) -> int:
        return len(self._kept)

    def add(self, x: float, y: float) -> None:
        kept = self._kept
        kept.append((x, y))
        if len(kept) > TREND_POINTS:
            old_x, old_y = kept.popleft()
            dx, dy = old_x - self._base_x, old_y - self._base_y
            self._x -= dx
            self._y -= dy
            self._xx -= dx * dx
            self._xy -= dx * dy
        self._fresh += 1
        if len(kept) == 1 or self._fresh >= TREND_POINTS:
            self._fresh = 0
            self._base_x, self._base_y = x, y
            self._x = self._y = self._xx = self._xy = 0.0
            for one in kept:
                self._sum(*one)
        else:
            self._sum(x, y)

    def _sum(self, x: float, y: float) -> None:
        dx, dy = x - self._base_x, y - self._base_y
        self._x += dx
        self._y += dy
        self._xx += dx * dx
        self._xy += dx * dy

    def slope(self) -> float:
        """0 where all points have the same x."""
        points = len(self._kept)
        spread = points * self._xx - self._x * self._x
        return (points * self._xy - self._x * self._y) / spread if spread > _SPREAD_LEAST else 0.0
