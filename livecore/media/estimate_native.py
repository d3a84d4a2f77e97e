"""The same estimate as `estimate`, kept by the native helper: feedback reaches it without Python (`inbox`)."""

from typing import Any

from livecore.media.rtcp import TransportFeedback
from livecore.native import Library

# What stands for a packet that did not arrive (helper.h).
_LOST = -(1 << 63)


class NativeEstimator:
    """As `SendSideEstimator`. `struct`: the helper's."""

    def __init__(self, library: Library) -> None:
        self._ffi, self._lib = library.ffi, library.lib
        made = self._lib.lc_estimate_new()
        if made == self._ffi.NULL:
            raise MemoryError
        self.struct: Any = self._ffi.gc(made, self._lib.lc_estimate_free)

    @property
    def estimate_bps(self) -> int | None:
        bps = int(self._lib.lc_estimate_bps(self.struct))
        return bps if bps >= 0 else None

    @property
    def probes(self) -> int:
        return int(self._lib.lc_estimate_probes(self.struct))

    @property
    def messages(self) -> int:
        return int(self._lib.lc_estimate_messages(self.struct))

    def restart(self, bps: int) -> None:
        self._lib.lc_estimate_restart(self.struct, bps)

    def on_sent(self, first: int, count: int, packet_bytes: int, now: float) -> None:
        self._lib.lc_estimate_sent(self.struct, first, count, packet_bytes, now)

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        """One that was opened and taken apart in Python: over TCP, or with something else in its datagram."""
        arrivals = self._ffi.new("int64_t[]", [_LOST if arrival is None else arrival for arrival in feedback.arrivals])
        self._lib.lc_estimate_feedback(self.struct, feedback.base, arrivals, len(feedback.arrivals), now)

    def received_bps(self) -> int:
        return int(self._lib.lc_estimate_received_bps(self.struct))

    def start_probe(self, rate_bps: int, now: float) -> bool:
        return bool(self._lib.lc_estimate_start_probe(self.struct, rate_bps, now))

    def probe_bytes(self, interval_s: float, now: float) -> int:
        return int(self._lib.lc_estimate_probe_bytes(self.struct, interval_s, now))
