"""A `Subscription`: one track to one viewer. Sends what its forwarder decides, answers NACKs, tells the clock."""

import random
from collections.abc import Sequence
from typing import Any

from livecore.media import rtcp
from livecore.media.connection import Transport
from livecore.media.extensions import PASSED_ON, Extension
from livecore.media.forward import Forwarder
from livecore.media.pace import Pace
from livecore.media.pacer import Leg, Legs, Pacer
from livecore.media.packet import HEADER, Packet
from livecore.media.publication import Track
from livecore.media.rate import Meter
from livecore.media.resend import Resend, Resender
from livecore.media.rewrite import Epoch, rewrite_vp8
from livecore.media.sdp import AnswerSection
from livecore.media.source import Batch, Layer
from livecore.media.starvation import PATIENCE, Patience, Starvation
from livecore.media.wire import Run, Shape, ShapeKey


class Subscription:
    def __init__(
        self,
        track: Track,
        section: AnswerSection,
        transport: Transport,
        pacer: Pacer,
        rng: random.Random,
        patience: Patience = PATIENCE,
    ) -> None:
        assert section.codec is not None
        self.track = track
        self.ssrc = section.ssrc
        self.rtx_ssrc = section.rtx_ssrc
        self.forwarder = Forwarder(track.codec.clock_hz, track.kind == "video", self, rng)
        self.drops = self.forwarder.drops
        self.transport = transport
        self.pace: Pace | None = transport.pace if track.kind == "video" else None  # sound never waits
        self.native: Any = None  # what has been sent natively, counted where the helper writes it; None before
        self.greeted = False  # whether the viewer has been sent a report
        self.resent = 0
        self.starvation = Starvation(patience)
        self.meter = Meter()
        self.fraction_lost = 0.0  # as the viewer last reported it
        self.reported_packets = self._packets_at_report = 0  # how many that was said of
        self.jitter_s = 0.0
        self.round_trip_s: float | None = None  # None before the viewer has echoed a sender report
        # Without the dependency descriptor, decoders show no AV1 of several spatial layers: this viewer is sent the lowest.
        self.flat = section.codec.name == "av1" and Extension.DEPENDENCY not in section.extensions
        self._codec = section.codec
        self._section: AnswerSection | None = section  # None once it has started: a description holds six kilobytes
        self._cname = section.stream
        self._pacer = pacer
        self._packets = self._octets = 0
        self._shape: Shape | None = None  # None before DTLS: the tag's size is not known
        self._resender = Resender(across_switches=track.kind == "audio")
        self._rtx_sequence = rng.getrandbits(14)
        self._report_sent: tuple[int, float] | None = None  # (middle of NTP, when)
        track.forwarders.append(self.forwarder)

    def start(self, layer: Layer, now: float) -> bool:
        """The viewer can be sent to: want a layer. True when it has been sent a first picture already (or needs none)."""
        section, self._section = self._section, None
        assert section is not None
        extensions = section.extensions
        self._shape = self.track.shapes.get(
            ShapeKey(
                payload_type=self._codec.payload_type,
                extensions=tuple((e, n) for e, n in extensions.items() if e in PASSED_ON or e is Extension.DEPENDENCY),
                mid_id=extensions.get(Extension.MID, 0),
                mid=section.offered.mid,
                transport_sequence_id=extensions.get(Extension.TRANSPORT_SEQUENCE, 0),
                pads=bool(self.rtx_ssrc),
                tag_bytes=self.transport.tag_bytes,
            )
        )
        if self.track.kind == "video" and self.forwarder.start_recent(layer, now):
            return True
        self.forwarder.want(layer)
        return self.track.kind != "video"

    @property
    def started(self) -> bool:
        """Whether the viewer's DTLS is up."""
        return self._shape is not None

    @property
    def packets(self) -> int:
        """Sent so far, resends apart."""
        return self._packets + (int(self.native.packets) if self.native is not None else 0)

    @property
    def octets(self) -> int:
        return self._octets + (int(self.native.octets) if self.native is not None else 0)

    def leg(self, epoch: Epoch[Layer], *, catching_up: bool, before: Leg | None) -> Leg | None:
        if self._shape is None:
            return None
        return self._pacer.leg(self, epoch, self._shape, catching_up=catching_up, before=before)

    def regroup(self) -> None:
        """Whether the viewer is paced has changed."""
        if self.forwarder.current is not None:
            self.forwarder.current.audience = None

    def deliver(self, epoch: Epoch[Layer], batch: Batch, now: float) -> None:
        leg = self.forwarder.leg
        if leg is not None:
            self._pacer.add(leg.lane, batch, leg.shape, Legs((leg,)), now)

    def send_runs(self, burst: Sequence[Run], epoch: Epoch[Layer], now: float) -> None:
        """Under this viewer's numbers and keys, in Python."""
        self.transport.send_runs(burst, self.ssrc, epoch, now)
        for run in burst:
            self._packets += run.count
            self._octets += run.octets
        if not self.greeted:
            self.greet(now)

    def greet(self, now: float) -> None:
        """Without a report right after the first packet, sound and picture drift apart for seconds."""
        if not self.greeted:
            self.greeted = True
            self.on_clock(now)

    def on_clock(self, now: float) -> None:
        """A sender report in the publisher's own clock, so that audio and video stay comparable."""
        epoch = self.forwarder.epoch
        if epoch is None or epoch.source.report is None or not self.packets:
            return
        report = epoch.source.report
        since_s = now - report.at
        ntp = report.ntp + int(since_s * 4294967296)
        timestamp = report.timestamp + epoch.timestamp_offset + int(since_s * self.track.codec.clock_hz)
        self._report_sent = rtcp.ntp_middle(ntp), now
        message = rtcp.SenderReport(self.ssrc, ntp, timestamp, self.packets, self.octets)
        self.transport.send_rtcp(rtcp.build_sender_report(message) + rtcp.build_cname(self.ssrc, self._cname))

    def on_report(self, block: rtcp.ReportBlock, now: float) -> None:
        """What the viewer says of our stream."""
        self.fraction_lost = block.fraction_lost / 256
        self.reported_packets, self._packets_at_report = self.packets - self._packets_at_report, self.packets
        self.jitter_s = block.jitter / self.track.codec.clock_hz
        if self._report_sent is not None and block.last_sr == self._report_sent[0]:
            self.round_trip_s = max(0.0, now - self._report_sent[1] - block.delay / 65536)

    def on_nack(self, lost: tuple[int, ...], now: float) -> None:
        for resend in self._resender.on_nack(lost, self.forwarder.numbering, self.octets, now, self.drops):
            leg = self.forwarder.leg
            if leg is not None and self.pace is not None and not self.pace.fits(len(resend.packet.payload), now):
                self._pacer.resend(leg, resend, now)
            else:
                self.send_again(resend, now)

    def send_again(self, resend: Resend, now: float) -> None:
        self.resent += 1
        self.transport.send_rtp(self._resent(resend, now))
        if self.pace is not None:
            self.pace.spend(len(resend.packet.payload), now)

    def probe(self, size_bytes: int, now: float) -> None:
        """Send about so many bytes of copies of recent packets over RTX: to the viewer they are duplicates."""
        epoch = self.forwarder.epoch
        if epoch is None or not self.rtx_ssrc or self.forwarder.current is not epoch.source:
            return
        sequence = epoch.source.forwarded_highest
        while size_bytes > 0 and sequence >= epoch.base:
            packet = epoch.source.cache.get(sequence, now)
            if packet is None:
                return
            out = sequence + epoch.sequence_offset & 0xFFFF
            self.transport.send_rtp(self._resent(Resend(packet, epoch, out), now))
            size_bytes -= len(packet.payload)
            sequence -= 1

    def _resent(self, resend: Resend, now: float) -> bytes:
        """Over RTX (RFC 4588), or else the very packet again: equal bytes under an equal nonce."""
        packet, epoch, sequence = resend
        assert self._shape is not None
        payload: bytes | bytearray = packet.payload
        if packet.picture_id_at and (epoch.picture_offset or epoch.tl0_offset):
            payload = bytearray(payload)
            rewrite_vp8(payload, packet, epoch.picture_offset, epoch.tl0_offset)
        timestamp = epoch.timestamp(packet) & 0xFFFFFFFF
        if self.rtx_ssrc and self._codec.rtx is not None:
            self._rtx_sequence += 1
            header = self._header(packet, epoch, self._codec.rtx)
            _fill(header, self._rtx_sequence & 0xFFFF, timestamp, self.rtx_ssrc)
            if self._shape.transport_sequence_at:
                at = self._shape.transport_sequence_at
                size = len(header) + 2 + len(payload)
                header[at : at + 2] = self.transport.next_transport_sequence(size, now).to_bytes(2, "big")
            return bytes(header) + sequence.to_bytes(2, "big") + bytes(payload)
        header = self._header(packet, epoch, None)
        _fill(header, sequence, timestamp, self.ssrc)
        return bytes(header) + bytes(payload)

    def _header(self, packet: Packet, epoch: Epoch[Layer], payload_type: int | None) -> bytearray:
        """With the viewer's frame number in a dependency descriptor; other numbers are zero."""
        assert self._shape is not None
        header = bytearray(self._shape.header(packet, payload_type))
        at = self._shape.frame_at
        if at and packet.dependency is not None:
            header[at : at + 2] = (packet.picture_id + epoch.picture_offset & 0xFFFF).to_bytes(2, "big")
        return header

    def leave(self) -> None:
        self.forwarder.leave()
        if self.forwarder in self.track.forwarders:
            self.track.forwarders.remove(self.forwarder)


def _fill(header: bytearray, sequence: int, timestamp: int, ssrc: int) -> None:
    first, kind = header[0], header[1]
    HEADER.pack_into(header, 0, first, kind, sequence, timestamp, ssrc)
