"""Which Socket.IO connection is which Engine.IO session, for python-socketio.

Its own manager keeps a room for each connection and looks through all of them at each end (5,000 ends took 5 s of CPU);
rooms are the registry's affair here, so two dictionaries are enough.
"""

from collections.abc import Iterator
from typing import Any

import socketio


class DirectManager(socketio.AsyncManager):  # type: ignore[misc]  # the library is not typed
    def __init__(self) -> None:
        super().__init__()
        self._eio_of: dict[str, dict[str, str]] = {}  # namespace → connection → session
        self._sid_of: dict[str, dict[str, str]] = {}
        self._pending: set[str] = set()  # connections that come or go
        self.rooms = self._eio_of  # the library looks up there which namespaces are in use

    def generate_id(self) -> str:
        made: str = self.server.eio.generate_id()
        return made

    def admit(self, sid: str, eio_sid: str, namespace: str) -> None:
        self._eio_of.setdefault(namespace, {})[sid] = eio_sid
        self._sid_of.setdefault(namespace, {})[eio_sid] = sid

    async def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        if self.sid_from_eio_sid(eio_sid, namespace) is not None:
            return None
        sid = self.generate_id()
        self.admit(sid, eio_sid, namespace)
        self._pending.add(sid)
        return sid

    async def connect(self, sid: str, namespace: str) -> str:
        self._pending.discard(sid)
        return sid

    def is_connected(self, sid: str, namespace: str) -> bool:
        return sid not in self._pending and sid in self._eio_of.get(namespace, ())

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        return self._sid_of.get(namespace, {}).get(eio_sid)

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        return self._eio_of.get(namespace, {}).get(sid)

    def get_participants(self, namespace: str, room: str) -> Iterator[tuple[str, str]]:
        """Of the room that each connection is by itself."""
        eio_sid = self.eio_sid_from_sid(room, namespace)
        if eio_sid is not None:
            yield room, eio_sid

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        self._pending.add(sid)
        return self.eio_sid_from_sid(sid, namespace)

    def release(self, sid: str, eio_sid: str, namespace: str) -> None:
        """Forget that session; a connection that went on in another one meanwhile stays."""
        self._sid_of.get(namespace, {}).pop(eio_sid, None)
        if self.eio_sid_from_sid(sid, namespace) == eio_sid:
            del self._eio_of[namespace][sid]

    def basic_disconnect(self, sid: str, namespace: str, **_options: Any) -> None:
        eio_sid = self.eio_sid_from_sid(sid, namespace)
        if eio_sid is not None:
            self.release(sid, eio_sid, namespace)
        self._pending.discard(sid)
        self.callbacks.pop(sid, None)
