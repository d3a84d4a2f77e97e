"""The worker's UDP socket: drain, tell STUN, DTLS and SRTP apart by the first byte (RFC 7983), find the peer, send.

Arrival times come from the kernel: taken in Python behind a busy loop they look like a queue in the network, and hold a
publisher's estimate down (RFC 8888 section 1 speaks of the same).
"""

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable

from livecore.media import stun
from livecore.media.connection import SocketAddress, Transport
from livecore.media.drops import Counters, Drop

_SO_TIMESTAMPNS = 35
_UDP_SEGMENT = 103
_TIMESTAMP = struct.Struct("qq")
_SEGMENT = struct.Struct("H")
# Some four milliseconds of a 100 Mb/s ingress; then timers and the control socket have their turn.
DRAIN_LIMIT = 64
RECEIVE_BYTES = 2048
# Consent runs out after thirty seconds: connected peers are looked at this often.
SWEEP_S = 0.5
# A key frame of 100 packets to 300 viewers is 36 MB: what the kernel holds while the card sends.
SOCKET_BUFFER_BYTES = 4 << 20


class Endpoint:
    """One UDP port, shared by all peers of a worker.

    Args:
        host: the address to bind. An IPv6 one takes IPv4 too (mapped addresses), where the system allows it.
        drained: called after each drain of the socket, with the time: what was received is forwarded then.
        backlog: how many packets wait to be forwarded, counted once per viewer; over `backlog_limit`, a drain ends early.
    """

    def __init__(
        self,
        host: str,
        port: int,
        drained: Callable[[float], None],
        backlog: Callable[[], int],
        backlog_limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((host, port))
        self._socket.setblocking(False)
        self.host, self.port = self._socket.getsockname()[:2]
        self.offload = _offload_works(self._socket)
        self.drops: Counters = Counter()
        self.datagrams_received = 0
        self.datagrams_sent = 0
        self.transports: set[Transport] = set()
        self._joining: set[Transport] = set()  # those in a handshake, whose deadlines are fractions of a second
        self._sweep_due = 0.0
        self._by_ufrag: dict[str, Transport] = {}
        self._by_address: dict[SocketAddress, Transport] = {}
        self._drained = drained
        self._backlog = backlog
        self._backlog_limit = backlog_limit
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop = None
        self._socket.close()

    # -- peers

    def add(self, transport: Transport) -> None:
        self.transports.add(transport)
        self._joining.add(transport)
        self.index(transport)

    def index(self, transport: Transport) -> None:
        """Find this peer by its username fragments, also by a new one after an ICE restart."""
        for ufrag in transport.ice.ufrags:
            self._by_ufrag[ufrag] = transport

    def remove(self, transport: Transport) -> None:
        self.transports.discard(transport)
        self._joining.discard(transport)
        for ufrag in (
            [u for u, t in self._by_ufrag.items() if t is transport] if transport.ice.previous else [transport.ice.credentials.ufrag]
        ):
            self._by_ufrag.pop(ufrag, None)
        for address in transport.ice.addresses:
            if self._by_address.get(address) is transport:
                del self._by_address[address]

    # -- in

    def _readable(self) -> None:
        now = self._clock()
        offset = now - time.time()
        receive = self._socket.recvmsg
        for _ in range(DRAIN_LIMIT):
            try:
                data, ancillary, flags, source = receive(RECEIVE_BYTES, 64)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of an earlier send: its peer will fail its consent check.
                continue
            if flags & socket.MSG_TRUNC:
                self.drops[Drop.OVERSIZED] += 1
                continue
            at = now
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESTAMP.unpack(value)
                    at = seconds + nanoseconds * 1e-9 + offset
            self.on_datagram(data, source, at, now)
            if self._backlog() > self._backlog_limit:
                break
        self._drained(now)

    def on_datagram(self, data: bytes, source: SocketAddress, at: float, now: float) -> None:
        """One datagram from the socket. Never raises for what it holds: it is acted on, or counted and dropped."""
        self.datagrams_received += 1
        if not data:
            self.drops[Drop.EMPTY] += 1
            return
        first = data[0]
        if 127 < first < 192:
            transport = self._by_address.get(source[:2])
            if transport is None:
                self.drops[Drop.UNKNOWN_ADDRESS] += 1
            else:
                transport.on_srtp(data, at, now)
        elif first < 4:
            self._on_stun(data, source, now)
        elif 19 < first < 64:
            transport = self._by_address.get(source[:2])
            if transport is None:
                self.drops[Drop.UNKNOWN_ADDRESS] += 1
            else:
                transport.on_dtls(data, now)
        else:
            self.drops[Drop.FIRST_BYTE] += 1

    def _on_stun(self, data: bytes, source: SocketAddress, now: float) -> None:
        try:
            message = stun.parse(data)
        except stun.StunError:
            self.drops[Drop.STUN_MALFORMED] += 1
            return
        if message.type != stun.BINDING_REQUEST:
            self.drops[Drop.STUN_NOT_REQUEST] += 1
            return
        ufrag = message.username.partition(":")[0]
        transport = self._by_ufrag.get(ufrag)
        if transport is None:
            self.drops[Drop.STUN_UNKNOWN_USER] += 1
            return
        result = transport.on_check(message, source, now)
        if result.drop is not None:
            self.drops[result.drop] += 1
        if result.added is not None:
            self._by_address[result.added] = transport
        for address in result.removed:
            self._by_address.pop(address, None)

    # -- out

    def send(self, data: bytes, address: SocketAddress) -> None:
        try:
            self._socket.sendto(data, address)
            self.datagrams_sent += 1
        except BlockingIOError:
            self.drops[Drop.SEND_BUFFER_FULL] += 1
        except OSError:
            self.drops[Drop.SEND_FAILED] += 1

    def send_segments(self, data: memoryview, segment_bytes: int, address: SocketAddress) -> None:
        size = len(data)
        if not size:
            return
        try:
            if size <= segment_bytes:
                self._socket.sendto(data, address)
                self.datagrams_sent += 1
            elif self.offload:
                self._socket.sendmsg((data,), ((socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment_bytes)),), 0, address)
                self.datagrams_sent += -(-size // segment_bytes)
            else:
                for start in range(0, size, segment_bytes):
                    self._socket.sendto(data[start : start + segment_bytes], address)
                    self.datagrams_sent += 1
        except BlockingIOError:
            self.drops[Drop.SEND_BUFFER_FULL] += -(-size // segment_bytes)
        except OSError:
            self.drops[Drop.SEND_FAILED] += -(-size // segment_bytes)

    # -- time

    def on_tick(self, now: float) -> None:
        """Handshake repeats, time-outs, lost consent."""
        if now < self._sweep_due:
            due = [transport for transport in self._joining if transport.deadline() <= now]
        else:
            self._sweep_due = now + SWEEP_S
            self._joining = {transport for transport in self._joining if transport.connected_at is None}
            due = [transport for transport in self.transports if transport.deadline() <= now]
        for transport in due:
            transport.on_deadline(now)


def _offload_works(sock: socket.socket) -> bool:
    """Whether this kernel cuts one send into segments (Linux 4.18 and later)."""
    try:
        return sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT) == 0
    except OSError:
        return False
