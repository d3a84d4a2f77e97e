"""One drain of the socket through the native helper: datagrams of many peers in one call, and viewers' feedback taken in within it.

Feedback that changes no estimate never reaches Python; whatever is not feedback alone comes out as it would without the helper.
"""

from collections import deque
from typing import Any

from livecore.media.addresses import pack_address, unpack_address
from livecore.media.connection import SocketAddress, Transport
from livecore.media.estimate_native import NativeEstimator
from livecore.media.rtcp import FEEDBACK_LIMIT
from livecore.media.transport import UNPROTECT_RTCP_ADDRESS, drop_of
from livecore.native import Library

# As in helper.h.
DATAGRAMS = 64
DATAGRAM_BYTES = 2048
_RAW, _OVERSIZED, _OPENED, _REFUSED, _ESTIMATED = range(5)


class NativeInbox:
    """`limit`: peers whose feedback is taken in natively; that of more takes the way through Python.

    Attributes:
        taken: datagrams of the last drain.
        heard: SRTCP that never was a datagram to Python, in all.
    """

    def __init__(self, library: Library, limit: int) -> None:
        ffi, self._lib = library.ffi, library.lib
        self._ffi = ffi
        tellers = self._lib.lc_tellers_new(limit)
        if tellers == ffi.NULL:
            raise MemoryError
        self._tellers = ffi.gc(tellers, self._lib.lc_tellers_free)
        self._arena = ffi.new("uint8_t[]", DATAGRAMS * DATAGRAM_BYTES)
        self._view = memoryview(ffi.buffer(self._arena))
        self._datagrams = ffi.new("lc_datagram[]", DATAGRAMS)
        self._arrivals = ffi.new("int64_t[]", FEEDBACK_LIMIT)
        self._inbox = ffi.new(
            "lc_inbox *",
            {
                "arena": self._arena,
                "datagrams": self._datagrams,
                "arrivals": self._arrivals,
                "tellers": self._tellers,
                "unprotect_rtcp": ffi.cast("int (*)(void *, void *, int *)", UNPROTECT_RTCP_ADDRESS),
            },
        )
        self._numbers = 0
        # What the helper points to lives as long as its place in the table.
        self._by_address: dict[SocketAddress, tuple[Any, int]] = {}
        self._transports: dict[int, Transport] = {}
        self.waiting: deque[tuple[bytes, SocketAddress, float]] = deque()  # datagrams taken from the kernel and not handed on yet
        self.taken = 0
        self.heard = 0

    def put(self, source: SocketAddress, transport: Transport) -> None:
        """From now on take in what this peer sends from here. Nothing happens for one whose path is not judged natively."""
        estimator, session = transport.estimator, transport.inbound_session_address
        if source[:2] in self._by_address or session is None or not isinstance(estimator, NativeEstimator):
            return
        self._numbers = self._numbers + 1 & 0xFFFFFFFF
        teller = self._ffi.new(
            "lc_teller *", {"session": self._ffi.cast("void *", session), "estimate": estimator.struct, "number": self._numbers}
        )
        packed = pack_address(source)
        if self._lib.lc_tellers_put(self._tellers, packed, len(packed), teller):
            self._by_address[source[:2]] = teller, self._numbers
            self._transports[self._numbers] = transport

    def remove(self, address: SocketAddress) -> None:
        """The address is nobody's any more, or somebody else's."""
        held = self._by_address.pop(address[:2], None)
        if held is not None:
            packed = pack_address(address)
            self._lib.lc_tellers_remove(self._tellers, packed, len(packed))
            del self._transports[held[1]]

    def __len__(self) -> int:
        return len(self._by_address)

    def drain(self, fd: int, now: float, offset: float) -> int:
        """Take what waits in the socket; what Python has to do with it is done, but for datagrams that now are in `waiting`.

        Returns how many were oversized."""
        inbox, oversized = self._inbox, 0
        self._lib.lc_receive(inbox, fd, now, offset)
        self.taken = inbox.taken
        self.heard += inbox.heard
        for index in range(inbox.count):
            one = self._datagrams[index]
            kind = one.kind
            if kind == _RAW:
                data = bytes(self._view[one.offset : one.offset + one.bytes])
                self.waiting.append((data, unpack_address(bytes(one.source[0 : one.source_bytes])), one.at))
                continue
            if kind == _OVERSIZED:
                oversized += 1
                continue
            transport = self._transports.get(one.peer)
            if transport is None:  # gone since, by what came before
                continue
            if kind == _ESTIMATED:
                transport.on_estimate()
            elif kind == _OPENED:
                transport.on_rtcp_opened(bytes(self._view[one.offset : one.offset + one.bytes]), now)
            elif kind == _REFUSED:
                transport.drops[drop_of(one.status)] += 1
        return oversized
