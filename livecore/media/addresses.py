"""Socket addresses between Python's tuples and the kernel's bytes."""

import socket
import sys
from functools import lru_cache

from livecore.media.connection import SocketAddress

_ORDER = sys.byteorder


def pack_address(address: SocketAddress) -> bytes:
    """A sockaddr_in or sockaddr_in6, as `bind` has the socket's family."""
    host, port = str(address[0]), int(address[1]).to_bytes(2, "big")
    if ":" not in host:
        return int(socket.AF_INET).to_bytes(2, _ORDER) + port + socket.inet_pton(socket.AF_INET, host) + bytes(8)
    flow, scope = (int(number) for number in address[2:4]) if len(address) > 2 else (0, 0)
    where = socket.inet_pton(socket.AF_INET6, host)
    return int(socket.AF_INET6).to_bytes(2, _ORDER) + port + flow.to_bytes(4, "big") + where + scope.to_bytes(4, _ORDER)


@lru_cache(maxsize=8192)  # some thousand peers, each with an address or two
def unpack_address(packed: bytes) -> SocketAddress:
    """As a socket's own calls give it."""
    family, port = int.from_bytes(packed[:2], _ORDER), int.from_bytes(packed[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, packed[4:8]), port
    scope = int.from_bytes(packed[24:28], _ORDER)
    host = socket.inet_ntop(socket.AF_INET6, packed[8:24])
    return host, port, int.from_bytes(packed[4:8], "big"), scope
