"""When a path does not even carry the thinnest layer: sound goes on alone, and video is tried again, ever more rarely."""

# A passing dip is over by then; a picture that stutters for longer is worse than none beside clean sound.
STARVED_S = 4.0
# Below this part of the thinnest layer's rate, resends and key frames leave nothing that moves.
STARVED_SHARE = 0.9
RETRY_S = 8.0
RETRY_LIMIT_S = 60.0
# Video that was carried for so long was worth trying.
RECOVERED_S = 20.0


class Starvation:
    """`paused`: no video is to be sent now."""

    def __init__(self) -> None:
        self.paused = False
        self._starved_since: float | None = None  # None while the path carries enough
        self._retry_at = 0.0
        self._retry_s = RETRY_S
        self._sending_since: float | None = None  # None before the first look

    def on_tick(self, thinnest_bps: int, estimate_bps: int | None, now: float) -> bool:
        """Whether video is to be sent. `thinnest_bps`: rate of the thinnest layer; 0 while it is not known."""
        if self.paused:
            if now < self._retry_at:
                return False
            self.paused, self._starved_since, self._sending_since = False, None, now
            return True
        if self._sending_since is None:
            self._sending_since = now
        if now - self._sending_since > RECOVERED_S:
            self._retry_s = RETRY_S
        if not thinnest_bps or estimate_bps is None or estimate_bps >= STARVED_SHARE * thinnest_bps:
            self._starved_since = None
            return True
        if self._starved_since is None:
            self._starved_since = now
        if now - self._starved_since < STARVED_S:
            return True
        self.paused = True
        self._retry_at = now + self._retry_s
        self._retry_s = min(RETRY_LIMIT_S, self._retry_s * 2)
        return False
