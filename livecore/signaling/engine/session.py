"""One Engine.IO session over whichever transport it has: what is waiting to go out, and what came in, with bounds."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from livecore.signaling.engine import deflate, frames, packets
from livecore.signaling.engine.packets import Packet

if TYPE_CHECKING:
    from livecore.signaling.engine.server import EngineServer
    from livecore.signaling.engine.websocket import WebSocketProtocol

# Messages that were read and not yet handled. Above the bytes a WebSocket is not read until half are handled, so that the
# sender's own network holds it back; above the count a client is cut off.
INBOX_LIMIT = 1024
INBOX_BYTES = 1 << 20
# A polling client's packets while no poll is there; the bound in bytes is the server's setting.
PACKET_COST_BYTES = 64


class Session:
    """`environ` is what the protocol library is given at the connect. `reason` is set when it has ended."""

    __slots__ = (
        "awaiting_pong",
        "closed",
        "environ",
        "held",
        "held_bytes",
        "inbox",
        "inbox_bytes",
        "on_transport",
        "poll",
        "posting",
        "probe",
        "pumping",
        "server",
        "sid",
        "ws",
    )

    def __init__(self, server: "EngineServer", sid: str, environ: dict[str, Any]) -> None:
        self.server = server
        self.sid = sid
        self.environ = environ
        self.held: list[Packet] | None = None  # made when something is to be held
        self.held_bytes = 0
        self.poll: asyncio.Future[list[Packet]] | None = None  # a poll that waits for packets
        self.posting = False
        self.ws: WebSocketProtocol | None = None  # the transport once it is a WebSocket
        self.probe: WebSocketProtocol | None = None  # one that asks to take over
        self.inbox: deque[str | bytes] | None = None  # made when a message has to wait
        self.inbox_bytes = 0
        # Told False when the transport can or cannot be written to directly any more, True after a write that was not direct.
        self.on_transport: Callable[[bool], None] | None = None
        self.pumping = False
        self.awaiting_pong = False
        self.closed = False

    def transport_changed(self) -> None:
        if self.on_transport is not None:
            self.on_transport(False)

    # -- out

    def send_frame(self, ready: bytes, packet: Packet) -> None:
        """`ready` is the packet as a WebSocket frame, made once for many."""
        if self.ws is not None:
            self.ws.write(ready)
        else:
            self.hold(packet)

    def send(self, packet: Packet) -> None:
        if self.closed:
            return
        if self.ws is not None:
            self.ws.write(as_frame(packet, self.ws.deflates))
        else:
            self.hold(packet)

    def hold(self, packet: Packet) -> None:
        """For a poll: now if one waits, else until it comes. While a WebSocket is taking over everything waits for it."""
        if self.closed:
            return
        if self.held is None:
            self.held = []
        self.held.append(packet)
        self.held_bytes += len(packet.data) + PACKET_COST_BYTES
        if self.held_bytes > self.server.buffer_bytes:
            self.server.cut(self, "too_slow")
        elif self.probe is None:
            self.answer_poll()

    def take_held(self) -> list[Packet]:
        """What one poll carries: as much as the payload limit that was announced allows."""
        taken: list[Packet] = []
        size = 0
        for packet in self.held or ():
            size += len(packet.data) * (4 if isinstance(packet.data, bytes) else 3) // 3 + 4
            if taken and size > self.server.payload_bytes:
                break
            taken.append(packet)
        if self.held is not None:
            del self.held[: len(taken)]
            self.held = self.held or None
        self.held_bytes -= sum(len(packet.data) + PACKET_COST_BYTES for packet in taken)
        return taken

    def answer_poll(self, only: Packet | None = None) -> None:
        poll = self.poll
        if poll is None or poll.done() or (only is None and not self.held):
            return
        self.poll = None
        poll.set_result([only] if only is not None else self.take_held())

    def take_over(self) -> None:
        """The WebSocket that probed is the transport from now on; what was held leaves first."""
        self.ws, self.probe = self.probe, None
        self.answer_poll(Packet(packets.NOOP))
        assert self.ws is not None
        held, self.held, self.held_bytes = self.held, None, 0
        for packet in held or ():
            if packet.type != packets.NOOP:
                self.ws.write(as_frame(packet, self.ws.deflates))
        self.transport_changed()

    # -- in

    def take(self, packet: Packet) -> None:
        """One packet of the client, over either transport. Raises BadPacket for one that has no place here."""
        if packet.type == packets.MESSAGE:
            self.take_message(packet.data)
        elif packet.type == packets.PONG:
            self.awaiting_pong = False
        elif packet.type == packets.CLOSE:
            self.server.end(self, self.server.reason.CLIENT_DISCONNECT)
        else:
            raise packets.BadPacket("a packet out of place")

    def take_message(self, data: str | bytes) -> None:
        if self.closed:
            return
        if not self.pumping and self.server.on_message is not None and self.server.on_message(self, data):
            return
        if self.inbox is None:
            self.inbox = deque()
        if len(self.inbox) >= INBOX_LIMIT:
            self.server.cut(self, "too_fast")
            return
        self.inbox.append(data)
        self.inbox_bytes += len(data)
        if self.inbox_bytes > INBOX_BYTES and self.ws is not None:
            self.ws.hold_back(True)
        if not self.pumping:
            self.pumping = True
            self.server.spawn(self._pump())

    async def _pump(self) -> None:
        """Messages one after the other, as the protocol library expects them."""
        try:
            while self.inbox and not self.closed:
                data = self.inbox.popleft()
                self.inbox_bytes -= len(data)
                if self.inbox_bytes <= INBOX_BYTES // 2 and self.ws is not None:
                    self.ws.hold_back(False)
                await self.server.trigger_message(self, data)
        finally:
            self.pumping = False
            self.inbox = self.inbox or None


def as_frame(packet: Packet, deflates: bool = False) -> bytes:
    frame = deflate.frame if deflates else frames.frame
    if isinstance(packet.data, bytes):
        return frame(packet.data, frames.BINARY)
    return frame((packet.type + packet.data).encode(errors="replace"))
