"""One client's connection in namespace "/" as the registry sees it: what is sent leaves at once or waits in the transport, within bounds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from livecore.signaling.encoding import Encoded, Form, acknowledgement, packet_frame
from livecore.signaling.engine.packets import MESSAGE, Packet

if TYPE_CHECKING:
    from livecore.signaling.engine.session import Session
    from livecore.signaling.protocol import SocketServer


class EngineLink:
    """`sid` names the connection. `pid` is set for one that asked for recovery: the secret name by which it comes back."""

    __slots__ = ("_form", "_server", "_session", "is_connected", "pid", "sid")

    def __init__(self, server: "SocketServer", session: "Session", sid: str, is_msgpack: bool) -> None:
        self._server = server
        self._session = session
        self.sid = sid
        self.pid: str | None = None
        self._form = Form.MSGPACK if is_msgpack else Form.TEXT
        self.is_connected = False  # CONNECT was answered

    @property
    def form(self) -> Form:
        """As its transport is now: what polls is not deflated, what has upgraded may be."""
        ws = self._session.ws
        return self._form.deflated if ws is not None and ws.deflates else self._form

    @property
    def is_msgpack(self) -> bool:
        return self._form in (Form.MSGPACK, Form.MSGPACK_OFFSET)

    def recoverable(self, pid: str) -> None:
        """From now on events carry their offset."""
        self.pid = pid
        self._form = Form.MSGPACK_OFFSET if self.is_msgpack else Form.TEXT_OFFSET

    def send(self, encoded: Encoded) -> None:
        session = self._session
        if session.ws is not None:
            session.ws.write(encoded.frame(self.form))
        else:
            session.hold(Packet(MESSAGE, encoded.packet(self._form)))

    def acknowledge(self, number: int, result: Any) -> None:
        session = self._session
        packet = acknowledgement(number, result, self._form)
        if session.ws is not None:
            session.ws.write(packet_frame(packet, deflates=session.ws.deflates))
        else:
            session.hold(Packet(MESSAGE, packet))

    def direct(self) -> Callable[[bytes], None] | None:
        """What writes frames to the socket without asking; None for a client that polls, lags behind or goes."""
        ws = self._session.ws
        return ws.direct() if ws is not None and not self._session.closed else None

    def descriptor(self) -> int:
        """Of a socket that the kernel may be handed frames for beside the transport; -1 where it must not (TLS)."""
        ws = self._session.ws
        return ws.descriptor() if ws is not None else -1

    def is_drained(self) -> bool:
        """Whether the transport holds nothing back."""
        ws = self._session.ws
        return ws is not None and ws.is_drained()

    def on_change(self, told: Callable[[bool], None] | None) -> None:
        """Have `told(wrote)` called when the answer of `direct` may have changed, or (`wrote`) after each write through the link."""
        self._session.on_transport = told

    def cut(self, reason: str) -> None:
        """End it from our side; the client is told that the server did."""
        self._server.count("cut", reason)
        self._server.spawn(self._server.end(self._session.sid))
