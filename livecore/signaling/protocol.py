"""python-socketio kept as the protocol library: packets, namespaces, acknowledgements. What it does for each recipient and
each event (a task, an encoding, a scan of all rooms) is done by the registry and the gateway instead."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgpack
import socketio
from socketio import exceptions, msgpack_packet, packet

from livecore.errors import Problem
from livecore.platform.metrics import Metrics
from livecore.signaling.encoding import Encoded, Json
from livecore.signaling.engine.packets import MESSAGE, Packet
from livecore.signaling.engine.server import EngineServer

# Of one packet: each may be as large as a frame, and all wait in memory for the last.
ATTACHMENTS_LIMIT = 10
# A connection that opens a transport and then says nothing holds a slot for this long.
CONNECT_TIMEOUT_S = 45.0

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

    async def admit(self, sid: str, link: "EngineLink", environ: dict[str, Any], auth: Any) -> Any:
        """Raises a Problem, which becomes a `connect_error`."""

    async def connected(self, sid: str) -> None: ...

    def event(self, sid: str, name: str, args: list[Any], answer: Callable[[Any], Awaitable[None]] | None) -> None: ...

    async def gone(self, sid: str, reason: str) -> None: ...


class EngineLink:
    """One Engine.IO connection as the registry sees it."""

    __slots__ = ("_server", "eio_sid", "is_msgpack")

    def __init__(self, server: "SocketServer", eio_sid: str, is_msgpack: bool) -> None:
        self._server = server
        self.eio_sid = eio_sid
        self.is_msgpack = is_msgpack

    def send(self, encoded: Encoded) -> None:
        session = self._server.eio.sockets.get(self.eio_sid)
        if session is None:
            return
        if session.ws is not None:
            session.ws.write(encoded.binary_frame if self.is_msgpack else encoded.text_frame)
        else:
            session.hold(Packet(MESSAGE, encoded.binary if self.is_msgpack else encoded.text))

    def cut(self, reason: str) -> None:
        self._server.count("cut", reason)
        self._server.spawn(self._server.end(self.eio_sid))


class EngineBackedServer(socketio.AsyncServer):  # type: ignore[misc]
    """python-socketio over our own transport, with what the protocol's own suite asks of a server: a connection that speaks
    no Socket.IO in time is closed, so is one whose packets are none, and an unknown namespace is refused in its words."""

    def __init__(
        self, *, connect_timeout_s: float = CONNECT_TIMEOUT_S, on_count: Callable[[str, str], None] | None = None, **options: Any
    ) -> None:
        super().__init__(serializer=JsonPacket, logger=_quiet, on_count=on_count, **options)
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
        if self.manager.sid_from_eio_sid(eio_sid, name) is not None:
            raise ValueError("connected to this namespace already")
        await super()._handle_connect(eio_sid, namespace, data)
        if self.manager.sid_from_eio_sid(eio_sid, name) is not None:
            self._came_in(eio_sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event is a list that begins with its name")
        await super()._handle_event(eio_sid, namespace, id, data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._came_in(eio_sid)
        self._binary_packet.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)


class SocketServer(EngineBackedServer):
    """The gateway's: namespace "/" alone."""

    def __init__(self, handlers: Handlers, metrics: Metrics, **options: Any) -> None:
        dropped = metrics.counter("socket_dropped", "Packets and connections that were dropped.", ("what", "reason"))
        super().__init__(namespaces=["/"], on_count=lambda what, reason: dropped.labels(what, reason).inc(), **options)
        self._gateway = handlers
        self._msgpack: set[str] = set()
        self._running: set[Any] = set()

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
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        if sid is not None:
            await self.disconnect(sid)
        await self.eio.disconnect(eio_sid)

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

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        if sid is not None and self.manager.is_connected(sid, "/"):
            # Only now: an event that came before the CONNECT's answer would be lost on the client.
            await self._gateway.connected(sid)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        if not isinstance(data, list) or not data or not isinstance(data[0], str):
            raise ValueError("an event is a list that begins with its name")
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace or "/")
        if sid is None or not self.manager.is_connected(sid, namespace or "/"):
            self.count("packet", "not_connected")
            return

        async def answer(result: Any) -> None:
            await self._send_packet(eio_sid, self.packet_class(packet.ACK, namespace="/", id=id, data=[result]))

        self._gateway.event(sid, data[0], data[1:], answer if id is not None else None)

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        if event == "connect":
            sid, environ, auth = args
            eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
            try:
                await self._gateway.admit(sid, EngineLink(self, eio_sid, eio_sid in self._msgpack), environ, auth)
            except Problem as problem:
                raise exceptions.ConnectionRefusedError(problem.title, problem.document()) from None
        elif event == "disconnect":
            await self._gateway.gone(args[0], str(args[1]) if len(args) > 1 else "")

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        await super()._handle_eio_disconnect(eio_sid, reason)
        self._msgpack.discard(eio_sid)


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await work
    except KeyError:
        return  # the connection was gone already
