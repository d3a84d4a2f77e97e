"""A bitrate from a total that only grows, measured when somebody asks."""

# Shorter spans jump with each frame; whoever asks more often is told the last measure.
SPAN_S = 1.0


class Meter:
    def __init__(self) -> None:
        self._bps = 0
        self._octets = 0
        self._at: float | None = None  # None before the first reading

    def read(self, octets: int, now: float) -> int:
        """Bits a second since the last measure; 0 at the first reading."""
        if self._at is None:
            self._at, self._octets = now, octets
        elif now - self._at >= SPAN_S:
            self._bps = int((octets - self._octets) * 8 / (now - self._at))
            self._at, self._octets = now, octets
        return self._bps
