"""What is known of one incoming RTP stream: loss, what to ask for again, jitter, and its part of a receiver report."""

from collections import OrderedDict
from dataclasses import dataclass

from livecore.media.rtcp import ReportBlock, ntp_middle
from livecore.media.sequence import Widener

# Reordering in a network is over within this time; asking sooner asks for packets that are on their way.
REORDER_S = 0.01
# About a round trip to a phone: asked again when the answer could have been there.
RETRY_S = 0.05
TRIES = 8
# A viewer's jitter buffer has played past it by then.
GIVE_UP_S = 1.0
# More missing at once is an outage or a new stream, and a key frame mends it sooner than that many resends.
GAP_LIMIT = 200
# One NACK message: 64 numbers fit into a small packet.
NACK_BATCH = 64


@dataclass(slots=True)
class _Missing:
    since: float
    due: float
    tries: int = 0


@dataclass(frozen=True, slots=True)
class ClockReport:
    """A sender report as received: `ntp` (64 bit) belongs to `timestamp` (widened), heard at `at`."""

    ntp: int
    timestamp: int
    at: float

    def seconds(self, timestamp: int, clock_hz: int) -> float:
        """The publisher's own time of a timestamp."""
        return self.ntp / 4294967296 + (timestamp - self.timestamp) / clock_hz


class Receiver:
    """State of one incoming stream (a simulcast layer, or the only one)."""

    def __init__(self, clock_hz: int) -> None:
        self.clock_hz = clock_hz
        self.widen = Widener(16)
        self.widen_timestamp = Widener(32)
        self.highest: int | None = None  # None before the first packet
        self.received = 0
        self.octets = 0
        self.recovered = 0
        self.given_up = 0
        self.report: ClockReport | None = None  # None before the first sender report
        self.jitter = 0.0
        self.fraction_lost = 0.0  # between the last two receiver reports
        self._first = 0
        self._transit: float | None = None
        self._missing: OrderedDict[int, _Missing] = OrderedDict()
        self._expected_before = 0
        self._received_before = 0

    def on_packet(self, sequence: int, timestamp: int, at: float, octets: int, resent: bool) -> bool:
        """Note a packet with widened numbers. True when its arrival left a gap (some packets before it are missing).

        `resent`: came over RTX. It fills its hole, but says nothing about jitter, loss or rate.
        """
        if not resent:
            self.received += 1
            self.octets += octets
            transit = at * self.clock_hz - timestamp
            if self._transit is not None:
                self.jitter += (abs(transit - self._transit) - self.jitter) / 16
            self._transit = transit
        highest = self.highest
        if highest is None:
            self.highest = self._first = sequence
            return False
        if sequence <= highest:
            if self._missing.pop(sequence, None) is not None and resent:
                self.recovered += 1
            return False
        self.highest = sequence
        if sequence == highest + 1:
            return False
        if sequence - highest > GAP_LIMIT:
            self._missing.clear()
            return True
        for number in range(highest + 1, sequence):
            self._missing[number] = _Missing(at, at + REORDER_S)
        return True

    def nacks(self, now: float) -> list[int]:
        """Widened numbers to ask for now, ascending, at most `NACK_BATCH`; what was asked for too often is given up."""
        if not self._missing:
            return []
        due: list[int] = []
        for number in list(self._missing):
            missing = self._missing[number]
            if now - missing.since > GIVE_UP_S or missing.tries >= TRIES:
                del self._missing[number]
                self.given_up += 1
            elif missing.due <= now and len(due) < NACK_BATCH:
                missing.tries += 1
                missing.due = now + RETRY_S
                due.append(number)
        return sorted(due)

    def on_sender_report(self, ntp: int, timestamp: int, at: float) -> ClockReport:
        """`timestamp` as on the wire."""
        self.report = ClockReport(ntp, self.widen_timestamp.nearest(timestamp), at)
        return self.report

    @property
    def lost(self) -> int:
        """Packets expected and not received, resends not counted (RFC 3550: may be negative with duplicates)."""
        if self.highest is None:
            return 0
        return self.highest - self._first + 1 - self.received

    def report_block(self, ssrc: int, now: float) -> ReportBlock | None:
        """This stream's block of the next receiver report; None before its first packet."""
        if self.highest is None:
            return None
        expected = self.highest - self._first + 1
        since, came = expected - self._expected_before, self.received - self._received_before
        self._expected_before, self._received_before = expected, self.received
        fraction = max(0, min(255, (since - came) * 256 // since)) if since > 0 else 0
        self.fraction_lost = fraction / 256
        last_sr, delay = 0, 0
        if self.report:
            last_sr, delay = ntp_middle(self.report.ntp), int((now - self.report.at) * 65536)
        highest = self.highest - (1 << 16)  # the first cycle was added by the widener
        return ReportBlock(ssrc, fraction, self.lost, highest, int(self.jitter), last_sr, delay)
