"""Scalable streams: one incoming stream that holds several layers, cut down for viewers that are to get less of it.

A `Cut` is what is left of a stream when the layers above an operating point are taken out: numbered without holes, kept in a cache
of its own, and watched like any other layer. It is made once, however many viewers there are, and only while somebody watches it.
Going over from one cut to another needs no key frame where the stream itself says so.
"""

from bisect import bisect_left

from livecore.media import forward
from livecore.media.codecs import dependency
from livecore.media.forward import Forwarder
from livecore.media.packet import TEMPORAL_LIMIT, Packet, Place
from livecore.media.receive import ClockReport
from livecore.media.rewrite import rewrite_vp8
from livecore.media.source import Layer, Outbox, smoothed

# Late packets come within the cache's time; a thousand numbers that were left out reach further back.
REMEMBERED = 1024
# How often it is looked (a fifth of a second each) before a key frame is asked for where the stream has shown no place to go over.
PATIENCE = 5
# WebRTC encoders make at most three; a stream that claims more is cut at these.
SPATIAL_LIMIT = 3


class Cut(Layer):
    """What is left of `source` up to a spatial and a temporal layer."""

    def __init__(self, source: Layer, spatial: int, temporal: int) -> None:
        name = f"S{spatial}T{temporal}"
        super().__init__(f"{source.rid}/{name}" if source.rid else name, source.receiver.clock_hz, source.framed)
        self.spatial = spatial
        self.temporal = temporal
        self.thinned = False  # whether pictures are left out, and not only sizes
        self.closes_pictures = source.closes_pictures
        self.nested = source.nested and spatial > 0
        self._source = source
        self._highest = -1  # of the source
        self._dropped: list[int] = []  # the source's numbers that were left out, ascending
        self._dropped_before = 0  # how many there were before those
        self._pictures: list[int] = []  # where whole pictures were left out, for VP8's ids
        self._pictures_before = 0
        self._picture_left_out: int | None = None

    @property
    def origin(self) -> Layer:
        return self._source

    @property
    def report(self) -> ClockReport | None:
        return self._source.report

    @property
    def active(self) -> bool:
        return bool(self.watchers or self.waiters)

    def alive(self, now: float) -> bool:
        return self._source.alive(now) and self.bitrate_bps > 0

    def keeps(self, place: Place | None) -> bool:
        """Padding belongs to no layer: it takes a number, and is kept."""
        return place is None or (place.spatial <= self.spatial and place.temporal <= self.temporal)

    def push(self, packet: Packet) -> Packet | None:
        """The source's packet as this cut has it; None when it is left out."""
        sequence, place, kept = packet.sequence, packet.place, self.keeps(packet.place)
        if sequence > self._highest:
            self._highest = sequence
            if not kept:
                self._leave_out(packet)
                return None
            dropped, pictures = len(self._dropped), len(self._pictures)
        else:
            # It came late: its number was kept free for it, so that it could be asked for. What is not wanted leaves it empty.
            dropped, pictures = bisect_left(self._dropped, sequence), bisect_left(self._pictures, sequence)
        payload = packet.payload if kept else b""
        marker = kept and (packet.marker or (place is not None and place.ends and place.spatial == self.spatial))
        number = sequence - self._dropped_before - dropped
        out = Packet(number, packet.timestamp, marker, payload, packet.at, packet.passed_on)
        if kept:
            out.key, out.place = packet.key, place
            out.picture_id, out.picture_id_at, out.tl0, out.tl0_at = packet.picture_id, packet.picture_id_at, packet.tl0, packet.tl0_at
            out.dependency = packet.dependency
            if packet.dependency is not None:
                out.dependency = described(self._source, packet, (self.spatial, self.temporal))
            pictures += self._pictures_before
            if pictures and self.closes_pictures and packet.picture_id_at:
                body = bytearray(payload)
                rewrite_vp8(body, packet, -pictures, 0)
                out.payload = bytes(body)
                out.picture_id = packet.picture_id - pictures & (0x7FFF if packet.picture_id_at > 0 else 0x7F)
        return out

    def _leave_out(self, packet: Packet) -> None:
        self._dropped.append(packet.sequence)
        if len(self._dropped) > 2 * REMEMBERED:
            del self._dropped[:REMEMBERED]
            self._dropped_before += REMEMBERED
        if self.closes_pictures and packet.picture_id_at and packet.picture_id != self._picture_left_out:
            self._picture_left_out = packet.picture_id
            self._pictures.append(packet.sequence)
            if len(self._pictures) > 2 * REMEMBERED:
                del self._pictures[:REMEMBERED]
                self._pictures_before += REMEMBERED


def described(source: Layer, packet: Packet, up_to: tuple[int, int] | None = None) -> bytes | None:
    """The packet's dependency descriptor for those who get `source` up to these layers (None: all of it).

    Each picture's first packet says which decode targets are sent: whoever comes from other layers, or lost a packet, then knows.
    """
    structure = source.structure
    if packet.dependency is None or structure is None or packet.place is None or not packet.place.begins or len(structure.targets) < 2:
        return packet.dependency
    mask = structure.active if up_to is None else structure.mask(*up_to)
    return dependency.activated(packet.dependency, structure, mask)


class Scalability:
    """The layers of one incoming stream, as its packets tell them, and the cuts that are offered."""

    def __init__(self, source: Layer, outbox: Outbox, *, spatial: bool) -> None:
        self.cuts: dict[str, Cut] = {}
        self.heights: list[int] = []  # by spatial layer, from the last key frame that told
        self._source = source
        self._outbox = outbox
        self._spatial = spatial  # whether spatial layers may be left out
        self.full = 0, 0  # the highest spatial and temporal layer of the stream, those included that its publisher was asked to leave out
        self._withheld_until = float("-inf")  # for ever while the publisher is asked to leave layers out
        self._top = (0, 0)  # the highest spatial and temporal layer seen
        self._picture = 0, 0  # the timestamp of the last picture that has begun, and the temporal layer of its first frame
        self._shifted = False  # spatial layers of one picture are of several temporal layers (AV1's L2T2_KEY_SHIFT)
        self._highest = -1
        self._looks: dict[str, int] = {}  # layer → how often it was found waited for
        self._octets: dict[tuple[int, int], int] = {}
        self._rated_at: float | None = None

    # -- layers that the publisher is asked to leave out

    def needed(self) -> tuple[int, int]:
        """The highest spatial and temporal layer that anybody gets or waits for. For nobody: the smallest picture, at its full rate."""
        if self._source.watchers or self._source.waiters:
            return self.full
        points = [(cut.spatial, cut.temporal) for cut in self.cuts.values() if cut.active] or [(0, self.full[1])]
        return max(s for s, _ in points), max(t for _, t in points)

    def withhold(self, less: bool, back_by: float) -> None:
        """The publisher is asked to send less than all, or all again: that comes `back_by` then, or is not thought to come."""
        if less:
            self._withheld_until = float("inf")
        elif self._withheld_until == float("inf"):
            self._withheld_until = back_by

    def is_partial(self, now: float) -> bool:
        """Whether layers are left out as they were asked to be. Those are offered on, at the rates and heights that they had."""
        sent = [max(axis) for axis in zip(*self._octets, strict=True)] or [-1, -1]
        return now < self._withheld_until and any(a < b for a, b in zip(sent, self.full, strict=False))

    def on_key(self, heights: list[int], now: float) -> None:
        """A key frame. `heights`: by spatial layer; empty where it does not tell."""
        source = self._source
        withheld = now < self._withheld_until
        if heights and not (withheld and len(heights) < len(self.heights)):
            self.heights, source.height = heights, max(heights)
        if withheld and self.full[0]:
            source.nested = source.structure is not None  # it will be again, and viewers stay where they are
        self.floor()  # whoever needs it must not wait for it to be measured

    @property
    def _floor(self) -> tuple[int, int]:
        temporal = self._source.structure.top[1] if self._source.structure is not None else self._top[1]
        return 0, max(temporal, self.full[1])

    def floor(self) -> Layer:
        """The best layer for a viewer that gets no dependency descriptor."""
        if not self._source.nested:
            return self._source
        for cut in self.cuts.values():
            if (cut.spatial, cut.temporal) == self._floor:
                return cut
        cut = Cut(self._source, *self._floor)
        self.cuts[cut.rid] = cut
        return cut

    def rate(self, now: float) -> None:
        """Measure each layer since the last call (about a second ago), and offer the cuts that there are."""
        partial = self.is_partial(now)
        octets, self._octets = self._octets, {}
        since, self._rated_at = self._rated_at, now
        if since is None or now <= since or not octets:
            return
        self._top = max(s for s, _ in octets), max(t for _, t in octets)
        if not partial:
            self.full = self._top
        top_spatial, top_temporal = self.full
        if top_spatial < len(self.heights):  # an encoder short of bandwidth leaves out its largest size
            self._source.height = self.heights[top_spatial]
        # Every rate of the smallest picture; of the largest, half the rate at least: a large picture that stutters is no gain.
        points = {(0, t) for t in range(top_temporal + 1)} if self._spatial or not top_spatial else set()
        if not self._shifted:  # else some pictures would lose their largest frame, others not
            points |= {(top_spatial, t) for t in range(max(0, top_temporal - 1), top_temporal)}
        if self._spatial:
            points |= {(s, top_temporal) for s in range(top_spatial)}
        if self._source.nested:
            points.add(self._floor)
        points.discard(self.full)
        known = {(cut.spatial, cut.temporal): cut for cut in self.cuts.values()}
        for spatial, temporal in sorted(points - known.keys()):
            cut = known[spatial, temporal] = Cut(self._source, spatial, temporal)
            self.cuts[cut.rid] = cut
        for (spatial, temporal), cut in known.items():
            held = sum(size for (s, t), size in octets.items() if s <= spatial and t <= temporal)
            if (spatial, temporal) not in points:
                cut.bitrate_bps = 0
            elif not partial:
                cut.bitrate_bps = int(self._source.bitrate_bps * held / max(1, sum(octets.values())))
            elif spatial <= self._top[0] and temporal <= self._top[1]:
                cut.bitrate_bps = smoothed(cut.bitrate_bps, held * 8 / (now - since))
                # An encoder that has only these to make may spend more on them: what holds more takes more.
                self._source.bitrate_bps = max(self._source.bitrate_bps, cut.bitrate_bps + 1)
            cut.thinned = temporal < top_temporal
            cut.height = self.heights[spatial] if spatial < len(self.heights) else self._source.height

    def on_packet(self, packet: Packet) -> None:
        """The next packet of the stream, before it is forwarded itself."""
        place, at = packet.place, packet.at
        if place is None:
            self._octets[0, 0] = self._octets.get((0, 0), 0) + len(packet.payload)  # of a single layer, encoders need not say so
        if place is not None and place.spatial < SPATIAL_LIMIT and place.temporal < TEMPORAL_LIMIT:
            key = place.spatial, place.temporal
            self._octets[key] = self._octets.get(key, 0) + len(packet.payload)
            if place.begins:
                self._picture = packet.timestamp, place.temporal
                self._shifted = self._shifted and not packet.key
            elif packet.timestamp == self._picture[0] and place.temporal != self._picture[1]:
                self._shifted = True
        follows = packet.sequence == self._highest + 1
        if packet.sequence > self._highest:
            self._highest = packet.sequence
        moves: list[tuple[Forwarder, Layer]] = []
        if place is not None and place.begins and (follows or packet.key):
            moves = self._moves(packet, place)
        if moves:
            # What came before this picture goes out first, each to those who watch it until here.
            for layer in (self._source, *self.cuts.values()):
                forward.flush(layer, self._outbox.pacer, at)
        firsts: dict[Layer, Packet] = {self._source: packet}
        for cut in self.cuts.values():
            if cut.active:
                pushed = cut.push(packet)
                if pushed is not None and cut.cache.add(pushed):
                    self._outbox.add(cut, pushed)
                    firsts[cut] = pushed
        for forwarder, layer in moves:
            if layer in firsts:
                layer.waiters.remove(forwarder)
                forwarder.go_over(layer, firsts[layer])

    def _moves(self, packet: Packet, place: Place) -> list[tuple[Forwarder, Layer]]:
        """Who goes over to which cut with the picture that this packet begins."""
        return [
            (forwarder, layer)
            for layer in (self._source, *self.cuts.values())
            for forwarder in layer.waiters
            if forwarder.current is not None
            and forwarder.current.origin is self._source
            and self._may(forwarder.current, layer, packet, place)
        ]

    def _point(self, layer: Layer) -> tuple[int, int]:
        return (layer.spatial, layer.temporal) if isinstance(layer, Cut) else self._top

    def _may(self, current: Layer, wanted: Layer, packet: Packet, place: Place) -> bool:
        """Whether a decoder that got `current` can go on with `wanted` from this picture on."""
        if isinstance(wanted, Cut) and not wanted.keeps(place):
            return False
        if packet.key:
            return True
        (from_spatial, from_temporal), (spatial, temporal) = self._point(current), self._point(wanted)
        if spatial > from_spatial:
            has_it = not isinstance(current, Cut) or current.keeps(place)
            return has_it and bool(place.over >> spatial * TEMPORAL_LIMIT + temporal & 1)
        if temporal <= from_temporal:
            return True
        if place.temporal <= from_temporal:
            return bool(place.up >> temporal & 1)
        return place.sync and place.temporal == temporal == from_temporal + 1

    def key_awaited(self, layer: Layer) -> bool:
        """Whether those who wait for this layer of the stream need a key frame (asked a few times a second).

        Viewers from elsewhere do, and so do those who want a better picture; others only when no other place to go over has come.
        """
        if not layer.waiters:
            self._looks.pop(layer.rid, None)
            return False
        looks = self._looks[layer.rid] = self._looks.get(layer.rid, 0) + 1
        return looks > PATIENCE or any(self.needs_key(forwarder, layer) for forwarder in layer.waiters)

    def needs_key(self, forwarder: Forwarder, layer: Layer) -> bool:
        current = forwarder.current
        if current is None or current.origin is not self._source:
            return True
        return self._point(layer)[0] > self._point(current)[0]
