"""When the worker runs out of time: layered lives are sent one layer thinner, and what has become too old is left out by whole pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livecore.media.pacer import Lane

# Share of a core over a second. Above it, packets begin to wait for one another.
HIGH, LOW = 0.85, 0.6
# A burst of joins is over in a second or two; stepping back up too soon would bring the load right back.
SECONDS_HIGH, SECONDS_LOW = 3, 15
SHED_LIMIT = 2


class Pressure:
    """`shed`: how many of the best layers are not to be sent now."""

    def __init__(self) -> None:
        self.shed = 0
        self._high = self._low = 0

    def on_load(self, share: float, *, late: bool = False) -> None:
        """Once a second: how much of a core the worker has used, and whether pictures were left out for their age.

        Where others have the core, a small share is all that there was.
        """
        self._high = self._high + 1 if share > HIGH or late else 0
        self._low = self._low + 1 if share < LOW and not late else 0
        if self._high >= SECONDS_HIGH and self.shed < SHED_LIMIT:
            self.shed, self._high = self.shed + 1, 0
        elif self._low >= SECONDS_LOW and self.shed:
            self.shed, self._low = self.shed - 1, 0


class AgeLimit:
    """How old a picture may be when it is queued for viewers: what came before it included, it would leave still later.

    Args:
        limit_s: see `WorkerSettings.late_s`.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._worker_late = False

    def exceeded(self, lane: Lane | None, age_s: float, now: float) -> bool:
        """Whether a picture that came `age_s` ago is too old behind what waits in this lane (None: no viewer's)."""
        waited_s = lane.waited_s(now) if lane is not None else 0.0
        late = age_s + waited_s > self.limit_s or (lane is not None and lane.full)
        if late and (lane is None or lane.pace is None):
            self._worker_late = True
        return late

    def take(self) -> bool:
        """Whether the worker itself (not one viewer's path) has been late since the last call."""
        late, self._worker_late = self._worker_late, False
        return late
