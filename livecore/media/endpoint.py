"""The worker's UDP socket: drain it, and send.

Arrival times come from the kernel: taken in Python behind a busy loop they look like a queue in the network, and hold a
publisher's estimate down.
"""

import asyncio
import errno
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable

from livecore.media.connection import SocketAddress
from livecore.media.drops import Counters, Drop

_SO_TIMESTAMPNS = 35
_UDP_SEGMENT = 103
_TIMESTAMP = struct.Struct("qq")
_SEGMENT = struct.Struct("H")
# Some four milliseconds of a 100 Mb/s ingress; then timers and the control socket have their turn.
DRAIN_LIMIT = 64
RECEIVE_BYTES = 2048
# A key frame of 100 packets to 300 viewers is 36 MB: what the kernel holds while the card sends.
SOCKET_BUFFER_BYTES = 4 << 20


class Endpoint:
    """One UDP port, shared by all peers of a worker.

    Args:
        host: the address to bind. An IPv6 one takes IPv4 too (mapped addresses), where the system allows it.
        received: called for each datagram, with its source, its kernel arrival and the time (both monotonic).
        drained: called after each drain of the socket, with the time: what was received is forwarded then.
        backlog: how many packets wait to be forwarded, counted once per viewer; over `backlog_limit`, a drain ends early.
    """

    def __init__(
        self,
        host: str,
        port: int,
        received: Callable[[bytes, SocketAddress, float, float], None],
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
        self.datagrams_sent = 0
        self._received = received
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

    # -- in

    def _readable(self) -> None:
        now = self._clock()
        offset = now - time.time()
        receive, received = self._socket.recvmsg, self._received
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
            received(data, source, at, now)
            if self._backlog() > self._backlog_limit:
                break
        self._drained(now)

    # -- out

    def send(self, data: bytes | memoryview, address: SocketAddress) -> None:
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
        if size > segment_bytes:
            if not self.offload:
                self._send_singly(data, segment_bytes, address)
                return
            try:
                self._socket.sendmsg((data,), ((socket.IPPROTO_UDP, _UDP_SEGMENT, _SEGMENT.pack(segment_bytes)),), 0, address)
                self.datagrams_sent += -(-size // segment_bytes)
            except BlockingIOError:
                self.drops[Drop.SEND_BUFFER_FULL] += -(-size // segment_bytes)
            except OSError as exc:
                if exc.errno == errno.EIO:  # the device has no checksum offload: it never will
                    self.offload = False
                if exc.errno in (errno.EIO, errno.EINVAL):  # EINVAL: this peer's path takes less than a segment
                    self._send_singly(data, segment_bytes, address)
                else:
                    self.drops[Drop.SEND_FAILED] += -(-size // segment_bytes)
            return
        self.send(data, address)

    def _send_singly(self, data: memoryview, segment_bytes: int, address: SocketAddress) -> None:
        for start in range(0, len(data), segment_bytes):
            self.send(data[start : start + segment_bytes], address)


def _offload_works(sock: socket.socket) -> bool:
    """Whether this kernel cuts one send into segments (Linux 4.18 and later)."""
    try:
        return sock.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT) == 0
    except OSError:
        return False
