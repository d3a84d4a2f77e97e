"""Who speaks: from the audio levels that publishers write beside their sound (RFC 6464), which nobody has to decode for it."""

from collections.abc import Mapping

# Each packet counts for a fifth: a syllable's length at fifty packets a second.
SMOOTHING = 0.2
# Without sound for so long, nothing is heard.
STALE_S = 0.5
SILENCE_DBOV = -127.0
# Quieter than this is a room, not a voice.
SPEAKING_DBOV = -55.0
# Whoever takes over is louder than the one before for a moment, or that one has stopped.
LOUDER_DB = 6.0
TAKES_OVER_S = 0.6


class Loudness:
    """The level of one publication's sound."""

    def __init__(self) -> None:
        self._dbov = SILENCE_DBOV
        self._at = float("-inf")

    def on_level(self, level: int, at: float) -> None:
        """`level`: 0 (as loud as can be) to 127 (silence), as the header extension has it."""
        self._dbov += SMOOTHING * (-level - self._dbov)
        self._at = at

    def dbov(self, now: float) -> float:
        """Decibels below the loudest possible."""
        return self._dbov if now - self._at < STALE_S else SILENCE_DBOV


class ActiveSpeaker:
    """Of several publications in a live, the one that speaks. `current` is None before anybody has."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._rival: str | None = None
        self._rival_since = 0.0

    def on_tick(self, levels: Mapping[str, float], now: float) -> bool:
        """`levels`: dBov of each publication. True when the speaker has changed."""
        if self.current is not None and self.current not in levels:
            self.current = self._rival = None
            if not levels:
                return True
        loudest = max(levels, key=levels.__getitem__, default=None)
        if loudest is None or loudest == self.current or levels[loudest] < SPEAKING_DBOV:
            self._rival = None
            return False
        if self.current is not None and levels[self.current] >= SPEAKING_DBOV and levels[loudest] < levels[self.current] + LOUDER_DB:
            self._rival = None
            return False
        if self._rival != loudest:
            self._rival, self._rival_since = loudest, now
        if now - self._rival_since < TAKES_OVER_S:
            return False
        self.current, self._rival = loudest, None
        return True
