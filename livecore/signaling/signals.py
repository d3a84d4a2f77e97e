"""Events to connected clients on every process, and the ends of sockets; keeps `ports.Signals`, and the outlet of rooms."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import orjson
import structlog

from livecore.ids import new_id
from livecore.ports import Bus, Delivery
from livecore.signaling.encoding import Encoded
from livecore.signaling.registry import Connection, Registry

log = structlog.get_logger("signaling")

TOPIC = "signals"
# A channel each account: what only its own sockets get.
ACCOUNT_PREFIX = "signals.account."


class BusSignals:
    """`on_put_out(connection, live_id)` is called when somebody is put out of a live room."""

    def __init__(self, bus: Bus, registry: Registry, *, shared: bool) -> None:
        self._bus = bus
        self._registry = registry
        self._shared = shared
        self._node = new_id()
        self._accounts = bus.channels(ACCOUNT_PREFIX, self._on_event)
        self._end: Callable[[], Awaitable[None]] | None = None
        # To all who read a conversation, or are in a live's room, on every process (set by the composition).
        self.to_conversation: Callable[[str, str, Mapping[str, Any]], Awaitable[None]] | None = None
        self.to_live: Callable[[str, str, Mapping[str, Any]], Awaitable[None]] | None = None
        self.on_put_out: Callable[[Connection, str], None] | None = None
        # What each process remembers of who may watch by HLS (set by the composition).
        self.on_cut: list[Callable[[str, str | None], None]] = []
        self.on_audience_changed: list[Callable[[str], None]] = []
        # Media sessions end with the cut (set by the composition): (account, live, reason).
        self.on_cut_media: list[Callable[[str, str | None, str], Awaitable[None]]] = []

    async def start(self) -> None:
        self._end = await self._bus.subscribe(TOPIC, self._on_delivery)

    async def close(self) -> None:
        if self._end is not None:
            await self._end()
            self._end = None

    async def came(self, account_id: str) -> None:
        """A socket of the account is about to be let in here: what is sent to it anywhere arrives from the return on."""
        if self._shared:
            await self._accounts.hold([account_id])

    def left(self, account_id: str) -> None:
        if self._shared:
            self._accounts.release([account_id])

    # -- ports.Signals

    async def to_account(self, account_id: str, event: str, data: Mapping[str, Any]) -> None:
        await self.everywhere([account_id], event, data)

    async def to_room(self, room: str, event: str, data: Mapping[str, Any]) -> None:
        kind, _, id = room.partition(":")
        tell = {"live": self.to_live, "conversation": self.to_conversation}.get(kind)
        if tell is not None:
            await tell(id, event, data)

    async def cut_session(self, session_id: str, reason: str) -> None:
        self._cut_session(session_id, reason)
        await self._tell(["cut_session", session_id, reason])

    async def cut_account(self, account_id: str, reason: str, live_id: str | None = None) -> None:
        self._cut_account(account_id, reason, live_id)
        for cut in self.on_cut_media:
            await cut(account_id, live_id, reason)
        await self._tell(["cut_account", account_id, reason, live_id])

    async def audience_changed(self, live_id: str) -> None:
        for changed in self.on_audience_changed:
            changed(live_id)
        await self._tell(["audience", live_id])

    # -- rooms.fanout.Outlet

    def present(self, account_id: str) -> bool:
        return self._registry.present(account_id)

    def made(self, event: str, data: Mapping[str, Any]) -> Encoded:
        return Encoded(event, data)

    def received(self, event: str, payload: bytes) -> Encoded:
        return Encoded.received(event, payload)

    def local(self, accounts: Iterable[str], event: Any, *, skip: tuple[str, str] | None = None, author: str | None = None) -> None:
        self._registry.give(accounts, event, skip=skip, author=author)

    async def everywhere(self, accounts: Iterable[str], event: str, data: Mapping[str, Any]) -> None:
        encoded, wanted = Encoded(event, data), list(accounts)
        self._registry.give(wanted, encoded)
        if self._shared:
            for account_id in wanted:
                self._accounts.publish(account_id, orjson.dumps([self._node, account_id, event]) + b"\n" + encoded.payload())

    async def _tell(self, what: list[Any]) -> None:
        if self._shared:
            await self._bus.publish(TOPIC, orjson.dumps([self._node, *what]))

    def _on_event(self, delivery: Delivery) -> None:
        head, _, payload = delivery.data.partition(b"\n")
        node, account_id, event = orjson.loads(head)
        if node != self._node and self._registry.present(account_id):
            self._registry.give([account_id], Encoded.received(event, payload))

    def _on_delivery(self, delivery: Delivery) -> None:
        node, what, *args = orjson.loads(delivery.data)
        if node == self._node:
            return
        if what == "cut_session":
            self._cut_session(args[0], args[1])
        elif what == "cut_account":
            self._cut_account(args[0], args[1], args[2])
        elif what == "audience":
            for changed in self.on_audience_changed:
                changed(args[0])

    def _cut_session(self, session_id: str, reason: str) -> None:
        for connection in self._registry.of_session(session_id):
            connection.link.cut(reason)

    def _cut_account(self, account_id: str, reason: str, live_id: str | None) -> None:
        for cut in self.on_cut:
            cut(account_id, live_id)
        for connection in self._registry.of_account(account_id):
            if live_id is None:
                connection.link.cut(reason)
            elif self._registry.leave_live(connection, live_id) and self.on_put_out is not None:
                self.on_put_out(connection, live_id)
