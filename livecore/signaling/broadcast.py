"""The sockets of one live room in this process: a frame made once is written to all, and what is said in a hot room leaves joined.

The first event leaves at once; what follows within the window waits for its end and leaves in one write to each member. Members
whose socket takes bytes are written to without asking; those that poll or lag behind go the long way, within their bounds. A large
room is written to in slices, so that the process has its turn between them; what is said meanwhile waits and leaves joined.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from livecore.native import FanOut
from livecore.signaling.direct import Group
from livecore.signaling.encoding import Encoded, Form

# What waits for a window's end is written earlier when it is this much: a member's buffer is small (`socket_buffer_bytes`).
JOINED_BYTES_LIMIT = 64 * 1024
# Members written to in one turn of the loop: some 5 to 10 ms.
SLICE = 1000


class Link(Protocol):
    """The transport under a connection. Never waits: a client that is too far behind is cut off by the transport."""

    sid: str
    pid: str | None

    @property
    def form(self) -> Form: ...

    def send(self, encoded: Encoded) -> None: ...

    def acknowledge(self, number: int, result: Any) -> None: ...

    def direct(self) -> Callable[[bytes], None] | None: ...

    def descriptor(self) -> int: ...

    def is_drained(self) -> bool: ...

    def on_change(self, told: Callable[[bool], None] | None) -> None: ...

    def cut(self, reason: str) -> None:
        """End it from our side; the client is told that the server did."""


class Member(Protocol):
    """A connection; compared by identity."""

    link: Link


class Room:
    """`members_of(account)`: the connections of an account that are in this room. `fan_out`: the native sender, where it is there."""

    __slots__ = (
        "_due",
        "_fan_out",
        "_last",
        "_members_of",
        "_waiting",
        "_waiting_bytes",
        "_window_s",
        "_writing",
        "accounts",
        "direct",
        "others",
    )

    def __init__(self, window_s: float, members_of: Callable[[str], Iterable[Any]], fan_out: FanOut | None = None) -> None:
        self._window_s = window_s
        self._members_of = members_of
        self._fan_out = fan_out
        self.accounts: dict[str, int] = {}  # who is here, with how many connections
        self.direct: dict[Form, Group] = {}
        self.others: dict[Any, None] = {}  # not to be written to directly
        self._waiting: list[tuple[Encoded, frozenset[str]]] = []  # with the accounts here that are not to get it
        self._waiting_bytes = 0
        self._due: asyncio.TimerHandle | asyncio.Handle | None = None  # the window's end, or the next slice
        self._writing: Iterator[None] | None = None  # slices that are left of the last write
        self._last = float("-inf")  # loop time of the last write

    def __len__(self) -> int:
        return len(self.others) + sum(map(len, self.direct.values()))

    def members(self) -> list[Any]:
        return [*self.others, *(member for group in self.direct.values() for member in group.members)]

    def __contains__(self, member: Any) -> bool:
        return member in self.others or any(member in group for group in self.direct.values())

    def place(self, member: Any) -> None:
        """Put a member where its transport, as it is now, belongs."""
        link: Link = member.link
        write = link.direct()
        self._take_away(member)
        if write is None:
            self.others[member] = None
            return
        group = self.direct.get(link.form)
        if group is None:
            group = self.direct[link.form] = Group(self._fan_out)
        group.add(member, write, link.descriptor() if self._fan_out is not None else -1)

    def touched(self, member: Any) -> None:
        """Something else was written to the member: what the transport still holds of it leaves first."""
        for group in self.direct.values():
            group.touch(member)

    def add(self, member: Any, account_id: str) -> None:
        # What waits was said before: the one who comes reads it in the answer to the join.
        self.flush()
        if member not in self:
            self.accounts[account_id] = self.accounts.get(account_id, 0) + 1
        self.place(member)

    def remove(self, member: Any, account_id: str) -> None:
        if member not in self:
            return
        self._take_away(member)
        left = self.accounts.get(account_id, 0) - 1
        if left > 0:
            self.accounts[account_id] = left
        else:
            self.accounts.pop(account_id, None)

    def _take_away(self, member: Any) -> None:
        self.others.pop(member, None)
        for group in self.direct.values():
            group.remove(member)

    def send(self, encoded: Encoded, hidden_from: frozenset[str] = frozenset()) -> None:
        hidden = hidden_from & self.accounts.keys() if hidden_from else hidden_from
        loop = asyncio.get_running_loop()
        if self._due is None and loop.time() - self._last >= self._window_s:
            self._begin([(encoded, hidden)])
            return
        self._waiting.append((encoded, hidden))
        self._waiting_bytes += len(encoded.frame(Form.TEXT))
        if self._waiting_bytes > JOINED_BYTES_LIMIT:
            self.flush()
        elif self._due is None:
            self._due = loop.call_at(self._last + self._window_s, self._on_due)

    def _on_due(self) -> None:
        """A slice more, or the window's end."""
        self._due = None
        if self._writing is not None:
            self._go_on()
        elif self._waiting:
            self._begin(self._take_waiting())

    def _take_waiting(self) -> list[tuple[Encoded, frozenset[str]]]:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return waiting

    def _begin(self, events: list[tuple[Encoded, frozenset[str]]]) -> None:
        self._last = asyncio.get_running_loop().time()
        self._writing = self._slices(events)
        self._go_on()

    def _go_on(self) -> None:
        assert self._writing is not None
        loop = asyncio.get_running_loop()
        for _ in self._writing:
            self._due = loop.call_soon(self._on_due)
            return
        self._writing = None
        if self._waiting:
            self._due = loop.call_at(self._last + self._window_s, self._on_due)

    def flush(self) -> None:
        """Write out what waits, now and whole."""
        if self._writing is None and not self._waiting:
            return
        if self._due is not None:
            self._due.cancel()
            self._due = None
        for _ in self._writing or ():
            continue
        self._writing = None
        if self._waiting:
            self._last = asyncio.get_running_loop().time()
            for _ in self._slices(self._take_waiting()):
                continue

    def _slices(self, events: list[tuple[Encoded, frozenset[str]]]) -> Iterator[None]:
        """Write the events to everybody; stops after each slice."""
        aside = self._set_aside(frozenset().union(*(hidden for _, hidden in events)))
        for member, account_id in aside:
            for encoded, hidden in events:
                if account_id not in hidden:
                    member.link.send(encoded)
        others = list(self.others)
        groups = [(group, group.everybody(), _joined(events, form)) for form, group in self.direct.items() if len(group)]
        for member, _ in aside:
            self.place(member)
        for start in range(0, len(others), SLICE):
            if start:
                yield
            for member in others[start : start + SLICE]:
                # Who can be written to directly by now gets the same bytes the long way.
                for encoded, _ in events if member in self else ():
                    member.link.send(encoded)
        for group, everybody, frame in groups:
            for start in range(0, len(everybody), SLICE):
                if start:
                    yield
                for member in group.write(frame, everybody, start, SLICE):
                    for encoded, _ in events if member in self else ():
                        member.link.send(encoded)

    def _set_aside(self, accounts: frozenset[str]) -> list[tuple[Any, str]]:
        """Members that must not get all of it: they are served one by one."""
        aside = [(member, account_id) for account_id in accounts for member in self._members_of(account_id) if member in self]
        for member, _ in aside:
            self._take_away(member)
        return aside


def _joined(events: list[tuple[Encoded, frozenset[str]]], form: Form) -> bytes:
    return events[0][0].frame(form) if len(events) == 1 else b"".join([encoded.frame(form) for encoded, _ in events])
