"""The connections of this process: by account, by session, by live room. Sending to many encodes once and waits for nobody.

What a client gets, it gets in the order in which it was sent here, whichever room it came from: before anything else goes to a
connection, a room of its own that gathers a joined write is written out. Acknowledgements alone do not wait for that.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from livecore.native import FanOut
from livecore.ports import Principal
from livecore.signaling.broadcast import Link, Room
from livecore.signaling.encoding import Encoded
from livecore.signaling.recovery import Recovery

__all__ = ["Connection", "Link", "Registry"]


@dataclass(eq=False, slots=True)
class Connection:
    """One client's socket in namespace "/". `inbox` holds events whose turn has not come; `busy` while one is handled."""

    sid: str
    principal: Principal
    link: Link
    address: str
    lives: tuple[str, ...] = ()
    inbox: deque[Any] | None = None
    busy: bool = False


class Registry:
    """`join_window_s`: see `broadcast.Room`. `recovery` keeps what was sent for those that asked to be caught up.

    `fan_out`: the native sender, None in pure Python.
    """

    def __init__(self, *, join_window_s: float = 0.0, recovery: Recovery | None = None, fan_out: FanOut | None = None) -> None:
        self._by_sid: dict[str, Connection] = {}
        # One connection stands for itself: most accounts have one, and a dictionary each costs more than the connection.
        self._by_account: dict[str, Connection | dict[Connection, None]] = {}
        self._rooms: dict[str, Room] = {}
        self._shared: dict[str, int] = {}  # rooms with members that are in another one too, and how many
        self._join_window_s = join_window_s
        self._fan_out = fan_out
        self.recovery = recovery

    def add(self, connection: Connection) -> None:
        self._by_sid[connection.sid] = connection
        account_id = connection.principal.account_id
        there = self._by_account.get(account_id)
        if there is None:
            self._by_account[account_id] = connection
        elif isinstance(there, Connection):
            self._by_account[account_id] = {there: None, connection: None}
        else:
            there[connection] = None

    def remove(self, connection: Connection) -> None:
        self._by_sid.pop(connection.sid, None)
        account_id = connection.principal.account_id
        there = self._by_account.get(account_id)
        if isinstance(there, dict):
            there.pop(connection, None)
        if there is connection or (isinstance(there, dict) and not there):
            del self._by_account[account_id]
        for live_id in connection.lives:
            self.leave_live(connection, live_id)

    def get(self, sid: str) -> Connection | None:
        return self._by_sid.get(sid)

    def of_account(self, account_id: str) -> list[Connection]:
        there = self._by_account.get(account_id)
        if there is None:
            return []
        return [there] if isinstance(there, Connection) else list(there)

    def of_session(self, session_id: str) -> list[Connection]:
        return [one for one in self._by_sid.values() if one.principal.session_id == session_id]

    def all(self) -> list[Connection]:
        return list(self._by_sid.values())

    def __len__(self) -> int:
        return len(self._by_sid)

    # -- rooms.fanout.Outlet, in this process

    def present(self, account_id: str) -> bool:
        """Whether something sent to the account arrives here: at a socket, or in the log for one that may come back."""
        return account_id in self._by_account or (self.recovery is not None and self.recovery.awaits(account_id))

    def local(
        self,
        accounts: Iterable[str],
        event: str,
        data: Mapping[str, Any],
        *,
        skip: tuple[str, str] | None = None,
        author: str | None = None,
    ) -> None:
        self.give(accounts, Encoded(event, data), skip=skip, author=author)

    def give(self, accounts: Iterable[str], encoded: Encoded, *, skip: tuple[str, str] | None = None, author: str | None = None) -> None:
        recovery = self._listening()
        if recovery is not None:
            accounts = list(accounts)
            recovery.note(encoded, accounts=accounts, skip=skip, author=author)
        for account_id in accounts:
            there = self._by_account.get(account_id)
            if there is None:
                continue
            for connection in (there,) if isinstance(there, Connection) else there:
                if skip is None or account_id != skip[0] or connection.principal.device_id != skip[1]:
                    self._send(connection, encoded)

    def _listening(self) -> Recovery | None:
        """The log, when anybody may come back for what is sent now."""
        recovery = self.recovery
        if recovery is None or not recovery.listening:
            return None
        recovery.now = asyncio.get_running_loop().time()
        return recovery

    # -- presence.service.Outlet

    def to_connection(self, sid: str, event: str, data: dict[str, Any]) -> None:
        connection = self._by_sid.get(sid)
        if connection is not None:
            self._send(connection, Encoded(event, data))

    def _send(self, connection: Connection, encoded: Encoded) -> None:
        for live_id in connection.lives:
            self._rooms[live_id].flush()
        connection.link.send(encoded)

    # -- rooms.live.LiveOutlet

    def join_live(self, connection: Connection, live_id: str) -> None:
        if live_id in connection.lives:
            return
        room = self._rooms.get(live_id)
        if room is None:
            room = self._rooms[live_id] = Room(self._join_window_s, self.of_account, self._fan_out)
        for other in connection.lives:
            self._rooms[other].flush()
        connection.lives += (live_id,)
        self._count_shared(connection, live_id, 1)
        room.add(connection, connection.principal.account_id)
        connection.link.on_change(partial(self._place, connection))

    def leave_live(self, connection: Connection, live_id: str) -> bool:
        """Whether it was there."""
        if live_id not in connection.lives:
            return False
        self._count_shared(connection, live_id, -1)
        connection.lives = tuple(other for other in connection.lives if other != live_id)
        room = self._rooms[live_id]
        room.remove(connection, connection.principal.account_id)
        if not room:
            room.flush()
            del self._rooms[live_id]
        if not connection.lives:
            connection.link.on_change(None)
        return True

    def _count_shared(self, connection: Connection, live_id: str, step: int) -> None:
        """Called while `live_id` is one of the connection's lives."""
        if len(connection.lives) < 2:
            return
        # With two, the other room begins or ceases to share this member; with more it does so anyhow.
        for one in connection.lives if len(connection.lives) == 2 else (live_id,):
            count = self._shared.get(one, 0) + step
            if count:
                self._shared[one] = count
            else:
                self._shared.pop(one, None)

    def _place(self, connection: Connection, wrote: bool) -> None:
        for live_id in connection.lives:
            if wrote:
                self._rooms[live_id].touched(connection)
            else:
                self._rooms[live_id].place(connection)

    def to_live(
        self,
        live_id: str,
        event: str,
        data: Mapping[str, Any] | bytes,
        *,
        hidden_from: frozenset[str] = frozenset(),
        author: str | None = None,
    ) -> None:
        room = self._rooms.get(live_id)
        encoded = Encoded.of_json(event, data) if isinstance(data, bytes) else Encoded(event, data)
        recovery = self._listening()
        if recovery is not None:
            recovery.note(encoded, live_id=live_id, hidden_from=hidden_from, author=author)
        if room is None:
            return
        if live_id in self._shared:
            for other in self._shared:
                if other != live_id:
                    self._rooms[other].flush()
        room.send(encoded, hidden_from)

    def flush_live(self, live_id: str) -> None:
        """Write out what a window holds back."""
        room = self._rooms.get(live_id)
        if room is not None:
            room.flush()

    def live_size(self, live_id: str, without: str | None = None) -> int:
        """How many accounts are in the room, in this process, `without` not counted."""
        room = self._rooms.get(live_id)
        if room is None:
            return 0
        return len(room.accounts) - (without in room.accounts)

    def is_awaited(self, live_id: str) -> bool:
        """Whether somebody who was cut off may come back to the room."""
        return self.recovery is not None and self.recovery.awaits_in(live_id)

    def in_live(self, live_id: str, accounts: Iterable[str]) -> list[str]:
        """Those of the accounts that are in the room, in this process."""
        room = self._rooms.get(live_id)
        return [] if room is None else [account_id for account_id in accounts if account_id in room.accounts]

    def close_live(self, live_id: str) -> None:
        room = self._rooms.get(live_id)
        if room is None:
            return
        room.flush()
        for connection in room.members():
            self.leave_live(connection, live_id)
