"""What sits behind a virtual peer: an encoder that reacts to feedback, and a decoder that notices what is missing."""

import struct
from dataclasses import dataclass, field
from itertools import pairwise

from bench.rtcpeer import TWCC_ID
from livecore.media import rtcp
from livecore.media.drops import Drop
from livecore.media.extensions import Extension
from livecore.media.packet import parse_header
from livecore.media.sequence import Widener
from livecore.media.twcc import TransportFeedbackBuilder
from tests.media import payloads
from tests.media.virtual import VirtualPeer

FRAME_S = 1 / 30


@dataclass
class Camera:
    """VP8 at 30 pictures a second, `packets` each, and Opus at 50 a second; answers NACKs over RTX and key-frame requests.

    `rid`: the simulcast layer it sends; one Camera a layer.
    """

    peer: VirtualPeer
    packets: int = 3
    size: int = 900
    rid: str = ""
    ssrc: int = 0
    sequence: int = 65_000
    timestamp: int = 0xFFFF0000
    picture_id: int = 0x7FF0
    sound: bool = True
    key_frames: int = 0
    sent: dict[int, tuple[int, bytes, bool]] = field(default_factory=dict)  # wire sequence → (timestamp, payload, marker)
    key_wanted: bool = True
    running: bool = True
    _next: float = 0.0
    _next_sound: float = 0.0
    _next_report: float = 0.0
    _sound_sequence: int = 100
    _rtx_sequence: int = 1

    def __post_init__(self) -> None:
        self.ssrc = self.ssrc or self.peer.peer.ssrcs["video"]
        previous = self.peer.on_message

        def heard(message: rtcp.Message, now: float) -> None:
            previous(message, now)
            self._heard(message)

        self.peer.on_message = heard

    def _heard(self, message: rtcp.Message) -> None:
        if isinstance(message, rtcp.KeyFrameRequest) and message.ssrc == self.ssrc:
            self.key_wanted = True
        if isinstance(message, rtcp.Nack) and message.ssrc == self.ssrc and not self.rid:
            for number in message.lost:
                if number in self.sent:
                    timestamp, payload, marker = self.sent[number]
                    self._rtx_sequence += 1
                    self.peer.send_rtp(
                        97, self._rtx_sequence, timestamp, struct.pack("!H", number) + payload, self.peer.peer.rtx_ssrc, marker=marker
                    )

    def on_time(self, now: float) -> None:
        if not self.running:
            return
        if now >= self._next:
            self._next = max(self._next + FRAME_S, now)
            key, self.key_wanted = self.key_wanted, False
            self.key_frames += key
            for index in range(self.packets):
                payload = payloads.vp8(self.picture_id, key=key, start=index == 0, tl0=self.picture_id & 0xFF, size=self.size)
                marker = index == self.packets - 1
                self.sent[self.sequence & 0xFFFF] = self.timestamp, payload, marker
                self.peer.send_rtp(96, self.sequence, self.timestamp, payload, self.ssrc, marker=marker, rid=self.rid)
                self.sequence += 1
            self.timestamp += 3000
            self.picture_id = self.picture_id + 1 & 0x7FFF
        if self.sound and now >= self._next_sound:
            self._next_sound = max(self._next_sound + 0.02, now)
            number = self._sound_sequence
            payload = struct.pack("!L", number) * 20
            self.peer.send_rtp(111, number, number * 960, payload, self.peer.peer.ssrcs["audio"], marker=False)
            self._sound_sequence += 1
        if now >= self._next_report:
            self._next_report = now + 1.0
            # The clock of the camera: its timestamp belongs to this very moment.
            report = rtcp.SenderReport(self.ssrc, rtcp.ntp_from_unix(now), self.timestamp, 1, 1)
            self.peer.send_rtcp(rtcp.build_sender_report(report))


class Screen:
    """Puts a viewer's video together: asks for what is missing, counts pictures that were whole, in order and decodable."""

    def __init__(self, peer: VirtualPeer, *, nacks: bool = True, wait_s: float = 0.4) -> None:
        assert peer.peer.answered
        self.peer = peer
        self.shown: list[tuple[float, int, int]] = []  # (when, picture id, timestamp)
        self.sounds: set[int] = set()
        self._sizes: list[int] = []
        self.key_frames = 0
        self.key_requests = 0
        self._nacks = nacks
        self._wait_s = wait_s
        self._ssrc = peer.peer.answered.ssrcs["video"]
        self._audio = peer.peer.answered.ssrcs["audio"]
        self._rtx = peer.peer.answered.rtx_ssrcs.get("video")
        self._widen = Widener(16)
        self._widen_sound = Widener(16)
        self._held: dict[int, tuple[bytes, int, bool]] = {}  # widened → (payload, timestamp, marker)
        self._missing: dict[int, tuple[float, float]] = {}  # widened → (since, asked)
        self._next: int | None = None
        self._broken = True
        self._asked_key = 0.0
        self._arrivals = TransportFeedbackBuilder()
        self._feedback_at = 0.0
        peer.on_packet = self._packet

    def _packet(self, packet: bytes, now: float) -> None:
        first, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHLL", packet)
        header = parse_header(packet, {TWCC_ID: Extension.TRANSPORT_SEQUENCE})
        if not isinstance(header, Drop) and header.transport_sequence is not None:
            self._arrivals.add(header.transport_sequence, now)
        start = 12
        if first & 0x10:
            start += 4 + 4 * (packet[14] << 8 | packet[15])
        payload = packet[start : len(packet) - (packet[-1] if first & 0x20 else 0)]
        if ssrc == self._audio:
            self.sounds.add(self._widen_sound(sequence))
            return
        if ssrc == self._rtx:
            number, payload = self._widen.nearest(payload[0] << 8 | payload[1]), payload[2:]
        else:
            before = self._widen.highest
            number = self._widen(sequence)
            if before is not None:
                for gap in range(before + 1, number):
                    self._missing[gap] = now, now + 0.005 - 0.06
        self._missing.pop(number, None)
        self._held[number] = payload, timestamp, kind >= 128
        if self._next is None:
            self._next = number

    def on_time(self, now: float) -> None:
        if now >= self._feedback_at:
            self._feedback_at = now + 0.05
            feedback = self._arrivals.build(1, self._ssrc)
            if feedback:
                self.peer.send_rtcp(feedback)
        due = [n for n, (_, asked) in self._missing.items() if now - asked >= 0.06]
        if due and self._nacks:
            for number in due:
                self._missing[number] = self._missing[number][0], now
            self.peer.send_rtcp(rtcp.build_nack(1, self._ssrc, sorted(due)[:60]))
        self._assemble(now)
        if self._broken and self._next is not None and now - self._asked_key > 0.5:
            self._asked_key = now
            self.key_requests += 1
            self.peer.send_rtcp(rtcp.build_pli(1, self._ssrc))

    def _assemble(self, now: float) -> None:
        while self._next is not None:
            run = []
            number = self._next
            while number in self._held:
                run.append(number)
                if self._held[number][2]:
                    break
                number += 1
            if run and self._held[run[-1]][2]:
                payload, timestamp, _ = self._held[run[0]]
                key = bool(payload[0] & 0x10) and not payload[5] & 1
                if key:
                    self._broken = False
                    self.key_frames += 1
                if not self._broken:
                    self._sizes.append(len(payload))
                    self.shown.append((now, payloads.vp8_picture_id(payload), timestamp))
                for done in run:
                    del self._held[done]
                self._next = run[-1] + 1
                continue
            if number in self._missing and now - self._missing[number][0] > self._wait_s:
                # Given up: go on behind the hole, with the next key frame.
                self._broken = True
                self._missing.pop(number)
                for old in [n for n in self._held if n < number]:
                    del self._held[old]
                self._next = number + 1
                continue
            return

    def sizes(self) -> list[int]:
        """The bytes of the first packet of each picture shown: they tell one layer from another."""
        return self._sizes

    def longest_freeze_s(self) -> float:
        times = [when for when, _, _ in self.shown]
        return max((b - a for a, b in pairwise(times)), default=float("inf"))
