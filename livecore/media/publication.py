"""A `Publication`: everything that one publisher sends to a live, and its tracks and layers. It outlives a dropped connection."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from livecore.media import codecs, layers, rtcp
from livecore.media.codecs import dependency
from livecore.media.demand import Demand
from livecore.media.drops import Counters, Drop
from livecore.media.extensions import Extension
from livecore.media.forward import Forwarder
from livecore.media.packet import Header, Packet, parse_header
from livecore.media.scalable import Scalability, described
from livecore.media.sdp import AnswerSection, Codec
from livecore.media.source import Layer, Outbox
from livecore.media.speaker import Loudness
from livecore.media.twcc import TransportFeedbackBuilder
from livecore.media.wire import ShapeTable

# A publisher has a handful of streams; each new SSRC costs a dictionary entry, and an attacker could send millions.
SSRC_LIMIT = 32
# About two and a half frames: how late Chrome's estimate may hear of a queue.
FEEDBACK_INTERVAL_S = 0.04
REPORT_INTERVAL_S = 1.0
RATE_INTERVAL_S = 1.0
# An extension holds 255 bytes (RFC 8285, 4.3); a mask of the 32 decode targets that there may be is still to be put in.
DESCRIPTOR_LIMIT_BYTES = 250


class Feedback(Protocol):
    """The way back to the publisher."""

    def send_rtcp(self, packet: bytes) -> None: ...


class Track:
    """One kind of media of a publication."""

    def __init__(self, kind: str, codec: Codec, mid: str, rids: Sequence[str]) -> None:
        self.kind = kind
        self.codec = codec
        self.mid = mid
        self.shapes = ShapeTable()
        self.forwarders: list[Forwarder] = []
        self.layers: dict[str, Layer] = {}
        self.replace(codec, mid, rids)

    def replace(self, codec: Codec, mid: str, rids: Sequence[str]) -> None:
        """New streams of a publisher that came back: its numbers start anew, the forwarders stay."""
        self.codec, self.mid = codec, mid
        self.demand = Demand()
        self._offered: list[layers.Offered] = []
        self._offered_at = float("-inf")
        self._unlimited: dict[layers.Wish, str | None] = {}  # of what is offered
        names = list(rids) or [""]
        self.layers = {rid: Layer(rid, codec.clock_hz, self.kind == "video") for rid in names}
        for layer in self.layers.values():
            layer.closes_pictures = codec.name == "vp8"

    def choices(self) -> dict[str, Layer]:
        """What a viewer may be sent, by name: each incoming stream, and the cuts of those that are scalable."""
        found = dict(self.layers)
        for layer in self.layers.values():
            if layer.scalability is not None:
                found.update(layer.scalability.cuts)
        return found

    @property
    def layered(self) -> bool:
        """Whether there is a choice."""
        return len(self.layers) > 1 or any(layer.scalability is not None and layer.scalability.cuts for layer in self.layers.values())

    @property
    def may_be_layered(self) -> bool:
        """Whether there is a choice, or may be soon: packets of a stream that can be cut say so from the first on; how, takes a second or two."""
        return self.layered or any(
            layer.scalability is not None or (layer.receiver.highest is None and self.codec.name in codecs.SCALABLE)
            for layer in self.layers.values()
        )

    def offered(self, now: float) -> list[layers.Offered]:
        """The incoming streams as they are now."""
        return [_offered(layer, now) for layer in self.layers.values()]

    def offered_to_viewers(self, now: float) -> list[layers.Offered]:
        """As `offered`, with the cuts. Made once for all viewers that are looked at at the same time."""
        if self._offered_at != now:
            self._offered_at, self._offered = now, [_offered(layer, now) for layer in self.choices().values()]
            self._unlimited.clear()
        return self._offered

    def unlimited(self, wish: layers.Wish, now: float) -> str | None:
        """What they all get who wish this and whose paths limit nothing; None while no layer is alive. Found once, as `offered_to_viewers`."""
        offered = self.offered_to_viewers(now)
        if wish not in self._unlimited:
            alive = layers.allowed(offered, wish)
            self._unlimited[wish] = alive[-1].rid if alive else None
        return self._unlimited[wish]

    def best(self, now: float, *, flat: bool = False) -> Layer:
        """The best layer that sends: one that is paused takes a moment, and whoever joins is to see something at once.

        `flat`: for a viewer that decodes no spatial layers of AV1.
        """
        sending = [layer for layer in self.layers.values() if layer.alive(now)] or list(self.layers.values())
        best = max(sending, key=lambda layer: layer.bitrate_bps)
        return best.scalability.floor() if flat and best.scalability is not None else best


def _offered(layer: Layer, now: float) -> layers.Offered:
    alive = layer.alive(now) or now < layer.origin.paused_until
    return layers.Offered(layer.rid, layer.bitrate_bps, alive, layer.height, layer.thinned, layer.nested)


class Publication:
    """`tracks` is empty until the publisher has connected; `feedback` is None while it is away."""

    def __init__(self, live_id: str, publication_id: str, outbox: Outbox, rng: random.Random) -> None:
        self.live_id = live_id
        self.publication_id = publication_id
        self.ssrc = rng.getrandbits(31) | 1  # ours, as the sender of RTCP
        self.tracks: dict[str, Track] = {}
        self.counts: Counters = Counter()
        self.feedback: Feedback | None = None
        self.loudness = Loudness()
        self._outbox = outbox
        self.accept(())

    # -- the publisher's connection

    def accept(self, sections: Sequence[AnswerSection]) -> None:
        """Take the streams that an answer agreed on: those of a publisher that has connected, for the first time or again."""
        self._by_ssrc: dict[int, tuple[Track, Layer]] = {}
        self._rtx_by_ssrc: dict[int, tuple[Track, Layer]] = {}
        self._by_type: dict[int, Track] = {}
        self._by_rtx_type: dict[int, Track] = {}
        self._ids: dict[int, Extension] = {}
        self._arrivals: TransportFeedbackBuilder | None = None
        self.round_trip_s: float | None = None  # to the publisher; None before it has echoed a time of ours
        self._asked: tuple[int, float] | None = None  # (middle of NTP, when)
        self._feedback_due = self._report_due = self._rate_due = 0.0
        self.counts = self.totals()
        kinds = {s.offered.kind for s in sections if s.codec}
        for kind in [kind for kind in self.tracks if kind not in kinds]:
            del self.tracks[kind]
        for section in sections:
            codec = section.codec
            if codec is None:
                continue
            kind = section.offered.kind
            track = self.tracks.get(kind)
            if track is None:
                track = self.tracks[kind] = Track(kind, codec, section.offered.mid, section.rids)
            else:
                track.replace(codec, section.offered.mid, section.rids)
            self._by_type[codec.payload_type] = track
            if codec.rtx is not None:
                self._by_rtx_type[codec.rtx] = track
            self._ids.update({number: extension for extension, number in section.extensions.items()})
            if Extension.TRANSPORT_SEQUENCE in section.extensions and "transport-cc" in section.feedback:
                self._arrivals = self._arrivals or TransportFeedbackBuilder()
            if not section.rids:
                layer = track.layers[""]
                for media, resend in section.offered.pairs[:1]:
                    self._bind(track, layer, media, resent=False)
                    self._bind(track, layer, resend, resent=True)
                if section.offered.ssrcs and not section.offered.pairs:
                    self._bind(track, layer, section.offered.ssrcs[0], resent=False)

    def _bind(self, track: Track, layer: Layer, ssrc: int, *, resent: bool) -> None:
        if resent:
            layer.rtx_ssrc = ssrc
            self._rtx_by_ssrc[ssrc] = track, layer
        else:
            layer.ssrc = ssrc
            self._by_ssrc[ssrc] = track, layer

    @property
    def layered(self) -> bool:
        """Whether there is a choice of layers."""
        return any(track.layered for track in self.tracks.values())

    @property
    def may_be_layered(self) -> bool:
        """Whether a viewer's transport-wide feedback is worth its cost: it can be asked for only when the viewer joins."""
        return any(track.may_be_layered for track in self.tracks.values())

    def layers(self) -> Iterator[tuple[Track, Layer]]:
        for track in self.tracks.values():
            for layer in track.layers.values():
                yield track, layer

    def ask_for_keys(self, now: float) -> None:
        """While somebody waits for a key frame, ask again: the throttle says how often."""
        for track, layer in self.layers():
            if track.kind != "video":
                continue
            scalability = layer.scalability
            if scalability is None:
                # Who is behind by too much could not be sent it: first what it is owed leaves.
                limit = self._outbox.pacer.age_limit
                awaited = any(one.lane is None or not limit.exceeded(one.lane, 0.0, now) for one in layer.waiters)
            else:
                awaited = sum(scalability.key_awaited(one) for one in (layer, *scalability.cuts.values())) > 0
            if awaited:
                self.request_key(layer, now)

    def totals(self) -> Counters:
        """What was dropped, asked and repaired for all layers together, those of earlier connections included."""
        totals = Counter(self.counts)
        for _, layer in self.layers():
            totals.update(layer.counts)
        return totals

    # -- media in

    def on_rtp(self, data: bytes, at: float) -> None:
        """A decrypted packet of the publisher, with its kernel arrival. It is forwarded at the next `flush`."""
        header = parse_header(data, self._ids)
        if isinstance(header, Drop):
            self.counts[header] += 1
            return
        if header.transport_sequence is not None and self._arrivals is not None:
            self._arrivals.add(header.transport_sequence, at)
        resent = False
        bound = self._by_ssrc.get(header.ssrc)
        if bound is None:
            bound = self._rtx_by_ssrc.get(header.ssrc)
            resent = bound is not None
            if bound is None:
                learned = self._learn(header, at)
                if learned is None:
                    return
                bound, resent = learned
        track, layer = bound
        start = header.start
        sequence = header.sequence
        if resent:
            # Chrome probes with copies of old packets, and with RTX that holds nothing: that is padding.
            if header.end - start < 2:
                layer.counts[Drop.RTX_PADDING] += 1
                return
            sequence = data[start] << 8 | data[start + 1]
            start += 2
        elif header.payload_type != track.codec.payload_type:
            layer.counts[Drop.UNKNOWN_PAYLOAD_TYPE] += 1
            return
        self._accept_packet(track, layer, header, sequence, data[start : header.end], at, resent)

    def _accept_packet(self, track: Track, layer: Layer, header: Header, sequence: int, payload: bytes, at: float, resent: bool) -> None:
        receiver = layer.receiver
        if resent and receiver.highest is None:
            layer.counts[Drop.TOO_LATE] += 1
            return
        wide = receiver.widen.nearest(sequence) if resent else receiver.widen(sequence)
        timestamp = receiver.widen_timestamp(header.timestamp)
        packet = Packet(wide, timestamp, header.marker, payload, at, header.passed_on)
        if track.kind == "video":
            codecs.inspect(track.codec.name, packet)
            if header.dependency is not None:
                layer.structure = dependency.inspect(packet, header.dependency, layer.structure)
                if track.codec.name == "av1" and dependency.MANDATORY_BYTES <= len(header.dependency) <= DESCRIPTOR_LIMIT_BYTES:
                    packet.dependency = header.dependency
                    packet.picture_id = header.dependency[1] << 8 | header.dependency[2]
        if not layer.cache.add(packet):
            layer.counts[Drop.DUPLICATE if layer.cache.holds(wide) else Drop.TOO_LATE] += 1
            if not resent:
                receiver.received += 1  # a duplicate was received: RFC 3550 counts it
            return
        receiver.on_packet(wide, timestamp, at, len(payload), resent)
        if track.kind == "audio" and not resent:
            for extension, value in header.passed_on:
                if extension is Extension.AUDIO_LEVEL:
                    self.loudness.on_level(value[0] & 0x7F, at)
        if not resent:
            layer.last_at = at
        if packet.key:
            layer.key_frames.satisfied()
            layer.key_sequence = max(wide, layer.key_sequence or 0)
            layer.nested = packet.dependency is not None and layer.structure is not None and layer.structure.top[0] > 0
            heights = list(layer.structure.heights) if layer.structure is not None else []
            heights = heights or codecs.heights(track.codec.name, payload)
            if heights and layer.scalability is None:
                layer.height = max(heights)
        if packet.place is not None and layer.scalability is None:
            layer.scalability = Scalability(layer, self._outbox, spatial=track.codec.name in codecs.SPATIAL)
        if layer.scalability is not None:
            if packet.key:
                layer.scalability.on_key(heights, at)
            layer.scalability.on_packet(packet)
            if packet.dependency is not None:
                packet.dependency = described(layer, packet)
        self._outbox.add(layer, packet)

    def _learn(self, header: Header, at: float) -> tuple[tuple[Track, Layer], bool] | None:
        """Which layer an unknown SSRC belongs to: by mid and rid, else by a payload type that one track has."""
        resent = header.payload_type in self._by_rtx_type
        track = next((t for t in self.tracks.values() if header.mid is not None and t.mid == header.mid), None)
        track = track or self._by_type.get(header.payload_type) or self._by_rtx_type.get(header.payload_type)
        if track is None:
            self.counts[Drop.UNKNOWN_SSRC] += 1
            return None
        rid = (header.repaired_rid if resent else header.rid) or ""
        layer = track.layers.get(rid)
        if layer is None:
            self.counts[Drop.UNKNOWN_RID] += 1
            return None
        if len(self._by_ssrc) + len(self._rtx_by_ssrc) >= SSRC_LIMIT:
            self.counts[Drop.TOO_MANY_SSRCS] += 1
            return None
        self._bind(track, layer, header.ssrc, resent=resent)
        return (track, layer), resent

    # -- reports in

    def on_rtcp(self, data: bytes, now: float) -> None:
        messages, malformed = rtcp.parse(data)
        if malformed:
            self.counts[Drop.RTCP_MALFORMED] += malformed
        for message in messages:
            if isinstance(message, rtcp.Echo):
                if self._asked is not None and message.last_rr == self._asked[0]:
                    self.round_trip_s = max(0.0, now - self._asked[1] - message.delay / 65536)
            elif isinstance(message, rtcp.SenderReport):
                bound = self._by_ssrc.get(message.ssrc)
                if bound is None:
                    self.counts[Drop.RTCP_UNKNOWN_SSRC] += 1
                    continue
                layer = bound[1]
                layer.receiver.on_sender_report(message.ntp, message.timestamp, now)
                for sent in (layer, *(layer.scalability.cuts.values() if layer.scalability is not None else ())):
                    for forwarder in sent.watchers:
                        forwarder.on_clock(now)

    # -- reports out

    def request_key(self, layer: Layer, now: float) -> None:
        """Ask the publisher for a key frame of this layer, at most as often as the throttle lets."""
        layer = layer.origin
        if layer.ssrc is None or self.feedback is None:
            layer.key_frames.due = True
            return
        if layer.key_frames.request(now):
            self._send_pli(layer)

    def _send_pli(self, layer: Layer) -> None:
        if self.feedback is not None and layer.ssrc is not None:
            layer.counts["key_frames_asked"] += 1
            self.feedback.send_rtcp(rtcp.build_pli(self.ssrc, layer.ssrc))

    def on_tick(self, now: float) -> None:
        """Every 20 ms or so: NACKs, transport-wide feedback, key-frame requests that were held back, reports."""
        if now >= self._rate_due:
            self._rate_due = now + RATE_INTERVAL_S
            for _, layer in self.layers():
                layer.rate(now)
        feedback = self.feedback
        if feedback is None:
            return
        for _, layer in self.layers():
            if layer.ssrc is None:
                continue
            lost = layer.receiver.nacks(now)
            if lost:
                layer.counts["nacks_sent"] += len(lost)
                feedback.send_rtcp(rtcp.build_nack(self.ssrc, layer.ssrc, lost))
            if layer.key_frames.on_tick(now):
                self._send_pli(layer)
        if self._arrivals is not None and now >= self._feedback_due:
            self._feedback_due = now + FEEDBACK_INTERVAL_S
            message = self._arrivals.build(self.ssrc, next(iter(self._by_ssrc), 0))
            if message is not None:
                feedback.send_rtcp(message)
        if now >= self._report_due:
            self._report_due = now + REPORT_INTERVAL_S
            blocks = [
                block
                for _, layer in self.layers()
                if layer.ssrc is not None and (block := layer.receiver.report_block(layer.ssrc, now)) is not None
            ]
            if blocks:
                # Our clock need not be anybody's: it only comes back.
                ntp = rtcp.ntp_from_unix(now)
                self._asked = rtcp.ntp_middle(ntp), now
                feedback.send_rtcp(rtcp.build_receiver_report(self.ssrc, blocks) + rtcp.build_reference_time(self.ssrc, ntp))
