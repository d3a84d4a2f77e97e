"""Sessions by id, and what python-socketio asks of the transport under it."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import engineio
import orjson
import structlog
from aiohttp import web

from livecore.signaling.engine import deflate, frames, packets, polling
from livecore.signaling.engine.packets import Packet
from livecore.signaling.engine.session import Session, as_frame
from livecore.signaling.engine.websocket import WebSocketProtocol, accept_key
from livecore.signaling.engine.wheel import Wheel

log = structlog.get_logger("signaling")

TRANSPORTS = ("polling", "websocket")
# A WebSocket that was opened to take over and does not: longer than any network's round trips.
PROBE_PATIENCE_S = 10.0
# The last words to a polling client wait this long for its next poll.
PARTING_S = 5.0
# Above this the transport tells that it is behind, and each write looks at how much is waiting.
PAUSE_BYTES = 64 * 1024


class EngineServer:
    """`on_count(what, reason)` hears of what was dropped. `buffer_bytes`: a client that is further behind is cut off.

    `environ_of(request)` is what the protocol library keeps of a connection's first request for as long as it lasts.
    """

    reason = engineio.AsyncServer.reason
    async_mode = "aiohttp"
    pause_bytes = PAUSE_BYTES

    def __init__(
        self,
        *,
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        max_http_buffer_size: int = 1_000_000,
        buffer_bytes: int = 1 << 20,
        deflates: bool = False,
        on_count: Callable[[str, str], None] | None = None,
        environ_of: Callable[[web.Request], dict[str, Any]] | None = None,
        **_options: Any,
    ) -> None:
        self.payload_bytes = max_http_buffer_size
        self.buffer_bytes = buffer_bytes
        self._deflates = deflates
        self.sockets: dict[str, Session] = {}
        self._parting: dict[str, list[list[Packet]]] = {}  # last words for clients between two polls
        self._ping_interval_s = ping_interval
        self._ping_timeout_s = ping_timeout
        self._count = on_count
        self._environ_of = environ_of or _whole_request
        # Asked first for each message that need not wait for another; True: it was taken.
        self.on_message: Callable[[Session, str | bytes], bool] | None = None
        self._wheel: Wheel[Session] = Wheel(ping_interval, ping_timeout)
        self._turning: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[..., Awaitable[Any]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ping = frames.frame(packets.PING.encode())
        self._ping_packet = Packet(packets.PING)

    # -- what python-socketio calls

    def on(self, event: str, handler: Callable[..., Awaitable[Any]]) -> None:
        self._handlers[event] = handler

    def attach(self, application: web.Application, path: str) -> None:
        application.router.add_route("*", f"/{path.strip('/')}/", self.handle)

    def generate_id(self) -> str:
        return secrets.token_urlsafe(15)

    def start_background_task(self, target: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> "asyncio.Task[Any]":
        return asyncio.ensure_future(target(*args, **kwargs))

    async def sleep(self, seconds: float = 0) -> None:
        await asyncio.sleep(seconds)

    async def send(self, sid: str, data: str | bytes) -> None:
        session = self.sockets.get(sid)
        if session is not None:
            session.send(Packet(packets.MESSAGE, data))

    async def send_packet(self, sid: str, packet: Any) -> None:
        """A packet of the library's own class."""
        session = self.sockets.get(sid)
        if session is not None:
            session.send(Packet(str(packet.packet_type), packet.data or ""))

    async def disconnect(self, sid: str) -> None:
        session = self.sockets.get(sid)
        if session is not None:
            self.end(session, self.reason.SERVER_DISCONNECT)

    def transport(self, sid: str) -> str:
        return "websocket" if self.sockets[sid].ws is not None else "polling"

    async def shutdown(self) -> None:
        for session in list(self.sockets.values()):
            self.end(session, self.reason.SERVER_DISCONNECT)
        if self._turning is not None:
            self._turning.cancel()
            await asyncio.gather(self._turning, return_exceptions=True)
            self._turning = None
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- requests

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return polling.preflight(request)
        transport = request.query.get("transport")
        if transport not in TRANSPORTS:
            return polling.refuse(request, polling.TRANSPORT_UNKNOWN)
        wants_websocket = request.headers.get("Upgrade", "").lower() == "websocket"
        if (transport == "websocket") != wants_websocket:
            return polling.refuse(request, polling.BAD_REQUEST)
        sid = request.query.get("sid")
        if sid is None:
            return await self._open(request, wants_websocket)
        session = self.sockets.get(sid)
        if session is None:
            words = self._parting.get(sid) if request.method == "GET" and not wants_websocket else None
            if words:
                return polling.answer(request, packets.encode_payload(words.pop(0)))
            return polling.refuse(request, polling.SESSION_UNKNOWN)
        if wants_websocket:
            return self._begin_upgrade(request, session)
        if session.ws is not None:
            return polling.refuse(request, polling.BAD_REQUEST)
        if request.method == "GET":
            return await polling.poll(self, session, request)
        if request.method == "POST":
            return await polling.post(self, session, request)
        return polling.refuse(request, polling.BAD_METHOD)

    async def _open(self, request: web.Request, wants_websocket: bool) -> web.StreamResponse:
        if request.method != "GET":
            return polling.refuse(request, polling.BAD_METHOD)
        if request.query.get("EIO") != "4":
            return polling.refuse(request, polling.BAD_VERSION)
        accept = accept_key(request) if wants_websocket else None
        if wants_websocket and accept is None:
            return polling.refuse(request, polling.BAD_REQUEST)
        session = Session(self, self.generate_id(), self._environ_of(request))
        hello = Packet(packets.OPEN, self._hello(session, wants_websocket))
        self.sockets[session.sid] = session
        self._wheel.add(session)
        if self._turning is None:
            self._turning = asyncio.get_running_loop().create_task(self._turn(), name="engine-pings")
        await self._handlers["connect"](session.sid, session.environ)
        if accept is None:
            return polling.answer(request, hello.text)
        protocol = WebSocketProtocol(self, session, probing=False, extension=self._extension(request))
        session.ws = protocol
        protocol.take_transport(request, accept, as_frame(hello))
        return web.Response()

    def _extension(self, request: web.Request) -> str | None:
        return deflate.agreed(request.headers.getall("Sec-WebSocket-Extensions", [])) if self._deflates else None

    def _hello(self, session: Session, is_websocket: bool) -> str:
        return orjson.dumps(
            {
                "sid": session.sid,
                "upgrades": [] if is_websocket else ["websocket"],
                "pingInterval": round(self._ping_interval_s * 1000),
                "pingTimeout": round(self._ping_timeout_s * 1000),
                "maxPayload": self.payload_bytes,
            }
        ).decode()

    def _begin_upgrade(self, request: web.Request, session: Session) -> web.StreamResponse:
        accept = accept_key(request)
        if accept is None or session.ws is not None or session.probe is not None:
            return polling.refuse(request, polling.BAD_REQUEST)
        protocol = WebSocketProtocol(self, session, probing=True, extension=self._extension(request))
        session.probe = protocol
        protocol.take_transport(request, accept)
        asyncio.get_running_loop().call_later(PROBE_PATIENCE_S, self._probe_late, session, protocol)
        return web.Response()

    def _probe_late(self, session: Session, protocol: WebSocketProtocol) -> None:
        if session.probe is protocol:
            protocol.abort()

    def probe_lost(self, session: Session, protocol: WebSocketProtocol) -> None:
        """The session stays with polling."""
        if session.probe is protocol:
            session.probe = None
            session.answer_poll()

    # -- ends

    def count(self, what: str, reason: str) -> None:
        if self._count is not None:
            self._count(what, reason)

    def cut(self, session: Session, reason: str) -> None:
        """End it at once: what it has not taken it will not take."""
        if session.closed:
            return
        self.count("cut", reason)
        protocol = session.ws
        self.end(session, self.reason.TRANSPORT_ERROR)
        if protocol is not None:
            protocol.abort()

    def end(self, session: Session, reason: str) -> None:
        if session.closed:
            return
        if session.ws is None:
            self._part(session, reason)
        session.closed = True
        self.sockets.pop(session.sid, None)
        self._wheel.remove(session)
        session.held = session.inbox = None
        for protocol in (session.ws, session.probe):
            if protocol is not None:
                protocol.close(frames.NORMAL)
        self.spawn(self._handlers["disconnect"](session.sid, reason))

    def _part(self, session: Session, reason: str) -> None:
        """A poll ends cleanly: with a noop when the client ended it, else it is told that it is over.

        What was held leaves in a poll of its own before that: the stock client handles packets later than a close.
        """
        if reason == self.reason.CLIENT_DISCONNECT:
            words = [[Packet(packets.NOOP)]]
        elif reason == self.reason.SERVER_DISCONNECT:
            words = [session.held] if session.held else []
            words.append([Packet(packets.CLOSE)])
        else:
            session.answer_poll(Packet(packets.CLOSE))
            return
        if session.poll is not None and not session.poll.done():
            session.poll.set_result(words.pop(0))
            session.poll = None
        if words:
            self._parting[session.sid] = words
            asyncio.get_running_loop().call_later(PARTING_S, self._parting.pop, session.sid, None)

    async def trigger_message(self, session: Session, data: str | bytes) -> None:
        try:
            await self._handlers["message"](session.sid, data)
        except Exception:
            log.exception("a message could not be handled")
            self.end(session, self.reason.SERVER_DISCONNECT)

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- pings

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += self._wheel.tick_s
            await asyncio.sleep(max(0.0, due - loop.time()))
            there, late = self._wheel.turn()
            for session in late:
                if session.awaiting_pong:
                    self.count("cut", "ping_timeout")
                    self.end(session, self.reason.PING_TIMEOUT)
            # Who has yet to answer the last one is not asked again.
            pinged = [session for session in there if not session.closed and not session.awaiting_pong]
            self._wheel.expect(pinged)
            for session in pinged:
                session.awaiting_pong = True
                session.send_frame(self._ping, self._ping_packet)


def _whole_request(request: web.Request) -> dict[str, Any]:
    return {"aiohttp.request": request}
