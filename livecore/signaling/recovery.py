"""Connection state recovery of the stock Socket.IO client: a client that was cut off comes back by its secret name (`pid`) and the
offset of the last event that it heard, and gets what it missed, or is told that it did not (`socket.recovered` is false). Pure.

Only for clients that connect with `auth.recover`, and only on the process that they were on: anybody else asks with `sync`, which
is the truth. One log for all of them, bound in bytes and age. What was deleted meanwhile is taken out of it; whom a block came
between is looked at when it is played back.
"""

import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livecore.ports import Principal
from livecore.signaling.encoding import Encoded

# Clients that are away, beside their age: each holds some 300 bytes.
AWAY_LIMIT = 20_000
# Beside an event's own bytes, in the log's bound.
ENTRY_COST_BYTES = 200


@dataclass(slots=True)
class _Entry:
    """`encoded` None: taken out. To `accounts` but the device `skip`, or to the live room but `hidden_from`."""

    number: int
    at: float
    encoded: Encoded | None
    size_bytes: int
    accounts: frozenset[str]
    live_id: str | None
    skip: tuple[str, str] | None
    hidden_from: frozenset[str]
    author: str | None

    def is_for(self, account_id: str, device_id: str, lives: Sequence[str]) -> bool:
        if self.live_id is not None:
            return self.live_id in lives and account_id not in self.hidden_from
        return account_id in self.accounts and self.skip != (account_id, device_id)


@dataclass(frozen=True, slots=True)
class Away:
    """A connection that was cut off. `since`: the log's head when it came, for one that never heard an event."""

    pid: str
    sid: str
    principal: Principal
    lives: tuple[str, ...]
    watched: tuple[str, ...]
    since: int
    left: float


class Recovery:
    """`epoch` is part of each offset: that of another process or of an earlier start is none here."""

    def __init__(self, epoch: str, *, limit_bytes: int, age_s: float) -> None:
        self._epoch = epoch
        self._limit_bytes = limit_bytes
        self._age_s = age_s
        self._log: deque[_Entry] = deque()
        self._numbers = itertools.count(1)
        self._head = 0
        self._size_bytes = 0
        self._here: dict[str, int] = {}  # pid → the head when it came
        self._away: OrderedDict[str, Away] = OrderedDict()  # by pid, the longest away first
        self._awaited: Counter[str] = Counter()  # accounts of those that are away
        self._messages: dict[str, list[_Entry]] = {}  # entries by the id of the message that they show
        self.now = 0.0  # monotonic seconds; moved on by the caller

    @property
    def listening(self) -> bool:
        """Whether anybody may come back: without, nothing is noted."""
        return bool(self._here or self._away)

    def awaits(self, account_id: str) -> bool:
        return account_id in self._awaited

    def awaits_in(self, live_id: str) -> bool:
        return any(live_id in away.lives for away in self._away.values())

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def note(
        self,
        encoded: Encoded,
        *,
        accounts: Iterable[str] = (),
        live_id: str | None = None,
        skip: tuple[str, str] | None = None,
        hidden_from: frozenset[str] = frozenset(),
        author: str | None = None,
    ) -> None:
        """Give the event its offset and keep it. Called before its first frame is made."""
        self._head = next(self._numbers)
        encoded.offset = f"{self._epoch}.{self._head}"
        size = len(encoded.payload()) + ENTRY_COST_BYTES
        entry = _Entry(self._head, self.now, encoded, size, frozenset(accounts), live_id, skip, hidden_from, author)
        self._log.append(entry)
        self._size_bytes += size
        message_id = encoded.data.get("id")
        if isinstance(message_id, str):
            if encoded.event in ("message:deleted", "live:removed"):
                self._take_out(message_id)
            elif encoded.event in ("message:new", "message:edited", "live:message"):
                self._messages.setdefault(message_id, []).append(entry)
        self._forget()

    def _take_out(self, message_id: str) -> None:
        for entry in self._messages.pop(message_id, ()):
            entry.encoded = None

    def _forget(self) -> None:
        """What is too old or too much."""
        while self._log and (self._size_bytes > self._limit_bytes or self.now - self._log[0].at > self._age_s):
            gone = self._log.popleft()
            self._size_bytes -= gone.size_bytes
            if gone.encoded is not None and isinstance(message_id := gone.encoded.data.get("id"), str):
                kept = [entry for entry in self._messages.get(message_id, ()) if entry is not gone]
                if kept:
                    self._messages[message_id] = kept
                else:
                    self._messages.pop(message_id, None)
        while self._away and (len(self._away) > AWAY_LIMIT or self.now - next(iter(self._away.values())).left > self._age_s):
            self._let_go(next(iter(self._away)))
        if not self.listening:
            self._log.clear()
            self._messages.clear()
            self._size_bytes = 0

    def came(self, pid: str) -> None:
        self._here.setdefault(pid, self._head)

    def left(self, pid: str, sid: str, principal: Principal, lives: tuple[str, ...], watched: tuple[str, ...], *, may_return: bool) -> None:
        """`may_return`: cut off by the network; who left, or was put out, is forgotten."""
        since = self._here.pop(pid, self._head)
        if may_return:
            self.put_back(Away(pid, sid, principal, lives, watched, since, self.now))
        self._forget()

    def put_back(self, away: Away) -> None:
        """It is away; also the one that was found and went again before it was let in."""
        self._here.pop(away.pid, None)
        self._away[away.pid] = away
        self._awaited[away.principal.account_id] += 1

    def _let_go(self, pid: str) -> None:
        account_id = self._away.pop(pid).principal.account_id
        self._awaited[account_id] -= 1
        if not self._awaited[account_id]:
            del self._awaited[account_id]

    def find(self, pid: object, offset: object, principal: Principal) -> tuple[Away, int] | None:
        """Whose name this is and after which number to play back; None when it cannot be caught up whole. Taken by being found."""
        self._forget()
        away = self._away.get(pid) if isinstance(pid, str) else None
        if away is None or not isinstance(pid, str):
            return None
        if (away.principal.account_id, away.principal.session_id) != (principal.account_id, principal.session_id):
            return None
        after = away.since if offset is None else self._number(offset)
        first = self._log[0].number if self._log else self._head + 1
        if after is None or after > self._head or after < first - 1:
            return None
        self._let_go(pid)
        self._here[pid] = after
        return away, after

    def _number(self, offset: object) -> int | None:
        epoch, _, number = offset.partition(".") if isinstance(offset, str) else ("", "", "")
        if epoch != self._epoch or not (number.isascii() and number.isdigit() and len(number) < 16):
            return None
        return int(number)

    def missed(
        self, after: int, principal: Principal, lives: Sequence[str], hidden: frozenset[str], blocked: frozenset[str]
    ) -> list[Encoded]:
        """What it was to get after that number, in order, by the rules of the commit as they are now.

        `hidden`: whom a block, whoever set it, hides in lives; `blocked`: whom it blocks itself, of whom it gets no messages. Who is
        blocked goes on getting the blocker's: what was kept from an account at the commit was never noted for it.
        """
        account_id, device_id = principal.account_id, principal.device_id
        return [
            entry.encoded
            for entry in self._log
            if entry.number > after
            and entry.encoded is not None
            and entry.is_for(account_id, device_id, lives)
            and (entry.author is None or entry.author not in (blocked if entry.live_id is None else hidden))
        ]
