"""How many watch which live in other processes, as each told it. Pure.

A process that does not speak for a while is taken for dead, and its viewers go with it.
"""

from collections.abc import Mapping


class Census:
    """`patience_s`: for how long what a process said stands."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._said: dict[str, dict[str, int]] = {}  # node → live → viewers
        self._heard: dict[str, float] = {}

    def told(self, node: str, live_id: str, viewers: int, now: float) -> None:
        """What a process says of one live, between its whole lists."""
        self._heard[node] = now
        lives = self._said.setdefault(node, {})
        if viewers:
            lives[live_id] = viewers
        else:
            lives.pop(live_id, None)

    def listed(self, node: str, viewers: Mapping[str, int], now: float) -> None:
        """All that a process has, in place of what it said before."""
        self._said[node] = dict(viewers)
        self._heard[node] = now
        for silent in [one for one, at in self._heard.items() if now - at >= self._patience_s]:
            del self._said[silent], self._heard[silent]

    def viewers(self, live_id: str, now: float) -> int:
        """Accounts that watch on two processes are counted on both."""
        return sum(lives.get(live_id, 0) for node, lives in self._said.items() if lives and now - self._heard[node] < self._patience_s)

    def forget(self, live_id: str) -> None:
        """A live that is over."""
        for lives in self._said.values():
            lives.pop(live_id, None)
