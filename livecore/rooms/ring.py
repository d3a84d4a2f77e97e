"""A live room's short memory: its last lines, in order, in memory alone. Pure.

`epoch` names this memory: a client whose epoch differs has lost lines and is told so by the difference.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

# The attack that it stops: a reaction name made up for each tap would grow the counts without end.
REACTIONS_LIMIT = 40


class Ring:
    def __init__(self, epoch: str, limit: int) -> None:
        self.epoch = epoch
        self.seq = 0
        self._lines: deque[Mapping[str, Any]] = deque(maxlen=limit)
        self._reactions: Counter[str] = Counter()
        self._last_said: dict[str, float] = {}

    def add(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The line with its epoch and number."""
        self.seq += 1
        numbered = dict(line) | {"epoch": self.epoch, "seq": self.seq}
        self._lines.append(numbered)
        return numbered

    def lines(self, hidden: frozenset[str] = frozenset()) -> list[Mapping[str, Any]]:
        """Oldest first, without those of the accounts that the reader is not to see; `account` is not for clients."""
        return [{key: value for key, value in line.items() if key != "account"} for line in self._lines if line["account"] not in hidden]

    def find(self, line_id: str) -> Mapping[str, Any] | None:
        """A line that is still remembered, with its `account`."""
        return next((line for line in self._lines if line["id"] == line_id), None)

    def remove(self, line_id: str) -> None:
        """Its number stays taken."""
        line = self.find(line_id)
        if line is not None:
            self._lines.remove(line)

    def wait_s(self, account_id: str, slow_mode_s: float, now: float) -> float:
        """Seconds until the account may say its next line; 0 notes this one."""
        last = self._last_said.get(account_id)
        if last is not None and now - last < slow_mode_s:
            return slow_mode_s - (now - last)
        if slow_mode_s > 0:
            if len(self._last_said) > 10_000:
                self._last_said = {who: at for who, at in self._last_said.items() if now - at < slow_mode_s}
            self._last_said[account_id] = now
        return 0.0

    def react(self, emoji: str, count: int = 1) -> None:
        if emoji in self._reactions or len(self._reactions) < REACTIONS_LIMIT:
            self._reactions[emoji] += count

    def take_reactions(self) -> dict[str, int]:
        """Those since the last time."""
        taken = dict(self._reactions)
        self._reactions.clear()
        return taken
