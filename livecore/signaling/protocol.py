"""python-socketio kept as the protocol library: packets, namespaces, acknowledgements. What it does for each recipient and
each event (a task, an encoding, a scan of all rooms) is done by the registry and the gateway instead."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgpack
import orjson
import socketio
from aiohttp import web
from socketio import msgpack_packet, packet

from livecore.errors import Problem
from livecore.platform.metrics import Metrics
from livecore.signaling.connections import DirectManager
from livecore.signaling.encoding import Json
from livecore.signaling.engine.server import EngineServer
from livecore.signaling.engine.session import Session
from livecore.signaling.link import EngineLink

# Of one packet: each may be as large as a frame, and all wait in memory for the last.
ATTACHMENTS_LIMIT = 10
# A connection that opens a transport and then says nothing holds a slot for this long.
CONNECT_TIMEOUT_S = 45.0
# Of an acknowledgement's number; no client counts further than this in a connection's life.
_NUMBER_DIGITS = 15

# What the library would log about a client's bytes is counted here instead.
_quiet = logging.getLogger("livecore.socketio.quiet")
_quiet.setLevel(logging.CRITICAL + 1)
_quiet.propagate = False

# Raised by the library's parser, orjson and msgpack for bytes that are no packet.
MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError, msgpack.UnpackException)


class JsonPacket(packet.Packet):  # type: ignore[misc]  # the library is not typed
    json = Json


class MsgpackPacket(msgpack_packet.MsgPackPacket):  # type: ignore[misc]
    """As the JavaScript parser sends it; every container bounded by the frame's own size."""

    def decode(self, encoded_packet: bytes) -> None:
        decoded = msgpack.unpackb(encoded_packet, strict_map_key=True, raw=False)
        if not isinstance(decoded, dict) or not isinstance(decoded.get("type"), int) or not isinstance(decoded.get("nsp"), str):
            raise ValueError("not a Socket.IO packet")
        self.packet_type = decoded["type"]
        self.data = decoded.get("data")
        self.id = decoded.get("id")
        self.namespace = decoded["nsp"]


class Handlers(Protocol):
    """What the gateway does with a connection of namespace "/"."""

    async def admit(self, link: EngineLink, address: str, auth: Any) -> None:
        """Raises a Problem, which becomes a `connect_error`. May give the link another `sid`, that of a connection it resumes."""

    async def connected(self, link: EngineLink) -> None:
        """The CONNECT was answered."""

    def event(self, sid: str, name: str, args: list[Any], number: int | None) -> None:
        """`number`: what its acknowledgement is called; None when none is wanted."""

    async def gone(self, sid: str, reason: str) -> None: ...


class EngineBackedServer(socketio.AsyncServer):  # type: ignore[misc]
    """python-socketio over our own transport, with what the protocol's own suite asks of a server: a connection that speaks
    no Socket.IO in time is closed, so is one whose packets are none, and an unknown namespace is refused in its words."""

    def __init__(
        self, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, on_count: Callable[[str, str], None] | None = None, **options: Any
    ) -> None:
        super().__init__(serializer=JsonPacket, logger=_quiet, on_count=on_count, client_manager=DirectManager(), **options)
        self._connect_timeout_s = connect_timeout_s
        self._on_count = on_count
        self._knocking: dict[str, asyncio.TimerHandle] = {}  # connections without a namespace yet

    def count(self, what: str, reason: str) -> None:
        if self._on_count is not None:
            self._on_count(what, reason)

    def _engineio_server_class(self) -> Any:
        return EngineServer

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self._knocking[eio_sid] = asyncio.get_running_loop().call_later(self._connect_timeout_s, self._too_late, eio_sid)

    def _too_late(self, eio_sid: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if self._knocking.pop(eio_sid, None) is not None and session is not None:
            self.count("cut", "connect_timeout")
            self.eio.end(session, self.reason.SERVER_DISCONNECT)

    def _came_in(self, eio_sid: str) -> None:
        timer = self._knocking.pop(eio_sid, None)
        if timer is not None:
            timer.cancel()

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await self._message(eio_sid, data)
        except MALFORMED:
            self.count("packet", "malformed")
            await self.eio.disconnect(eio_sid)

    async def _message(self, eio_sid: str, data: Any) -> None:
        if isinstance(data, bytes) and eio_sid not in self._binary_packet:
            raise ValueError("bytes that belong to no packet")
        if isinstance(data, str) and eio_sid in self._binary_packet:
            raise ValueError("text where an attachment belongs")
        await super()._handle_eio_message(eio_sid, data)
        waiting = self._binary_packet.get(eio_sid)
        if waiting is not None and waiting.attachment_count > ATTACHMENTS_LIMIT:
            raise ValueError("too many attachments")

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        name = namespace or "/"
        if self.namespaces != "*" and name not in self.namespaces and name not in self.handlers and name not in self.namespace_handlers:
            refused = self.packet_class(packet.CONNECT_ERROR, data={"message": "Invalid namespace"}, namespace=name)
            await self._send_packet(eio_sid, refused)
            return
        await self._connect(eio_sid, name, data)
        if self.manager.sid_from_eio_sid(eio_sid, name) is not None:
            self._came_in(eio_sid)

    async def _connect(self, eio_sid: str, name: str, data: Any) -> None:
        if self.manager.sid_from_eio_sid(eio_sid, name) is not None:
            raise ValueError("connected to this namespace already")
        await super()._handle_connect(eio_sid, name, data)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event is a list that begins with its name")
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._came_in(eio_sid)
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)


class SocketServer(EngineBackedServer):
    """The gateway's: namespace "/" alone. `address_of(request)`: all that is kept of a connection's first request."""

    def __init__(self, handlers: Handlers, metrics: Metrics, address_of: Callable[[web.Request], str], **options: Any) -> None:
        dropped = metrics.counter("socket_dropped", "Packets and connections that were dropped.", ("what", "reason"))
        super().__init__(
            namespaces=["/"],
            on_count=lambda what, reason: dropped.labels(what, reason).inc(),
            environ_of=lambda request: {"address": address_of(request)},
            **options,
        )
        self._gateway = handlers
        self._links: dict[str, EngineLink] = {}  # by Engine.IO session: those in the namespace, or about to be
        self._msgpack: set[str] = set()
        self._running: set[Any] = set()
        self.eio.on_message = self._take

    def spawn(self, work: Any) -> None:
        task = self.start_background_task(_quietly, work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def settled(self) -> None:
        """Wait for the ends that were begun."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def end(self, eio_sid: str) -> None:
        """Disconnect namespace "/" and the transport under it."""
        if eio_sid in self._links:
            await self._send_packet(eio_sid, self.packet_class(packet.DISCONNECT, namespace="/"))
            await self._handle_disconnect(eio_sid, "/", self.reason.SERVER_DISCONNECT)
        await self.eio.disconnect(eio_sid)

    def _take(self, session: Session, data: str | bytes) -> bool:
        """The short way of what comes most: an event with its number, as text, of a connection that is in."""
        if data == "1":
            # Before the end of the transport, which a client that leaves sends right behind it.
            self.spawn(self._handle_disconnect(session.sid, "/"))
            return True
        if data[:1] != "2":
            return False
        assert isinstance(data, str)
        link = self._links.get(session.sid)
        start = data.find("[", 1, 2 + _NUMBER_DIGITS)
        if link is None or not link.is_connected or start < 0 or session.sid in self._binary_packet or link.is_msgpack:
            return False
        digits = data[1:start]
        if digits and not (digits.isascii() and digits.isdigit()):
            return False
        try:
            arguments = orjson.loads(data[start:])
        except ValueError:
            return False
        if not arguments or not isinstance(arguments[0], str):
            return False
        self._gateway.event(link.sid, arguments[0], arguments[1:], int(digits) if digits else None)
        return True

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        if eio_sid in self._msgpack:
            pkt = MsgpackPacket(pkt.packet_type, data=pkt.data, namespace=pkt.namespace or "/", id=pkt.id)
        await super()._send_packet(eio_sid, pkt)

    async def _message(self, eio_sid: str, data: Any) -> None:
        if isinstance(data, bytes) and eio_sid not in self._binary_packet:
            await self._binary_message(eio_sid, data)
        elif eio_sid in self._msgpack:
            raise ValueError("text from a msgpack client")
        else:
            await super()._message(eio_sid, data)

    async def _binary_message(self, eio_sid: str, data: bytes) -> None:
        """A packet of the msgpack parser; the first one, a CONNECT, makes the client one that speaks it."""
        pkt = MsgpackPacket(encoded_packet=data)
        if eio_sid not in self._msgpack:
            if pkt.packet_type != packet.CONNECT or self.manager.sid_from_eio_sid(eio_sid, "/") is not None:
                raise ValueError("binary packet out of place")
            self._msgpack.add(eio_sid)
        if pkt.packet_type == packet.CONNECT:
            await self._handle_connect(eio_sid, pkt.namespace, pkt.data)
        elif pkt.packet_type == packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, pkt.namespace, self.reason.CLIENT_DISCONNECT)
        elif pkt.packet_type == packet.EVENT:
            await self._handle_event(eio_sid, pkt.namespace, pkt.id, pkt.data)
        else:
            raise ValueError("unknown packet")

    async def _admit(self, eio_sid: str, data: Any) -> None:
        """The CONNECT of namespace "/": let in or refused, and answered, before anything else is sent to it."""
        session = self.eio.sockets.get(eio_sid)
        if session is None:
            return
        link = self._links[eio_sid] = EngineLink(self, session, self.manager.generate_id(), eio_sid in self._msgpack)
        try:
            await self._gateway.admit(link, self.environ[eio_sid]["address"], data)
        except Problem as problem:
            if self._links.pop(eio_sid, None) is None:
                return
            refusal = {"message": problem.title, "data": problem.document()}
            await self._send_packet(eio_sid, self.packet_class(packet.CONNECT_ERROR, data=refusal, namespace="/"))
            return
        if self._links.get(eio_sid) is not link:
            await self._gateway.gone(link.sid, "")
            return
        self.manager.admit(link.sid, eio_sid, "/")
        answer = {"sid": link.sid} if link.pid is None else {"sid": link.sid, "pid": link.pid}
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT, answer, namespace="/"))
        link.is_connected = True
        # Only now: an event that came before the CONNECT's answer would be lost on the client.
        await self._gateway.connected(link)

    async def _connect(self, eio_sid: str, name: str, data: Any) -> None:
        if eio_sid in self._links:
            raise ValueError("connected to this namespace already")
        await self._admit(eio_sid, data)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event is a list that begins with its name")
        link = self._links.get(eio_sid)
        if link is None or not link.is_connected or (namespace or "/") != "/":
            self.count("packet", "not_connected")
            return
        self._gateway.event(link.sid, data[0], data[1:], id)

    async def _handle_disconnect(self, eio_sid: str, namespace: str | None, reason: str | None = None) -> None:
        link = self._links.pop(eio_sid, None) if (namespace or "/") == "/" else None
        if link is not None:
            self.manager.release(link.sid, eio_sid, "/")
            await self._gateway.gone(link.sid, reason or self.reason.CLIENT_DISCONNECT)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        # A client that means to leave says so in the namespace; the end of its transport says only that this is over.
        lost = self.reason.TRANSPORT_CLOSE if reason == self.reason.CLIENT_DISCONNECT else reason
        await super()._handle_eio_disconnect(eio_sid, lost)
        self._msgpack.discard(eio_sid)


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await work
    except KeyError:
        return  # the connection was gone already
