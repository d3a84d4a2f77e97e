"""A Socket.IO client over WebSocket for load: Engine.IO 4 and Socket.IO 5 on an asyncio transport, and nothing that a load does not need.

Ten thousand of them must cost less than the server that they measure. So a client that only counts never takes frames apart: it
looks for the mark in what came (`bytes.count`), and for the ping frame. A client that times or talks reads each frame.
"""

import asyncio
import base64
import os
import socket
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

# Stands in each measured message, once, before the time at which it was sent (Unix nanoseconds, 19 digits).
MARK = b"~bench~"
TIME_DIGITS = 19
_PING = b"\x81\x012"
_TAIL_BYTES = len(MARK) - 1
# A key of zeros leaves the payload as it is (RFC 6455 section 5.3 asks for a random one against hostile proxies; there are none here).
_ZERO_KEY = bytes(4)
_PONG = b"\x81\x81" + _ZERO_KEY + b"3"
HANDSHAKE_LIMIT_BYTES = 16_384
FRAME_LIMIT_BYTES = 16 << 20

_TEXT, _CLOSE, _WS_PING, _WS_PONG = 1, 8, 9, 10


class Refused(RuntimeError):
    """The server did not take the connection; the text is its answer."""


def frame(payload: bytes, opcode: int = _TEXT) -> bytes:
    """A masked frame of a client."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    return head + _ZERO_KEY + payload


def stamp() -> str:
    """The mark and the present time, to be put into a message's text."""
    return f"{MARK.decode()}{time.time_ns():0{TIME_DIGITS}d}"


class Client(asyncio.Protocol):
    """One connection.

    Args:
        counting: after `connected`, only count marks; events and acknowledgements are no longer read.

    Attributes:
        marks: how many marked messages came.
        on_event: called with (event, data) for each event, when not counting.
        on_delay: called with the milliseconds between a mark's time and now, when not counting.
    """

    __slots__ = (
        "_acks",
        "_auth",
        "_buffer",
        "_counting",
        "_handshake",
        "_host",
        "_next_ack",
        "_path",
        "_tail",
        "_transport",
        "closed",
        "connected",
        "marks",
        "on_delay",
        "on_event",
        "received_bytes",
    )

    def __init__(self, url: str, auth: Any = None, *, path: str = "/socket.io/", counting: bool = False) -> None:
        self.marks = 0
        self.received_bytes = 0
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.on_event: Callable[[str, Any], None] | None = None
        self.on_delay: Callable[[float], None] | None = None
        self._host = urlsplit(url).netloc
        self._path = path
        self._auth = auth
        self._counting = counting
        self._handshake = True
        self._buffer = b""
        self._tail = b""
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._next_ack = 0
        self._transport: asyncio.Transport | None = None

    # -- out

    def emit(self, event: str, *data: Any) -> None:
        self._send(b"42" + orjson.dumps([event, *data]))

    def emit_acked(self, event: str, data: Any) -> "asyncio.Future[Any]":
        """Emit; the future gets the acknowledgement's first argument, or ConnectionError. Raises ConnectionError when it is closed."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        number = self._next_ack
        self._next_ack += 1
        self._send(b"42%d" % number + orjson.dumps([event, data]))
        self._acks[number] = answer
        return answer

    async def call(self, event: str, data: Any, timeout_s: float = 10.0) -> Any:
        """Emit and wait for the acknowledgement. Raises TimeoutError, ConnectionError."""
        async with asyncio.timeout(timeout_s):
            return await self.emit_acked(event, data)

    def _send(self, payload: bytes) -> None:
        if self._transport is None or self.closed:
            raise ConnectionResetError("the connection is closed")
        self._transport.write(frame(payload))

    def close(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.write(frame(b"41") + frame((1000).to_bytes(2, "big"), _CLOSE))
            self._transport.close()

    def count_only(self) -> None:
        """From here on, only count marks."""
        self._counting = True
        self._tail, self._buffer = self._buffer[-_TAIL_BYTES:], b""

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep asyncio's promise without inheriting from it.
        transport = self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self._path}?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        if self._counting and self.connected.done():
            self._count(data)
            return
        self._buffer += data
        if self._handshake and not self._upgraded():
            return
        self._read_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        reason = ConnectionError(f"the connection was lost: {exc or 'closed by the server'}")
        if not self.connected.done():
            self.connected.set_exception(Refused(str(reason)))
        for answer in self._acks.values():
            if not answer.done():
                answer.set_exception(reason)
        self._acks.clear()

    # -- in

    def _count(self, data: bytes) -> None:
        """A mark or a ping may lie across two reads: the end of the last one is looked at again, too short to hold one whole."""
        data = self._tail + data
        self.marks += data.count(MARK)
        if _PING in data:
            assert self._transport is not None
            for _ in range(data.count(_PING)):
                self._transport.write(_PONG)
            # Not to be found again in the tail.
            data = data.replace(_PING, b"\x81\x01-")
        self._tail = data[-_TAIL_BYTES:]

    def _upgraded(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            if len(self._buffer) > HANDSHAKE_LIMIT_BYTES:
                self._refuse("the answer to the upgrade does not end")
            return False
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            self._refuse(f"{head.splitlines()[0].decode(errors='replace')} {rest[:200].decode(errors='replace')}")
            return False
        self._handshake, self._buffer = False, rest
        return True

    def _refuse(self, why: str) -> None:
        if not self.connected.done():
            self.connected.set_exception(Refused(why))
        if self._transport is not None:
            self._transport.abort()

    def _read_frames(self) -> None:
        data = self._buffer
        position, size = 0, len(data)
        while size - position >= 2:
            opcode, length, start = data[position] & 15, data[position + 1] & 127, position + 2
            if length == 126:
                if size - start < 2:
                    break
                length, start = int.from_bytes(data[start : start + 2], "big"), start + 2
            elif length == 127:
                if size - start < 8:
                    break
                length, start = int.from_bytes(data[start : start + 8], "big"), start + 8
            if length > FRAME_LIMIT_BYTES:
                self._refuse("a frame is too long")
                return
            if start + length > size:
                break
            position = start + length
            self._on_frame(opcode, data[start:position])
        self._buffer = data[position:]
        if self._counting and self.connected.done():
            self.count_only()

    def _on_frame(self, opcode: int, payload: bytes) -> None:
        assert self._transport is not None
        if opcode == _WS_PING:
            self._transport.write(frame(payload, _WS_PONG))
        elif opcode == _CLOSE:
            self._refuse("closed by the server: " + payload[2:].decode(errors="replace"))
        elif opcode == _TEXT and payload:
            self._on_packet(payload)

    def _on_packet(self, payload: bytes) -> None:
        """An Engine.IO packet: 0 open, 2 ping, 4 message (with a Socket.IO packet in it)."""
        assert self._transport is not None
        if payload == b"2":
            self._transport.write(_PONG)
        elif payload[:1] == b"0":
            self._send(b"40" + (orjson.dumps(self._auth) if self._auth is not None else b""))
        elif payload[:2] == b"40":
            if not self.connected.done():
                self.connected.set_result(None)
        elif payload[:2] == b"44":
            self._refuse("connect_error " + payload[2:].decode(errors="replace"))
        elif payload[:2] == b"42":
            self._on_event(payload)
        elif payload[:2] == b"43":
            digits = payload[2 : payload.index(b"[")]
            answer = self._acks.pop(int(digits), None)
            if answer is not None and not answer.done():
                arguments = orjson.loads(payload[2 + len(digits) :])
                answer.set_result(arguments[0] if arguments else None)

    def _on_event(self, payload: bytes) -> None:
        at = payload.find(MARK)
        if at >= 0:
            self.marks += 1
            if self.on_delay is not None:
                sent_ns = int(payload[at + len(MARK) : at + len(MARK) + TIME_DIGITS])
                self.on_delay((time.time_ns() - sent_ns) / 1e6)
        if self.on_event is not None:
            event, *data = orjson.loads(payload[payload.index(b"[") :])
            self.on_event(event, data[0] if data else None)


async def connect(url: str, auth: Any = None, *, path: str = "/socket.io/", counting: bool = False, timeout_s: float = 20.0) -> Client:
    """A connected client. Raises Refused, TimeoutError or OSError."""
    parts = urlsplit(url)
    made: Client = Client(url, auth, path=path, counting=counting)
    await asyncio.get_running_loop().create_connection(lambda: made, parts.hostname or "127.0.0.1", parts.port or 80)
    try:
        async with asyncio.timeout(timeout_s):
            await made.connected
    except BaseException:
        if made._transport is not None:
            made._transport.abort()
        raise
    return made
