"""A WebSocket on aiohttp's own transport: its parser steps aside after the handshake, and frames are written directly."""

import asyncio
import base64
import binascii
import hashlib
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from livecore.signaling.engine import deflate, frames, packets
from livecore.signaling.engine.packets import Packet

if TYPE_CHECKING:
    from livecore.signaling.engine.server import EngineServer
    from livecore.signaling.engine.session import Session

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# A member that stops reading shows only when the kernel's buffer is full.
KERNEL_BUFFER_BYTES = 128 * 1024
# The peer's close frame, before the transport is cut.
CLOSE_PATIENCE_S = 2.0


def accept_key(request: web.Request) -> bytes | None:
    """The answer to a valid opening handshake (RFC 6455, 4.2.1), None for one that is not."""
    if request.headers.get("Sec-WebSocket-Version") != "13" or "upgrade" not in request.headers.get("Connection", "").lower():
        return None
    key = request.headers.get("Sec-WebSocket-Key", "").strip()
    try:
        if len(base64.b64decode(key, validate=True)) != 16:
            return None
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())


class WebSocketProtocol(asyncio.Protocol):
    """`session` is whose transport it is, or is to be: `probing` until the client confirmed the upgrade."""

    __slots__ = (
        "_closing",
        "_extension",
        "_is_held_back",
        "_is_paused",
        "_reader",
        "_server",
        "_session",
        "_transport",
        "deflates",
        "probed",
        "probing",
    )

    def __init__(self, server: "EngineServer", session: "Session", *, probing: bool, extension: str | None = None) -> None:
        """`extension`: the header that agrees to per-message deflate."""
        self._server = server
        self._session = session
        self._extension = extension
        self.deflates = extension is not None
        self._reader = frames.FrameReader(server.payload_bytes, deflate.inflated if self.deflates else None)
        self._transport: Any = None
        self._is_paused = False
        self._is_held_back = False
        self._closing = False
        self.probing = probing
        self.probed = False

    def take_transport(self, request: web.Request, accept: bytes, first: bytes = b"") -> None:
        """Answer the handshake, with a `first` frame in the same write, and have the connection's bytes from now on. aiohttp's handler
        ends by itself afterwards."""
        handler: Any = request.protocol
        transport: Any = request.transport
        transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept
            + (f"\r\nSec-WebSocket-Extensions: {self._extension}".encode() if self._extension else b"")
            + b"\r\n\r\n"
            + first
        )
        tail = bytes(handler._message_tail)
        self._transport = transport
        transport.set_protocol(self)
        handler.transport = None
        handler.connection_lost(None)
        transport.resume_reading()
        transport.set_write_buffer_limits(high=self._server.pause_bytes)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
        if tail:
            self.data_received(tail)

    def direct(self) -> Callable[[bytes], None] | None:
        """What writes to the socket without asking; None while something waits for the socket, or when it is closing."""
        transport = self._transport
        if transport is None or self._closing or self._is_paused or self.probing or transport.is_closing():
            return None
        return transport.write  # type: ignore[no-any-return]

    def descriptor(self) -> int:
        """-1 where frames must pass through the transport (TLS)."""
        transport = self._transport
        if transport is None or transport.get_extra_info("sslcontext") is not None:
            return -1
        raw = transport.get_extra_info("socket")
        return -1 if raw is None else int(raw.fileno())

    def is_drained(self) -> bool:
        return self._transport is not None and not self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        transport = self._transport
        if self._closing or transport is None or transport.is_closing():
            return
        transport.write(data)
        if self._session.on_transport is not None:
            self._session.on_transport(True)
        if self._is_paused and transport.get_write_buffer_size() > self._server.buffer_bytes:
            self._server.cut(self._session, "too_slow")

    def hold_back(self, wanted: bool) -> None:
        """Stop or go on reading what the client sends."""
        transport = self._transport
        if wanted == self._is_held_back or transport is None or transport.is_closing():
            return
        self._is_held_back = wanted
        if wanted:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def close(self, code: int) -> None:
        """Say so, and cut the transport when the other side has said so too, or soon."""
        if self._closing:
            return
        self.write(frames.close_frame(code))
        self._closing = True
        self._session.transport_changed()
        if self._transport is not None and not self._transport.is_closing():
            asyncio.get_running_loop().call_later(CLOSE_PATIENCE_S, self._cut)

    def abort(self) -> None:
        self._closing = True
        self._session.transport_changed()
        if self._transport is not None:
            self._transport.abort()

    def _cut(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.abort()

    # -- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._reader.feed(data):
                self._take(message)
        except frames.BadFrame as exc:
            self._server.count("frame", str(exc.code))
            self._fail(exc.code)
        except packets.BadPacket:
            self._server.count("packet", "malformed")
            self._fail(frames.PROTOCOL_ERROR)

    def pause_writing(self) -> None:
        self._is_paused = True
        self._session.transport_changed()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._session.transport_changed()

    def eof_received(self) -> None:
        return

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._closing = True
        self._session.transport_changed()
        if self.probing:
            self._server.probe_lost(self._session, self)
        else:
            self._server.end(self._session, self._server.reason.TRANSPORT_CLOSE)

    def _fail(self, code: int) -> None:
        self.close(code)
        if self.probing:
            self._server.probe_lost(self._session, self)
        else:
            self._server.end(self._session, self._server.reason.TRANSPORT_ERROR)

    def _take(self, message: frames.Message) -> None:
        if message.opcode == frames.CLOSE:
            if not self._closing:
                data = message.data if isinstance(message.data, bytes) else b""
                self.write(frames.frame(data[:2], frames.CLOSE))
                self._closing = True
                self._session.transport_changed()
            if self._transport is not None:
                self._transport.close()
            return
        if self._closing:
            return
        if message.opcode == frames.PING:
            assert isinstance(message.data, bytes)
            self.write(frames.frame(message.data, frames.PONG))
        elif message.opcode == frames.BINARY:
            if self.probing:
                raise packets.BadPacket("binary before the upgrade")
            self._session.take_message(message.data)
        elif message.opcode == frames.TEXT:
            assert isinstance(message.data, str)
            if self.probing:
                self._probe(packets.decode(message.data))
            elif message.data[:1] == packets.MESSAGE:
                self._session.take_message(message.data[1:])
            else:
                self._session.take(packets.decode(message.data))

    def _probe(self, packet: Packet) -> None:
        if not self.probed and packet == Packet(packets.PING, "probe"):
            self.probed = True
            self.write(frames.frame(b"3probe"))
            # A poll that waits is let go, so that the client can stop polling.
            self._session.answer_poll(Packet(packets.NOOP))
        elif self.probed and packet.type == packets.UPGRADE:
            self.probing = False
            self._session.take_over()
        else:
            raise packets.BadPacket("not a probe")
