"""The worker's UDP socket: drain it, and send.

Arrival times come from the kernel: taken in Python behind a busy loop they look like a queue in the network, and hold a
publisher's estimate down.
"""

import asyncio
import errno
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Callable

from livecore.media.connection import SocketAddress
from livecore.media.drops import Counters, Drop
from livecore.media.inbox import DATAGRAMS, NativeInbox

_SO_TIMESTAMPNS = 35
_UDP_SEGMENT = 103
_TRUNCATED = int(socket.MSG_TRUNC)  # an enumeration's own `&` costs more than reading a datagram
_TIMESTAMP = struct.Struct("qq")
_SEGMENT = struct.Struct("H")
# Some four milliseconds of a 100 Mb/s ingress; then timers and the control socket have their turn.
DRAIN_LIMIT = 64
RECEIVE_BYTES = 2048
# Timers come late by the loop's own work: so much more may lie between two drains that follow each other.
REST_SLACK_S = 0.003
# A key frame of 100 packets to 300 viewers is 36 MB: what the kernel holds while the card sends.
SOCKET_BUFFER_BYTES = 4 << 20
# What waits when even that is full, and how long: what is later than a jitter buffer is worth nothing.
HELD_LIMIT_BYTES = 8 << 20
HELD_LIMIT_S = 0.25


class Endpoint:
    """One UDP port, shared by all peers of a worker.

    Args:
        host: the address to bind. An IPv6 one takes IPv4 too (mapped addresses), where the system allows it.
        received: called for each datagram, with its source, its kernel arrival and the time (both monotonic). True: it may wait.
        drained: called after each drain of the socket, with the time: what was received is forwarded then.
        backlog: how many packets wait to be forwarded, counted once per viewer; over `backlog_limit`, a drain ends early.
        rest_s: after two drains within this time that brought nothing but what may wait, the socket is left alone as long. A wake-up a
            message would cost more than the message; what else comes meanwhile is late by this at most. 0: never.
        inbox: drains through the native helper; None: in Python.
    """

    def __init__(
        self,
        host: str,
        port: int,
        received: Callable[[bytes, SocketAddress, float, float], bool],
        drained: Callable[[float], None],
        backlog: Callable[[], int],
        backlog_limit: int,
        rest_s: float = 0.0,
        inbox: NativeInbox | None = None,
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
        self.datagrams_sent = 0
        self.datagrams_held = 0  # that had to wait for room in the kernel's buffer, in all
        self._held: deque[tuple[bytes, int, SocketAddress, float]] = deque()
        self._held_bytes = 0
        self._received = received
        self._drained = drained
        self._backlog = backlog
        self._backlog_limit = backlog_limit
        self._rest_s = rest_s
        self._inbox = inbox
        self._patient_at = float("-inf")  # the last drain of what may wait
        self._resting: asyncio.TimerHandle | None = None  # None while the socket is watched
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._loop = None
        self._socket.close()

    # -- in

    def _readable(self) -> None:
        now = self._clock()
        patient = self._drain(now) if self._inbox is None else self._drain_natively(self._inbox, now)
        self._drained(now)
        loop = self._loop
        if loop is None:  # closed meanwhile
            return
        if self._inbox is not None and self._inbox.waiting:  # a drain that ended early: the kernel has handed over the rest already
            loop.call_soon(self._readable)
        soon = now - self._patient_at <= self._rest_s + REST_SLACK_S
        if patient:
            self._patient_at = now
        if patient and soon and self._rest_s:
            if self._resting is None:
                loop.remove_reader(self._socket.fileno())
            self._resting = loop.call_later(self._rest_s, self._readable)
        elif self._resting is not None:
            self._resting = None
            loop.add_reader(self._socket.fileno(), self._readable)

    def _drain(self, now: float) -> bool:
        """Take what has come. True when all of it may wait, and nothing is left."""
        offset = now - time.time()
        receive, received = self._socket.recvmsg, self._received
        count, patient = 0, True
        for count in range(DRAIN_LIMIT):
            try:
                data, ancillary, flags, source = receive(RECEIVE_BYTES, 64)
            except BlockingIOError:
                return patient and count > 0
            except OSError:
                # An ICMP error of an earlier send: its peer will fail its consent check.
                continue
            if flags & _TRUNCATED:
                self.drops[Drop.OVERSIZED] += 1
                continue
            at = now
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESTAMP.unpack(value)
                    at = seconds + nanoseconds * 1e-9 + offset
            patient &= received(data, source, at, now)
            if self._backlog() > self._backlog_limit:
                break
        return False

    def _drain_natively(self, inbox: NativeInbox, now: float) -> bool:
        waiting = inbox.waiting
        if not waiting:
            self.drops[Drop.OVERSIZED] += inbox.drain(self.fileno, now, now - time.time())
        patient = inbox.taken > 0
        while waiting:
            data, source, at = waiting.popleft()
            patient &= self._received(data, source, at, now)
            if self._backlog() > self._backlog_limit:
                return False
        return patient and inbox.taken < DATAGRAMS

    # -- out

    @property
    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def holds(self) -> bool:
        """Whether datagrams wait for room in the kernel's buffer."""
        return bool(self._held)

    def send(self, data: bytes | memoryview, address: SocketAddress) -> None:
        self.send_segments(data, len(data), address)

    def send_segments(self, data: bytes | memoryview, segment_bytes: int, address: SocketAddress) -> None:
        """Give datagrams to the kernel, after those that wait for it. Where its buffer is full they wait, up to a bound."""
        if not data:
            return
        if self._held:
            self._hold(data, segment_bytes, address)
            return
        try:
            self._send_now(data, segment_bytes, address)
        except BlockingIOError:
            self._hold(data, segment_bytes, address)

    def _send_now(self, data: bytes | memoryview, segment_bytes: int, address: SocketAddress) -> None:
        """Raises BlockingIOError when the kernel takes none of it; other refusals are counted."""
        size = len(data)
        datagrams = -(-size // segment_bytes)
        try:
            if datagrams == 1:
                self._socket.sendto(data, address)
            elif self.offload:
                self._socket.sendmsg((data,), ((socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment_bytes)),), 0, address)
            else:
                self._send_singly(data, segment_bytes, address)
                return
            self.datagrams_sent += datagrams
        except BlockingIOError:
            raise
        except OSError as exc:
            if exc.errno == errno.EIO:  # the device has no checksum offload: it never will
                self.offload = False
            if exc.errno in (errno.EIO, errno.EINVAL) and datagrams > 1:  # EINVAL: this peer's path takes less than a segment
                self._send_singly(data, segment_bytes, address)
            else:
                self.drops[Drop.SEND_FAILED] += datagrams

    def _hold(self, data: bytes | memoryview, segment_bytes: int, address: SocketAddress) -> None:
        if self._held_bytes + len(data) > HELD_LIMIT_BYTES or self._loop is None:
            self.drops[Drop.SEND_BUFFER_FULL] += -(-len(data) // segment_bytes)
            return
        if not self._held:
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._held.append((bytes(data), segment_bytes, address, self._clock()))
        self._held_bytes += len(data)
        self.datagrams_held += -(-len(data) // segment_bytes)

    def _writable(self) -> None:
        oldest = self._clock() - HELD_LIMIT_S
        while self._held:
            data, segment_bytes, address, since = self._held[0]
            if since < oldest:
                self.drops[Drop.SEND_BUFFER_FULL] += -(-len(data) // segment_bytes)
            else:
                try:
                    self._send_now(data, segment_bytes, address)
                except BlockingIOError:
                    return
            self._held.popleft()
            self._held_bytes -= len(data)
        if self._loop is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _send_singly(self, data: bytes | memoryview, segment_bytes: int, address: SocketAddress) -> None:
        for start in range(0, len(data), segment_bytes):
            one = data[start : start + segment_bytes]
            try:
                if self._held:
                    raise BlockingIOError
                self._socket.sendto(one, address)
                self.datagrams_sent += 1
            except BlockingIOError:
                self._hold(one, segment_bytes, address)
            except OSError:
                self.drops[Drop.SEND_FAILED] += 1


def _offload_works(sock: socket.socket) -> bool:
    """Whether this kernel cuts one send into segments (Linux 4.18 and later)."""
    try:
        return sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT) == 0
    except OSError:
        return False
