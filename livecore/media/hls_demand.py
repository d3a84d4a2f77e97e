"""Whether anybody plays a live by HLS: only then do its parts have to leave at once, each waking the recorder (docs/capacity.md).

A player asks for a playlist at each part; one that knows no parts asks once a target duration, and a request is left waiting for three
of them at most (RFC 8216bis, 6.2.5.2). Who asked within that time still plays. Nothing here reads a clock.
"""

# As long as a request may wait for what it asked.
LINGER_TARGETS = 3
# A main process tells the recorder of those who ask so often within that time: one message that is lost ends nothing.
TELLS_A_LINGER = 4


def linger_s(target_s: int) -> float:
    """How long after the last request a stream of this target duration counts as played."""
    return float(LINGER_TARGETS * target_s)


class Asked:
    """One stream in a main process: what its players ask, and when the recorder has to be told of it."""

    def __init__(self, target_s: int) -> None:
        self._linger_s = linger_s(target_s)
        self._told_at = float("-inf")

    def is_fresh(self, now: float) -> bool:
        """Whether the recorder was told lately, so that parts come at once already."""
        return now - self._told_at < self._linger_s

    def is_due(self, now: float) -> bool:
        """Somebody asks now: whether the recorder is to be told; it then counts as told."""
        if now - self._told_at < self._linger_s / TELLS_A_LINGER:
            return False
        self._told_at = now
        return True


class HlsDemand:
    """One recording in the recorder. It begins wanted: the first who plays a live comes as it begins."""

    def __init__(self, linger_s: float, now: float) -> None:
        self.is_wanted = True
        self._linger_s = linger_s
        self._asked_at = now

    def asked(self, now: float) -> None:
        self._asked_at = now

    def turn(self, now: float) -> bool | None:
        """What the worker is to be told, whether parts are wanted at once; None while that is as it was."""
        is_wanted = now - self._asked_at < self._linger_s
        if is_wanted == self.is_wanted:
            return None
        self.is_wanted = is_wanted
        return is_wanted
