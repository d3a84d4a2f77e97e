"""A viewer of the live bench: counts by header alone, and tells of its path what a browser tells: transport-wide feedback, reports, NACKs."""

import asyncio
import socket
import struct
import time

from bench import rtcp_client, rtp_header, rtp_source
from bench.last_mile import LastMile
from bench.latency import Latencies
from bench.live_peer import Peer
from bench.load import LoadFailed
from livecore.media import rtcp
from livecore.media.transport import Certificate
from livecore.media.twcc import TransportFeedbackBuilder

# As often as browsers tell at the rates of video.
FEEDBACK_S = 0.05
REPORT_S = 1.0
# Which layer comes is read from the last packet of a picture, so often.
LOOK_S = 0.2
# A missing packet is asked for at the next feedback, again after so long, and given up for a key picture after a second.
ASK_AGAIN_S = 0.1
GIVE_UP_S = 1.0
# A larger hole is no loss: a key picture is asked for.
HOLE_LIMIT = 300
NACK_LIMIT = 60
_SO_TIMESTAMPNS = 35
_TIMESTAMP = struct.Struct("qq")
_DRAIN_LIMIT = 128
_buffer = bytearray(2048)
_view = memoryview(_buffer)


class Viewer(Peer):
    """`delays`: set for one that opens its video packets. `link`: what lies before it; None: nothing that limits or loses.
    `repairs`: where it notes how long what was missing took to come after all.

    Attributes:
        first_at: monotonic seconds of the first video packet; 0 before.
        expected, counted: video packets by their sequence numbers, and those that came by themselves.
        repaired: those that came when they were asked for.
        layer, switches: which layer the pictures are of (None before it is known), and how often that changed.
        told: messages sent, by name.
    """

    def __init__(
        self,
        certificate: Certificate,
        delays: Latencies | None = None,
        link: LastMile | None = None,
        repairs: Latencies | None = None,
    ) -> None:
        super().__init__(open_packets=False, certificate=certificate, local=("0.0.0.0", 0))
        self.first_at = 0.0
        self.first = asyncio.Event()
        self.expected = 0
        self.counted = 0
        self.repaired = 0
        self.layer: int | None = None
        self.switches = 0
        self.told = {"feedback": 0, "reports": 0, "remb": 0, "nacks": 0, "key_requests": 0}
        self.link = link
        self._delays = delays
        self._repairs = repairs
        self._video_type = self._rtx_type = -1
        self._transport_id = 0
        self._arrivals = TransportFeedbackBuilder()
        self._base_ns = time.time_ns()
        self._last: int | None = None  # None before the first video packet
        self._missing: dict[int, tuple[float, float]] = {}  # number → (since, asked)
        self._awaited: set[int] = set()  # of what was missing when `missing` was asked for, what has not come since
        self._looked_at = 0.0
        self._clock: tuple[int, float] | None = None  # the last sender report: (middle of NTP, when); None before
        self._reported_at = time.monotonic()
        self._reported = (0, 0)
        self.on_rtcp = self._on_message

    def accept(self, answer: str) -> None:
        super().accept(answer)
        answered = self.answered
        assert answered is not None
        if answered.address is None or "video" not in answered.payload_types:
            raise LoadFailed("the answer has no candidate or refuses the video")
        self._video_type = answered.payload_types["video"]
        self._rtx_type = answered.rtx_types.get("video", -1)
        self._transport_id = answered.transport_id

    @property
    def narrow(self) -> bool:
        return self.link is not None and self.link.rate_bps is not None

    def missing(self) -> int:
        """Video packets that are waited for now; which of them never come says `lost`, when they were given up."""
        self._awaited = set(self._missing)
        return len(self._awaited)

    @property
    def lost(self) -> int:
        return len(self._awaited)

    @property
    def _timed(self) -> bool:
        """Whether it matters when a packet came."""
        return self._delays is not None or self._transport_id != 0

    def _open_socket(self, family: int) -> None:
        super()._open_socket(family)
        assert self._socket is not None
        if self._timed:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def _readable(self) -> None:
        sock = self._socket
        assert sock is not None
        data, timed = _buffer, self._timed
        at_ns = self._base_ns
        for _ in range(_DRAIN_LIMIT):
            try:
                if timed:
                    size, ancillary, _flags, _source = sock.recvmsg_into([_view], 64)
                    at_ns = _came_ns(ancillary)
                else:
                    size = sock.recv_into(data)
            except OSError:
                return
            if 127 < data[0] < 192 and not 192 <= data[1] <= 223:
                self._media(data, size, at_ns)
            else:
                self._other(bytes(data[:size]))
                if self._socket is None:
                    return

    def _media(self, data: bytearray, size: int, at_ns: int) -> None:
        kind = data[1] & 127
        if self.link is not None or self._transport_id:
            at: float | None = (at_ns - self._base_ns) / 1e9
            if self.link is not None:
                at = self.link.arrival((at_ns - self._base_ns) / 1e9, size)
                if at is None:
                    return
            if self._transport_id and (number := rtp_header.transport_number(data, self._transport_id, size)) is not None:
                assert at is not None
                self._arrivals.add(number, at)
        self.received += 1
        self.received_bytes += size
        if kind == self._video_type:
            self._count(data, size, at_ns)
        elif kind == self._rtx_type:
            self._repair(bytes(data[:size]))

    def _count(self, data: bytearray, size: int, at_ns: int) -> None:
        sequence = data[2] << 8 | data[3]
        if self._last is None:
            self.first_at = time.monotonic()
            self.first.set()
            step = 1
        else:
            step = sequence - self._last & 0xFFFF
        if step < 0x8000:
            self.counted += 1
            self.expected += step
            if 1 < step < HOLE_LIMIT:
                self._miss(sequence, step)
            self._last = sequence
        elif not self._found(sequence):
            self.counted += 1
        if self._delays is not None:
            opened = self._opened(bytes(data[:size]))
            sent_ns = rtp_source.sent_ns(opened) if opened is not None else None
            if sent_ns is not None:
                self._delays.add((at_ns - sent_ns) / 1e6)
        elif data[1] & 0x80 and (now := time.monotonic()) - self._looked_at > LOOK_S:
            self._looked_at = now
            self._opened(bytes(data[:size]))

    def _opened(self, data: bytes) -> bytes | None:
        """The packet without its protection; what a picture's last one says of its layer is noted."""
        if self._unprotector is None:
            return None
        opened = self._unprotector.rtp(data)
        if not isinstance(opened, bytes):
            return None
        layer = rtp_source.layer_of(opened) if data[1] & 0x80 else None
        if layer is not None and layer != self.layer:
            self.switches += self.layer is not None
            self.layer = layer
        return opened

    def _miss(self, sequence: int, step: int) -> None:
        now = time.monotonic()
        for back in range(1, step):
            self._missing[sequence - back & 0xFFFF] = now, 0.0

    def _repair(self, data: bytes) -> None:
        """Copies that only probe the path are duplicates; what was missing is there now."""
        if not self._missing or self._unprotector is None:
            return
        opened = self._unprotector.rtp(data)
        if not isinstance(opened, bytes) or len(opened) < 14:
            return
        start = 12 + (4 + 4 * (opened[14] << 8 | opened[15]) if opened[0] & 0x10 else 0)
        self._found(opened[start] << 8 | opened[start + 1])

    def _found(self, sequence: int) -> bool:
        """A packet that comes after later ones: whether that is because it was asked for."""
        since, asked = self._missing.pop(sequence, (0.0, 0.0))
        self._awaited.discard(sequence)
        if not asked:
            return False
        self.repaired += 1
        if self._repairs is not None:
            self._repairs.add((time.monotonic() - since) * 1e3)
        return True

    def _other(self, data: bytes) -> None:
        if not data:
            return
        if 127 < data[0] < 192:
            self._on_srtp(data)
        elif data[0] < 4:
            self._on_stun(data)
        elif 19 < data[0] < 64:
            self._on_dtls(data)

    def _on_message(self, message: rtcp.Message) -> None:
        if isinstance(message, rtcp.SenderReport) and self.answered is not None and message.ssrc == self.answered.ssrcs.get("video"):
            self._clock = rtcp.ntp_middle(message.ntp), time.monotonic()

    # -- what it tells

    def tell(self, now: float) -> None:
        """Call every `FEEDBACK_S`: feedback on what came, NACKs, and a report when it is due."""
        if self._protector is None or self.answered is None or self._last is None or self.closed.is_set():
            return
        ssrc = self.answered.ssrcs.get("video", 0)
        if self._transport_id and (feedback := self._arrivals.build(1, ssrc)) is not None:
            self._say("feedback", feedback)
        if self._missing:
            self._ask(ssrc, now)
        if now - self._reported_at >= REPORT_S:
            self._report(ssrc, now)

    def _say(self, name: str, packet: bytes) -> None:
        self.told[name] += 1
        self.send_rtcp(packet)

    def _ask(self, ssrc: int, now: float) -> None:
        given_up = [number for number, (since, _) in self._missing.items() if now - since > GIVE_UP_S]
        for number in given_up:
            del self._missing[number]
        if given_up:
            self._say("key_requests", rtcp.build_pli(1, ssrc))
        due = [number for number, (_, asked) in self._missing.items() if now - asked > ASK_AGAIN_S][:NACK_LIMIT]
        if due:
            for number in due:
                self._missing[number] = self._missing[number][0], now
            self._say("nacks", rtcp.build_nack(1, ssrc, sorted(due)))

    def _report(self, ssrc: int, now: float) -> None:
        expected, counted = self.expected - self._reported[0], self.counted - self._reported[1]
        self._reported, self._reported_at = (self.expected, self.counted), now
        fraction = max(0, min(255, 256 * (expected - counted) // max(1, expected)))
        last_sr, delay = (self._clock[0], int((now - self._clock[1]) * 65536)) if self._clock is not None else (0, 0)
        lost = max(0, self.expected - self.counted) & 0x7FFFFF
        block = rtcp.ReportBlock(ssrc, fraction, lost, self._last or 0, 0, last_sr, delay)
        self._say("reports", rtcp.build_receiver_report(1, [block]))
        if self.link is not None and self.link.rate_bps is not None and not self._transport_id:
            # Who does not tell when packets came tells what the path carries.
            self._say("remb", rtcp_client.build_remb(1, int(self.link.rate_bps), [ssrc]))


def _came_ns(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The kernel's time of arrival, Unix nanoseconds."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESTAMP.unpack(value)
            return int(seconds) * 1_000_000_000 + int(nanoseconds)
    return time.time_ns()
