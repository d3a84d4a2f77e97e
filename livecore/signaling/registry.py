"""The connections of this process: by account, by session, by live room. Sending to many encodes once and waits for nobody."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from livecore.ports import Principal
from livecore.signaling.encoding import Encoded


class Link(Protocol):
    """The transport under a connection. Never waits: a client that is too far behind is cut off by the transport."""

    def send(self, encoded: Encoded) -> None: ...

    def cut(self, reason: str) -> None:
        """End it from our side; the client is told that the server did."""


@dataclass(eq=False, slots=True)
class Connection:
    """One client's socket in namespace "/". `inbox` holds events whose turn has not come; `busy` while one is handled."""

    sid: str
    principal: Principal
    link: Link
    address: str
    lives: set[str] = field(default_factory=set)
    inbox: deque[Any] = field(default_factory=deque)
    busy: bool = False


class Registry:
    def __init__(self) -> None:
        self._by_sid: dict[str, Connection] = {}
        self._by_account: dict[str, dict[Connection, None]] = {}
        self._by_live: dict[str, dict[Connection, None]] = {}

    def add(self, connection: Connection) -> None:
        self._by_sid[connection.sid] = connection
        self._by_account.setdefault(connection.principal.account_id, {})[connection] = None

    def remove(self, connection: Connection) -> None:
        self._by_sid.pop(connection.sid, None)
        mine = self._by_account.get(connection.principal.account_id)
        if mine is not None:
            mine.pop(connection, None)
            if not mine:
                del self._by_account[connection.principal.account_id]
        for live_id in list(connection.lives):
            self.leave_live(connection, live_id)

    def get(self, sid: str) -> Connection | None:
        return self._by_sid.get(sid)

    def of_account(self, account_id: str) -> list[Connection]:
        return list(self._by_account.get(account_id, ()))

    def of_session(self, session_id: str) -> list[Connection]:
        return [one for one in self._by_sid.values() if one.principal.session_id == session_id]

    def all(self) -> list[Connection]:
        return list(self._by_sid.values())

    def __len__(self) -> int:
        return len(self._by_sid)

    # -- rooms.fanout.Outlet, in this process

    def present(self, account_id: str) -> bool:
        return account_id in self._by_account

    def local(self, accounts: Iterable[str], event: str, data: Mapping[str, Any], *, skip: tuple[str, str] | None = None) -> None:
        encoded = Encoded(event, data)
        for account_id in accounts:
            for connection in self._by_account.get(account_id, ()):
                if skip is None or account_id != skip[0] or connection.principal.device_id != skip[1]:
                    connection.link.send(encoded)

    # -- presence.service.Outlet

    def to_connection(self, sid: str, event: str, data: dict[str, Any]) -> None:
        connection = self._by_sid.get(sid)
        if connection is not None:
            connection.link.send(Encoded(event, data))

    # -- rooms.live.LiveOutlet

    def join_live(self, connection: Connection, live_id: str) -> None:
        connection.lives.add(live_id)
        self._by_live.setdefault(live_id, {})[connection] = None

    def leave_live(self, connection: Connection, live_id: str) -> bool:
        """Whether it was there."""
        room = self._by_live.get(live_id)
        connection.lives.discard(live_id)
        if room is None or connection not in room:
            return False
        del room[connection]
        if not room:
            del self._by_live[live_id]
        return True

    def to_live(self, live_id: str, event: str, data: Mapping[str, Any], *, hidden_from: frozenset[str] = frozenset()) -> None:
        encoded = Encoded(event, data)
        for connection in self._by_live.get(live_id, ()):
            if connection.principal.account_id not in hidden_from:
                connection.link.send(encoded)

    def live_accounts(self, live_id: str) -> frozenset[str]:
        return frozenset(one.principal.account_id for one in self._by_live.get(live_id, ()))

    def close_live(self, live_id: str) -> None:
        for connection in list(self._by_live.get(live_id, ())):
            self.leave_live(connection, live_id)
