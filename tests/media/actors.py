"""What sits behind a virtual peer: an encoder that reacts to feedback, and a decoder that notices what is missing."""

import struct
from dataclasses import dataclass, field
from itertools import pairwise

from bench.offer import TWCC_ID
from livecore.media import rtcp
from livecore.media.drops import Drop
from livecore.media.extensions import Extension
from livecore.media.packet import parse_header
from livecore.media.sequence import Widener
from livecore.media.twcc import TransportFeedbackBuilder
from tests.media import payloads
from tests.media.scripted import payload as payload_of
from tests.media.virtual import VirtualPeer

FRAME_S = 1 / 30
SOUND_S = 0.02


@dataclass
class CaptureClock:
    """One picture or sound each `period_s`, stamped with the moment of its capture, however late it is asked for.

    `timestamp`: of the last one that was captured, at `at`; before the first, what that will have.
    """

    hz: int
    period_s: float
    timestamp: int
    at: float | None = None  # None before the first

    def captures(self, now: float) -> bool:
        if self.at is None:
            self.at = now
            return True
        due_at = self.next_at
        if now < due_at:
            return False
        due_at += (now - due_at) // self.period_s * self.period_s  # those are left out that came while it was stopped
        self.timestamp += round((due_at - self.at) * self.hz)
        self.at = due_at
        return True

    @property
    def next_at(self) -> float:
        """When the next one is due."""
        return float("-inf") if self.at is None else self.at + self.period_s

    def report(self, ssrc: int, now: float) -> rtcp.SenderReport:
        """The timestamp that belongs to this very moment, as RFC 3550 (section 6.4.1) asks."""
        apart_s = 0.0 if self.at is None else now - self.at
        return rtcp.SenderReport(ssrc, rtcp.ntp_from_unix(now), self.timestamp + round(apart_s * self.hz) & 0xFFFFFFFF, 1, 1)


@dataclass
class Camera:
    """VP8 at 30 pictures a second, `packets` each, and Opus at 50 a second; answers NACKs over RTX and key-frame requests.

    Each carries the moment of its capture. It tells the clocks of both each second; the clock of a layer's pictures has nothing in common with that of another but the moment.

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
    _next_report: float = 0.0
    _sound_sequence: int = 100
    _rtx_sequence: int = 1

    def __post_init__(self) -> None:
        self.ssrc = self.ssrc or self.peer.peer.ssrcs["video"]
        self.pictures = CaptureClock(90_000, FRAME_S, self.timestamp)
        self.sounds = CaptureClock(48_000, SOUND_S, self._sound_sequence * 960)
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
        if self.pictures.captures(now):
            self.timestamp = self.pictures.timestamp
            key, self.key_wanted = self.key_wanted, False
            self.key_frames += key
            stamp = payloads.STAMP.pack(self.picture_id, self.pictures.at)
            for index in range(self.packets):
                payload = payloads.vp8(self.picture_id, key=key, start=index == 0, tl0=self.picture_id & 0xFF, size=self.size, stamp=stamp)
                marker = index == self.packets - 1
                self.sent[self.sequence & 0xFFFF] = self.timestamp, payload, marker
                self.peer.send_rtp(96, self.sequence, self.timestamp, payload, self.ssrc, marker=marker, rid=self.rid)
                self.sequence += 1
            self.picture_id = self.picture_id + 1 & 0x7FFF
        if self.sound and self.sounds.captures(now):
            payload = payloads.sound(self._sound_sequence, self.sounds.at or now)
            self.peer.send_rtp(111, self._sound_sequence, self.sounds.timestamp, payload, self.peer.peer.ssrcs["audio"], marker=False)
            self._sound_sequence += 1
        if now >= self._next_report:
            self._next_report = now + 1.0
            reports = [self.pictures.report(self.ssrc, now)]
            if self.sound:
                reports.append(self.sounds.report(self.peer.peer.ssrcs["audio"], now))
            self.peer.send_rtcp(b"".join(rtcp.build_sender_report(one) for one in reports))


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
        _, kind, sequence, timestamp, ssrc = struct.unpack_from("!BBHLL", packet)
        header = parse_header(packet, {TWCC_ID: Extension.TRANSPORT_SEQUENCE})
        if not isinstance(header, Drop) and header.transport_sequence is not None:
            self._arrivals.add(header.transport_sequence, now)
        payload = payload_of(packet)
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


class Player:
    """Places what comes on the timeline of the latest sender reports, as a player does that keeps sound and picture together.

    It needs a `Camera` at the other end, whose packets carry the moment of their capture.
    """

    CLOCKS = {"video": (90_000, payloads.vp8_stamp), "audio": (48_000, payloads.sound_stamp)}

    def __init__(self, peer: VirtualPeer) -> None:
        answered = peer.peer.answered
        assert answered
        self._kinds = {ssrc: kind for kind, ssrc in answered.ssrcs.items()}
        self._reports: dict[int, rtcp.SenderReport] = {}
        self._told: list[tuple[str, float, float]] = []  # (kind, arrival, how much later than its capture it is told to be)
        on_packet, on_message = peer.on_packet, peer.on_message

        def packet(packet: bytes, now: float) -> None:
            on_packet(packet, now)
            self._packet(packet, now)

        def message(message: rtcp.Message, now: float) -> None:
            on_message(message, now)
            if isinstance(message, rtcp.SenderReport):
                self._reports[message.ssrc] = message

        peer.on_packet, peer.on_message = packet, message

    def _packet(self, packet: bytes, now: float) -> None:
        timestamp, ssrc = struct.unpack_from("!LL", packet, 4)
        kind, report, payload = self._kinds.get(ssrc), self._reports.get(ssrc), payload_of(packet)
        if kind is None or report is None or not payload:  # sent again, before the first report, or padding of the publisher's
            return
        clock_hz, stamp = self.CLOCKS[kind]
        apart = (timestamp - report.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        captured = report.ntp / 2**32 + apart / clock_hz
        self._told.append((kind, now, captured - rtcp.ntp_from_unix(stamp(payload)) / 2**32))

    def told(self, kind: str, since: float) -> list[float]:
        """Of each packet from `since` on: by how many seconds its told capture is later than its capture."""
        return [apart for of, at, apart in self._told if of == kind and at >= since]

    def furthest_s(self, since: float) -> float:
        """How far any picture is told to be from any sound that was captured at the same moment."""
        picture, sound = self.told("video", since), self.told("audio", since)
        return max(max(picture) - min(sound), max(sound) - min(picture))
