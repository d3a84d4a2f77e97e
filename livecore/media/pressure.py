"""When the worker runs out of time, layered lives are sent one layer thinner, before anybody waits for anything."""

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

    def on_load(self, share: float) -> None:
        """Once a second: how much of a core the worker has used."""
        self._high = self._high + 1 if share > HIGH else 0
        self._low = self._low + 1 if share < LOW else 0
        if self._high >= SECONDS_HIGH and self.shed < SHED_LIMIT:
            self.shed, self._high = self.shed + 1, 0
        elif self._low >= SECONDS_LOW and self.shed:
            self.shed, self._low = self.shed - 1, 0
