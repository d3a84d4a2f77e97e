"""When a path does not even carry the thinnest layer: sound goes on alone, video is tried again, ever more rarely; at last the viewer is told."""

from dataclasses import dataclass

# Below this part of the thinnest layer's rate, resends and key frames leave nothing that moves.
STARVED_SHARE = 0.9
RETRY_LIMIT_S = 60.0
# Video that was carried for so long was worth trying.
RECOVERED_S = 20.0
# Sound of which so much is lost, with no picture beside it: the path carries nothing.
HOPELESS_LOSS = 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step of giving up is waited for; see `WorkerSettings`."""

    starved_s: float = 4.0
    retry_s: float = 8.0
    hopeless_s: float = 12.0


PATIENCE = Patience()


class Starvation:
    """`paused`: no video is to be sent now."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.paused = False
        self._patience = patience
        self._starved_since: float | None = None  # None while the path carries enough
        self._retry_at = 0.0
        self._retry_s = patience.retry_s
        self._sending_since: float | None = None  # None before the first look
        self._hopeless_since: float | None = None  # None while something arrives

    def on_tick(self, thinnest_bps: int, estimate_bps: int | None, now: float) -> bool:
        """Whether video is to be sent. `thinnest_bps`: rate of the thinnest layer; 0 while it is not known."""
        patience = self._patience
        if self.paused:
            if now < self._retry_at or not thinnest_bps:  # nothing to try
                return False
            self.paused, self._starved_since, self._sending_since = False, None, now
            return True
        if self._sending_since is None:
            self._sending_since = now
        carried_s = now - self._sending_since
        if carried_s > RECOVERED_S:
            self._retry_s = patience.retry_s
        if not thinnest_bps or estimate_bps is None or estimate_bps >= STARVED_SHARE * thinnest_bps:
            self._starved_since = None
            if carried_s > patience.starved_s:  # before that, it is a try whose outcome is not known
                self._hopeless_since = None
            return True
        if self._starved_since is None:
            self._starved_since = now
        if now - self._starved_since < patience.starved_s:
            return True
        self.paused = True
        self._retry_at = now + self._retry_s
        self._retry_s = min(max(RETRY_LIMIT_S, patience.retry_s), self._retry_s * 2)
        return False

    def is_hopeless(self, sound_lost: float | None, now: float) -> bool:
        """While video is paused: whether nothing has arrived for too long. A try in vain in between is a part of that time.

        Args:
            sound_lost: the share that the viewer reported last; None where there is no sound: then nothing is left to be sent.
        """
        if sound_lost is not None and sound_lost < HOPELESS_LOSS:
            self._hopeless_since = None
            return False
        if self._hopeless_since is None:
            self._hopeless_since = now
        return now - self._hopeless_since > self._patience.hopeless_s
