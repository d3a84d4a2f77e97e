"""A live room's short memory: its last lines, in order, in memory alone. Pure.

`epoch` names this memory: a client whose epoch differs has lost lines and is told so by the difference.
"""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import orjson

# The attack that it stops: a reaction name made up for each tap would grow the counts without end.
REACTIONS_LIMIT = 40


@dataclass(frozen=True, slots=True)
class Line:
    """`data`: JSON as clients get it. `account`, who said it, is not for clients."""

    id: str
    account: str
    data: bytes

    def shown(self) -> dict[str, Any]:
        read: dict[str, Any] = orjson.loads(self.data)
        return read


class Ring:
    def __init__(self, epoch: str, limit: int) -> None:
        self.epoch = epoch
        self.seq = 0
        self._lines: deque[Line] = deque(maxlen=limit)
        self._reactions: Counter[str] = Counter()
        self._last_said: dict[str, float] = {}

    def add(self, line_id: str, account: str, data: bytes) -> Line:
        """The line with its epoch and number, written behind what is there: `data` is a JSON object with something in it, not read here."""
        self.seq += 1
        line = Line(line_id, account, b'%b,"epoch":"%b","seq":%d}' % (data[:-1], self.epoch.encode(), self.seq))
        self._lines.append(line)
        return line

    def lines(self, hidden: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
        """Oldest first, without those of the accounts that the reader is not to see."""
        return [line.shown() for line in self._lines if line.account not in hidden]

    def find(self, line_id: str) -> Line | None:
        """A line that is still remembered."""
        return next((line for line in self._lines if line.id == line_id), None)

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
