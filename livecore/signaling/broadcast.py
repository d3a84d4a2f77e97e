"""The sockets of one live room in this process: a frame made once is written to all, and what is said in a hot room leaves joined.

The first event leaves at once; what follows within the window waits for its end and leaves in one write to each member. Members
whose socket takes bytes are written to without asking; those that poll or lag behind go the long way, within their bounds.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from livecore.signaling.encoding import Encoded, Form

# What waits for a window's end is written earlier when it is this much: a member's buffer is small (`socket_buffer_bytes`).
JOINED_BYTES_LIMIT = 64 * 1024


class Link(Protocol):
    """The transport under a connection. Never waits: a client that is too far behind is cut off by the transport."""

    sid: str
    pid: str | None
    form: Form

    def send(self, encoded: Encoded) -> None: ...

    def acknowledge(self, number: int, result: Any) -> None: ...

    def direct(self) -> Callable[[bytes], None] | None: ...

    def on_change(self, told: Callable[[], None] | None) -> None: ...

    def cut(self, reason: str) -> None:
        """End it from our side; the client is told that the server did."""


class Member(Protocol):
    """A connection; compared by identity."""

    link: Link


class Room:
    """`members_of(account)`: the connections of an account that are in this room."""

    __slots__ = ("_due", "_last", "_members_of", "_waiting", "_waiting_bytes", "_window_s", "accounts", "direct", "others")

    def __init__(self, window_s: float, members_of: Callable[[str], Iterable[Any]]) -> None:
        self._window_s = window_s
        self._members_of = members_of
        self.accounts: dict[str, int] = {}  # who is here, with how many connections
        self.direct: dict[Form, dict[Any, Callable[[bytes], None]]] = {}
        self.others: dict[Any, None] = {}  # not to be written to directly
        self._waiting: list[tuple[Encoded, frozenset[str]]] = []  # with the accounts here that are not to get it
        self._waiting_bytes = 0
        self._due: asyncio.TimerHandle | None = None
        self._last = float("-inf")  # loop time of the last write

    def __len__(self) -> int:
        return len(self.others) + sum(map(len, self.direct.values()))

    def members(self) -> list[Any]:
        return [*self.others, *(member for group in self.direct.values() for member in group)]

    def __contains__(self, member: Any) -> bool:
        return member in self.others or any(member in group for group in self.direct.values())

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def place(self, member: Any) -> None:
        """Put a member where its transport, as it is now, belongs."""
        link: Link = member.link
        write = link.direct()
        for form, group in self.direct.items():
            if form != link.form or write is None:
                group.pop(member, None)
        if write is None:
            self.others[member] = None
        else:
            self.others.pop(member, None)
            self.direct.setdefault(link.form, {})[member] = write

    def add(self, member: Any, account_id: str) -> None:
        # What waits was said before: the one who comes reads it in the answer to the join.
        self.flush()
        if member not in self:
            self.accounts[account_id] = self.accounts.get(account_id, 0) + 1
        self.place(member)

    def remove(self, member: Any, account_id: str) -> None:
        if member not in self:
            return
        self.others.pop(member, None)
        for group in self.direct.values():
            group.pop(member, None)
        left = self.accounts.get(account_id, 0) - 1
        if left > 0:
            self.accounts[account_id] = left
        else:
            self.accounts.pop(account_id, None)

    def send(self, encoded: Encoded, hidden_from: frozenset[str] = frozenset()) -> None:
        hidden = hidden_from & self.accounts.keys() if hidden_from else hidden_from
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._waiting and now - self._last >= self._window_s:
            self._last = now
            self._write([(encoded, hidden)])
            return
        self._waiting.append((encoded, hidden))
        self._waiting_bytes += len(encoded.frame(Form.TEXT))
        if self._waiting_bytes > JOINED_BYTES_LIMIT:
            self.flush()
        elif self._due is None:
            self._due = loop.call_at(self._last + self._window_s, self._on_due)

    def _on_due(self) -> None:
        self._due = None
        self.flush()

    def flush(self) -> None:
        """Write what waits, now."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._waiting:
            self._last = asyncio.get_running_loop().time()
            waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._write(waiting)

    def _write(self, events: list[tuple[Encoded, frozenset[str]]]) -> None:
        exempt = self._set_aside(frozenset().union(*(hidden for _, hidden in events)))
        for form, group in self.direct.items():
            if group:
                frame = events[0][0].frame(form) if len(events) == 1 else b"".join([encoded.frame(form) for encoded, _ in events])
                # A copy: who falls behind by this very write leaves the group meanwhile.
                for write in list(group.values()):
                    write(frame)
        for member in list(self.others):
            for encoded, _ in events:
                member.link.send(encoded)
        for member, account_id in exempt:
            for encoded, hidden in events:
                if account_id not in hidden:
                    member.link.send(encoded)
            self.place(member)

    def _set_aside(self, accounts: frozenset[str]) -> list[tuple[Any, str]]:
        """Members that must not get all of it: they are served one by one."""
        aside = [(member, account_id) for account_id in accounts for member in self._members_of(account_id) if member in self]
        for member, _ in aside:
            self.others.pop(member, None)
            for group in self.direct.values():
                group.pop(member, None)
        return aside
