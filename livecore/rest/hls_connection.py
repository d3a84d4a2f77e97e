"""The short way for a player's connection: once one of its requests was admitted, its later ones are answered without the web framework.

A viewer of low-latency HLS asks ten times a second. Framework, middleware and routing would cost most of a core for some hundred
viewers, while the answer is the same bytes for all. So the route takes the transport over from aiohttp, as WebSockets do, and this
protocol reads plain `GET`s of the same stream. Anything else that comes over the connection (another path, another method, a
condition, a range) hands the transport back, with the bytes that came, and aiohttp goes on as if nothing had been.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest

from livecore.lives.playback import Viewing
from livecore.media.origin import Answer, Origin

# A player's request has a path of some 350 bytes and a browser's headers; what is longer is for the framework to refuse.
HEAD_LIMIT_BYTES = 16 * 1024
_END = b"\r\n\r\n"
# Headers that change what is to be answered.
_CONDITIONS = (
    b"\r\nrange:",
    b"\r\nif-",
    b"\r\ncontent-length:",
    b"\r\ntransfer-encoding:",
    b"\r\nconnection: close",
    b"\r\nexpect:",
    b"\r\nupgrade:",
)
_REVOKED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 68\r\nCache-Control: no-store\r\n"
    b'Access-Control-Allow-Origin: *\r\n\r\n{"type":"/problems/bad_link","title":"This link ended","status":403}'
)

# What a path's signed part stands for now; None: it has to be admitted anew.
Known = Callable[[str, str], Viewing | None]


class Taken(web.StreamResponse):
    """What the route answers when the connection was taken over: everything is written already."""

    def __init__(self, is_kept: bool) -> None:
        super().__init__()
        self._keep_alive = is_kept

    @property
    def prepared(self) -> bool:
        return True

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class HlsConnection(asyncio.Protocol):
    """Serves one connection until it ends or is handed back. `handed_back` tells which: True when aiohttp has it again."""

    def __init__(self, origin: Origin, known: Known, transport: asyncio.Transport, framework: asyncio.Protocol) -> None:
        self.handed_back: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._origin = origin
        self._known = known
        self._transport = transport
        self._framework = framework
        self._buffer = b""
        self._is_waiting = False  # an answer is owed
        self._prefix = b""  # of the paths that `_viewing` stands for
        self._viewing: Viewing | None = None
        self._loading: asyncio.Task[None] | None = None

    def begin(self, target: bytes) -> None:
        """Take over, and answer the request that led here: a path with its query."""
        self._transport.set_protocol(self)
        if not self._answer(target):
            self._write(_REVOKED)

    # -- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._is_waiting or self._buffer:
            data = self._buffer + data
            self._buffer = data
            if len(data) > HEAD_LIMIT_BYTES:
                self._transport.abort()
                return
            if self._is_waiting:
                return
        self._read(data)

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._framework.connection_lost(exc)
        self._done(False)

    def pause_writing(self) -> None:
        """One answer at a time is under way, so what waits for a slow client is one part at most."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    # -- requests

    def _read(self, data: bytes) -> None:
        """Answer what is whole; keep the rest."""
        self._buffer = b""
        while data:
            end = data.find(_END)
            if end < 0:
                if len(data) > HEAD_LIMIT_BYTES or not data.startswith(b"GET /live/"[: len(data)]):
                    self._hand_back(data)
                else:
                    self._buffer = data
                return
            line_end = data.find(b"\r\n")
            line = data[:line_end]
            if not line.startswith(b"GET /live/") or not line.endswith(b" HTTP/1.1") or self._is_conditional(data[line_end : end + 2]):
                self._hand_back(data)
                return
            if not self._answer(line[4:-9]):
                self._hand_back(data)
                return
            data = data[end + 4 :]
            if self._is_waiting:
                self._buffer = data
                return

    @staticmethod
    def _is_conditional(head: bytes) -> bool:
        head = head.lower()
        return any(condition in head for condition in _CONDITIONS)

    def _answer(self, target: bytes) -> bool:
        """False when this path is not ours to answer (not admitted, another stream)."""
        path, _, query_text = target.partition(b"?")
        prefix, _, name = path.rpartition(b"/")
        if prefix != self._prefix:
            self._viewing = self._admitted(prefix)
            self._prefix = prefix
        viewing = self._viewing
        if viewing is None:
            return False
        if not viewing.is_current:
            self._prefix, self._viewing = b"", None
            return False
        query = dict(parse_qsl(query_text.decode("ascii", "replace"))) if query_text else {}
        answer = self._origin.ask(viewing.publication_id, name.decode("ascii", "replace"), query)
        if isinstance(answer, Answer):
            self._write(answer.raw)
            return True
        self._is_waiting = True
        if answer is None:
            self._loading = asyncio.get_running_loop().create_task(self._load(viewing, name.decode("ascii", "replace")))
        else:
            self._origin.wait(viewing.publication_id, answer, lambda came: self._came(viewing, came))
        return True

    def _admitted(self, prefix: bytes) -> Viewing | None:
        parts = prefix.decode("ascii", "replace").split("/")
        return self._known(parts[3], parts[2]) if len(parts) == 4 else None

    async def _load(self, viewing: Viewing, name: str) -> None:
        self._came(viewing, await self._origin.load(viewing.publication_id, name))

    def _came(self, viewing: Viewing, answer: Answer) -> None:
        """What was waited for. Who was put out meanwhile does not get it."""
        self._is_waiting = False
        if self.handed_back.done() or self._transport.is_closing():
            return
        self._write(answer.raw if viewing.is_current else _REVOKED)
        if self._buffer:
            self._read(self._buffer)

    def _write(self, raw: bytes) -> None:
        self._transport.write(raw)

    # -- the end

    def _hand_back(self, data: bytes) -> None:
        self._transport.set_protocol(self._framework)
        self._framework.data_received(data)
        self._done(True)

    def _done(self, is_back: bool) -> None:
        if self._loading is not None:
            self._loading.cancel()
        if not self.handed_back.done():
            self.handed_back.set_result(is_back)


async def take_over(request: web.Request, origin: Origin, known: Known) -> web.StreamResponse:
    """Answer this request and those that follow on its connection; returns when that is over."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    connection = HlsConnection(origin, known, transport, cast(Any, request.protocol))
    is_back = False
    try:
        connection.begin(request.raw_path.encode("ascii", "replace"))
        is_back = await connection.handed_back
    finally:
        if not is_back:
            transport.close()
    return Taken(is_back)


def can_take_over(request: web.Request) -> bool:
    """A plain GET on a connection that stays, with no other behind it that the framework has read already."""
    unusual = ("Range", "If-None-Match", "If-Modified-Since", "If-Range", "Upgrade", "Expect")
    return (
        request.method == "GET"
        and request.version >= (1, 1)
        and request.keep_alive
        and not request.can_read_body
        and not getattr(request.protocol, "_messages", None)
        and not any(name in request.headers for name in unusual)
    )
