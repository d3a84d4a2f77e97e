"""Scalable streams as encoders make them, and a viewer who says whether what arrived can be decoded."""

import struct
from dataclasses import dataclass, field

from bench.offer import CODECS, DEPENDENCY_ID, TWCC_ID
from bench.scalable_source import PATTERN, Dependencies, av1, vp8, vp9
from livecore.media import rtcp
from livecore.media.drops import Drop
from livecore.media.extensions import Extension
from livecore.media.packet import parse_header
from livecore.media.sequence import Widener
from livecore.media.twcc import TransportFeedbackBuilder
from tests.media.actors import FRAME_S, CaptureClock
from tests.media.virtual import VirtualPeer


@dataclass
class ScalableCamera:
    """`spatial` layers of `packets` packets each (the upper ones twice and four times as many), three temporal ones."""

    peer: VirtualPeer
    codec: str = "vp9"
    spatial: int = 3
    temporal: int = 3
    inter: bool = True  # of AV1's spatial layers; VP9's are told to be so
    described: bool = True  # AV1 with the dependency descriptor
    sequence: int = 65_400
    timestamp: int = 0xFFFFA000
    picture_id: int = 0x7FE0
    key_frames: int = 0
    key_wanted: bool = True
    running: bool = True
    pictures: dict[int, tuple[int, bool]] = field(default_factory=dict)  # number → (temporal layer, key)
    number: int = 0  # of the last picture
    rid: str = ""
    ssrc: int = 0  # 0: the peer's
    size: int = 700  # bytes of a packet
    sends: int = 3  # no more spatial layers than these, as an encoder short of bandwidth does
    sizes: int = 3  # its largest picture is this one of HEIGHTS
    rate: int = 1  # of so many pictures one is made
    _phase: int = 0
    _next_report: float = 0.0

    def __post_init__(self) -> None:
        self.ssrc = self.ssrc or self.peer.peer.ssrcs["video"]
        self.dependencies = Dependencies(self.spatial, self.temporal, self.inter, sizes=self.sizes)
        self.clock = CaptureClock(90_000, FRAME_S, self.timestamp)
        previous = self.peer.on_message

        def heard(message: rtcp.Message, now: float) -> None:
            previous(message, now)
            if isinstance(message, rtcp.KeyFrameRequest) and message.ssrc == self.ssrc:
                self.key_wanted = True

        self.peer.on_message = heard

    def obey(self, spatial: int, temporal: int) -> None:
        """Another encoder in place of the one before: so many layers of what it had, each at its size and rate."""
        self.rate = self.rate << self.temporal - temporal if temporal <= self.temporal else self.rate >> temporal - self.temporal
        self.sizes += spatial - self.spatial
        self.spatial, self.temporal, self.key_wanted = spatial, temporal, True
        self.dependencies = Dependencies(spatial, temporal, self.inter, first=self.dependencies.first + 20 & 63, sizes=self.sizes)

    def on_time(self, now: float) -> None:
        self.clock.period_s = FRAME_S * self.rate
        if not self.running or not self.clock.captures(now):
            return
        self.timestamp = self.clock.timestamp
        key, self.key_wanted = self.key_wanted, False
        self.key_frames += key
        self._phase = 0 if key else self._phase + 1
        pattern = PATTERN[self.temporal]
        temporal = pattern[self._phase % len(pattern)]
        self.number += 1
        self.pictures[self.number] = temporal, key
        layers = min(self.spatial, self.sends)
        for spatial in range(layers):
            count = 1 << spatial
            for index in range(count):
                body = struct.pack("!LBB", self.number, spatial, temporal) + bytes(self.size)
                begin, end = index == 0, index == count - 1
                dependency = b""
                if self.codec == "vp9":
                    payload = vp9(
                        self.picture_id, spatial, temporal, key=key, begin=begin, end=end, layers=self.spatial, body=body, sizes=self.sizes
                    )
                elif self.codec == "av1":
                    payload = av1(key, begin, end, body)
                elif self.codec == "vp8":
                    payload = vp8(self.picture_id, temporal, key=key, begin=begin, body=body)
                if self.codec == "av1" and self.described:
                    frame = self.spatial * self.number + spatial
                    dependency = self.dependencies.descriptor(frame, spatial, temporal, key=key, begin=begin, end=end)
                    if layers < self.spatial and begin and spatial == 0:
                        dependency = self.dependencies.active(dependency, (1 << layers * self.temporal) - 1)
                marker = end and spatial == layers - 1
                kind = CODECS[self.codec][0]
                self.peer.send_rtp(
                    kind, self.sequence, self.timestamp, payload, self.ssrc, marker=marker, rid=self.rid, dependency=dependency
                )
                self.sequence += 1
        self.picture_id = self.picture_id + 1 & 0x7FFF
        if now >= self._next_report:
            self._next_report = now + 1
            self.peer.send_rtcp(rtcp.build_sender_report(self.clock.report(self.ssrc, now)))


@dataclass(frozen=True)
class Got:
    """One packet of a viewer: its (widened) number and what it holds."""

    number: int
    at: float
    timestamp: int
    marker: bool
    picture_id: int
    picture: int  # the camera's number; 0: an empty packet
    spatial: int
    temporal: int
    dependency: bytes | None = None


class ScalableScreen:
    """Asks for what is missing, keeps all that came; tells of its path by `tells`: "arrivals", "loss" or "" (nothing)."""

    def __init__(self, peer: VirtualPeer, codec: str = "vp9", tells: str = "arrivals") -> None:
        assert peer.peer.answered
        self.peer = peer
        self.got: dict[int, Got] = {}
        self._codec = codec
        self._ssrc = peer.peer.answered.ssrcs["video"]
        self._rtx = peer.peer.answered.rtx_ssrcs.get("video")
        self._widen = Widener(16)
        self._missing: dict[int, float] = {}
        self._tells = tells
        self._arrivals = TransportFeedbackBuilder()
        self._tell_at = 0.0
        self._counted = self._expected = 0
        peer.on_packet = self._packet

    def _packet(self, packet: bytes, now: float) -> None:
        first, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHLL", packet)
        header = parse_header(packet, {TWCC_ID: Extension.TRANSPORT_SEQUENCE, DEPENDENCY_ID: Extension.DEPENDENCY})
        assert not isinstance(header, Drop)
        if header.transport_sequence is not None:
            self._arrivals.add(header.transport_sequence, now)
        start = 12 + (4 + 4 * (packet[14] << 8 | packet[15]) if first & 0x10 else 0)
        payload = packet[start : len(packet) - (packet[-1] if first & 0x20 else 0)]
        if ssrc == self._rtx:
            number, payload = self._widen.nearest(payload[0] << 8 | payload[1]), payload[2:]
        elif ssrc == self._ssrc:
            before = self._widen.highest
            number = self._widen(sequence)
            self._counted += 1
            if before is not None:
                self._missing.update(dict.fromkeys(range(before + 1, number), now))
        else:
            return
        self._missing.pop(number, None)
        if not payload:
            self.got[number] = Got(number, now, timestamp, False, 0, 0, 0, 0)
            return
        at = {"vp9": 5, "vp8": 7, "av1": 1}[self._codec]
        if self._codec == "vp9" and payload[0] & 0x02:
            at += 1 + 4 * ((payload[5] >> 5) + 1)
        picture, spatial, temporal = struct.unpack_from("!LBB", payload, at)
        at = 1 if self._codec == "vp9" else 2
        picture_id = (payload[at] & 0x7F) << 8 | payload[at + 1] if self._codec != "av1" else 0
        self.got.setdefault(number, Got(number, now, timestamp, kind >= 128, picture_id, picture, spatial, temporal, header.dependency))

    def _tell(self, now: float) -> None:
        if self._tells == "arrivals":
            self._tell_at = now + 0.05
            feedback = self._arrivals.build(1, self._ssrc)
            if feedback:
                self.peer.send_rtcp(feedback)
        elif self._tells == "loss" and self._widen.highest is not None:
            self._tell_at = now + 1.0
            expected, self._expected = self._widen.highest - self._expected, self._widen.highest
            counted, self._counted = self._counted, 0
            lost = max(0, min(255, 256 * (expected - counted) // max(1, expected)))
            block = rtcp.ReportBlock(self._ssrc, lost, 0, self._widen.highest & 0xFFFFFFFF, 0, 0, 0)
            self.peer.send_rtcp(rtcp.build_receiver_report(1, [block]))

    def on_time(self, now: float) -> None:
        if now >= self._tell_at:
            self._tell(now)
        due = [number for number, asked in self._missing.items() if now >= asked]
        if due:
            self._missing.update(dict.fromkeys(due, now + 0.1))
            self.peer.send_rtcp(rtcp.build_nack(1, self._ssrc, sorted(due)[:60]))

    def since(self, at: float) -> list[Got]:
        return [one for _, one in sorted(self.got.items()) if one.at >= at and one.picture]

    def layers(self, since: float) -> set[tuple[int, int]]:
        return {(one.spatial, one.temporal) for one in self.since(since)}
