"""Transport-wide congestion feedback to a publisher (draft-holmer-rmcat-transport-wide-cc-extensions-01).

Says which packets arrived and when, by the kernel's clock: a loop that was busy must not look like a queue in the network.
"""

import struct

from livecore.media.rtcp import RTPFB, TRANSPORT_FEEDBACK
from livecore.media.sequence import Widener

# One feedback message stays under a datagram: 400 packets in 2-bit vectors and 16-bit deltas are 930 bytes.
PACKETS_LIMIT = 400
# A sender may jump (a new estimate after silence): what lies further back than this is given up, not listed as lost.
GAP_LIMIT = 2000
# With no feedback taken for so many packets nobody calls `build`; the oldest are forgotten.
HELD_LIMIT = 4096


class TransportFeedbackBuilder:
    """Collects arrivals of one transport and writes feedback messages that follow each other without a hole."""

    def __init__(self) -> None:
        self._widen = Widener(16)
        self._arrivals: dict[int, int] = {}  # widened number → arrival in microseconds
        self._base: int | None = None  # the first number that no feedback has told yet
        self._count = 0

    def add(self, sequence: int, at_s: float) -> None:
        """Note a packet's wire number and its arrival (monotonic seconds)."""
        wide = self._widen(sequence)
        if self._base is None:
            self._base = wide
        if wide < self._base:  # told as lost already: the draft lets a receiver leave it at that
            return
        if wide - self._base > GAP_LIMIT or len(self._arrivals) >= HELD_LIMIT:
            self._arrivals.clear()
            self._base = wide
        self._arrivals.setdefault(wide, round(at_s * 1e6))

    def build(self, sender: int, ssrc: int) -> bytes | None:
        """One RTCP packet about what arrived since the last; None when nothing did."""
        if not self._arrivals or self._base is None:
            return None
        first = self._base
        last = min(max(self._arrivals), first + PACKETS_LIMIT - 1)
        told = {n: at for n, at in self._arrivals.items() if n <= last}
        if not told:  # a hole longer than one message: skip to what did arrive
            self._base = first = min(self._arrivals)
            last = min(max(self._arrivals), first + PACKETS_LIMIT - 1)
            told = {n: at for n, at in self._arrivals.items() if n <= last}
        reference = min(told.values()) // 64_000
        previous_us = reference * 64_000
        symbols: list[int] = []
        deltas = bytearray()
        for number in range(first, last + 1):
            at_us = told.get(number)
            if at_us is None:
                symbols.append(0)
                continue
            ticks = round((at_us - previous_us) / 250)
            ticks = max(-32768, min(32767, ticks))
            previous_us += ticks * 250
            if 0 <= ticks <= 255:
                symbols.append(1)
                deltas.append(ticks)
            else:
                symbols.append(2)
                deltas += struct.pack("!h", ticks)
        body = struct.pack("!LLHHL", sender, ssrc, first & 0xFFFF, len(symbols), (reference & 0xFFFFFF) << 8 | self._count & 0xFF)
        body += _chunks(symbols) + bytes(deltas)
        padding = -len(body) % 4
        if padding:
            body += bytes(padding - 1) + bytes([padding])
        for number in told:
            del self._arrivals[number]
        self._base = last + 1
        self._count += 1
        lead = 0x80 | (0x20 if padding else 0) | TRANSPORT_FEEDBACK
        return struct.pack("!BBH", lead, RTPFB, len(body) // 4) + body


def _chunks(symbols: list[int]) -> bytes:
    """Run-length chunks for runs of seven and more, two-bit vectors for the rest."""
    chunks = bytearray()
    position = 0
    while position < len(symbols):
        run = 1
        while position + run < len(symbols) and symbols[position + run] == symbols[position] and run < 8191:
            run += 1
        if run >= 7:
            chunks += struct.pack("!H", symbols[position] << 13 | run)
            position += run
            continue
        vector = 0xC000
        for index, symbol in enumerate(symbols[position : position + 7]):
            vector |= symbol << (12 - 2 * index)
        chunks += struct.pack("!H", vector)
        position += 7
    return bytes(chunks)
