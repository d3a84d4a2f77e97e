"""ICE over TCP (RFC 6544) for networks that let no UDP out: a listening port, packets framed by their length (RFC 4571).

A peer that connects here is answered here, and its media leaves here, once its check has nominated the connection. What a
connection does not take is dropped, as a full queue in a network would: no peer waits for another.
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from livecore.media.connection import SocketAddress, Wire
from livecore.media.drops import Counters, Drop

# RFC 4571 allows 64 KB; no packet of ours or of a browser's is larger than a datagram.
FRAME_LIMIT_BYTES = 2048
# What waits for a slow peer: about a second of a 2 Mb/s layer. Later than that, a picture is worth nothing.
BACKLOG_LIMIT_BYTES = 256_000
# From connecting to the first check that verifies; somebody who only connects holds a descriptor.
CHECK_WITHIN_S = 10.0
CONNECTIONS_LIMIT = 4096
# Tells a TCP peer's address from a UDP peer's with the same numbers; where an address is written, it ends before the sign.
_MARK = "%tcp"

Received = Callable[[bytes, SocketAddress, float, float, Wire], object]


class TcpEndpoint:
    """The listening socket of a worker and all connections to it; to their peers it is the wire.

    Args:
        port: 0 takes any; one that is taken means no TCP (`port` is then None).
    """

    # What the native sender asks of a wire: it is never to send here itself.
    fileno = -1
    offload = False
    holds = False

    def __init__(self, host: str, port: int, received: Received, drained: Callable[[float], None]) -> None:
        self.drops: Counters = Counter()
        self.datagrams_sent = 0
        self.connections: dict[SocketAddress, _Connection] = {}
        self._received = received
        self._drained = drained
        self._server: asyncio.Server | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket: socket.socket | None = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.port: int | None = None
        try:
            self._socket.bind((host, port))
            self.port = self._socket.getsockname()[1]
        except OSError:
            self._socket.close()
            self._socket = None

    async def start(self) -> None:
        if self._socket is not None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), sock=self._socket, backlog=256)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        elif self._socket is not None:
            self._socket.close()
        for connection in list(self.connections.values()):
            connection.close()

    # -- in

    def on_frame(self, frame: bytes, connection: "_Connection", now: float) -> None:
        self._received(frame, connection.address, now, now, self)

    def on_drained(self, now: float) -> None:
        self._drained(now)

    # -- out: `connection.Wire`

    def send(self, data: bytes | memoryview, address: SocketAddress) -> None:
        self.send_segments(data, max(1, len(data)), address)

    def send_segments(self, data: bytes | memoryview, segment_bytes: int, address: SocketAddress) -> None:
        if not data:
            return
        count = -(-len(data) // segment_bytes)
        connection = self.connections.get(address)
        if connection is None:
            self.drops[Drop.SEND_FAILED] += count
            return
        pieces: list[bytes] = []
        for start in range(0, len(data), segment_bytes):
            piece = data[start : start + segment_bytes]
            pieces += (len(piece).to_bytes(2, "big"), bytes(piece))
        if connection.write(b"".join(pieces)):
            self.datagrams_sent += count
        else:
            self.drops[Drop.SEND_BUFFER_FULL] += count


class _Connection(asyncio.Protocol):
    def __init__(self, endpoint: TcpEndpoint) -> None:
        self.address: SocketAddress = None
        self._endpoint = endpoint
        self._transport: Any | None = None
        self._pending = b""
        self._answered = False  # whether a check of this peer was ever good enough to be answered
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:  # asyncio's or uvloop's
        host, port = transport.get_extra_info("peername")[:2]
        self._transport, self.address = transport, (host.partition("%")[0] + _MARK, port)
        if len(self._endpoint.connections) >= CONNECTIONS_LIMIT:
            self._endpoint.drops[Drop.TOO_MANY_CONNECTIONS] += 1
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._endpoint.connections[self.address] = self
        self._timer = asyncio.get_running_loop().call_later(CHECK_WITHIN_S, self._too_late)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._pending += data
        position, size = 0, len(self._pending)
        while position + 2 <= size:
            length = self._pending[position] << 8 | self._pending[position + 1]
            if length > FRAME_LIMIT_BYTES or (not self._answered and length and size > position + 2 and self._pending[position + 2] > 3):
                # Not what we would read, or somebody who speaks another protocol: the first frame is a check (RFC 6544 section 10).
                self._endpoint.drops[Drop.OVERSIZED if length > FRAME_LIMIT_BYTES else Drop.FIRST_BYTE] += 1
                self.close()
                return
            if position + 2 + length > size:
                break
            self._endpoint.on_frame(self._pending[position + 2 : position + 2 + length], self, now)
            position += 2 + length
        self._pending = self._pending[position:]
        self._endpoint.on_drained(now)

    def write(self, framed: bytes) -> bool:
        """False when the peer is too far behind."""
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > BACKLOG_LIMIT_BYTES:
            return False
        self._answered = True
        transport.write(framed)
        return True

    def _too_late(self) -> None:
        if not self._answered:
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._endpoint.connections.get(self.address) is self:
            del self._endpoint.connections[self.address]
        self._transport = None
