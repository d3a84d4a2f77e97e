"""A `Layer`: one incoming RTP stream of a track, with all that is kept of it once for every viewer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from livecore.media.cache import PacketCache
from livecore.media.drops import Counters
from livecore.media.packet import Packet
from livecore.media.receive import ClockReport, Receiver
from livecore.media.wire import SEGMENTS_LIMIT, Run, Shape, cut, lay_out

if TYPE_CHECKING:
    from livecore.media.audience import Audience
    from livecore.media.codecs.dependency import Structure
    from livecore.media.forward import Forwarder
    from livecore.media.pacer import Lane, Pacer
    from livecore.media.scalable import Scalability

# A publisher answers a key-frame request with a frame some ten times as large as others: twice a second is plenty.
KEY_FRAME_INTERVAL_S = 0.5
# A request that nothing answers was lost: about a long round trip and a frame later it is repeated, then after twice the time.
KEY_FRAME_RETRY_S = 0.2
# A layer that the publisher's encoder has paused sends nothing at all.
ALIVE_S = 1.0
# Of each second's measure of a layer's rate.
RISING, FALLING = 0.5, 0.2


def smoothed(before_bps: int, measured_bps: float) -> int:
    """A layer's rate after a second's measure: the first as it is (`before_bps` 0), later ones by their share."""
    share = RISING if measured_bps > before_bps else FALLING
    return int(measured_bps if not before_bps else before_bps + share * (measured_bps - before_bps))


class Batch:
    """The packets of one layer that one drain of the socket brought, in order of arrival, and how each shape gets them."""

    __slots__ = ("_bursts", "_keyed", "count", "highest", "lowest", "newest", "octets", "packets")

    def __init__(self, packets: Sequence[Packet]) -> None:
        self.packets = packets
        self.count = len(packets)
        first = packets[0]
        self.lowest = self.highest = first.sequence
        self.newest = first
        self.octets = 0
        for packet in packets:
            self.octets += len(packet.payload)
            if packet.sequence > self.highest:
                self.highest = packet.sequence
            elif packet.sequence < self.lowest:
                self.lowest = packet.sequence
            if packet.timestamp > self.newest.timestamp:
                self.newest = packet
        self._bursts: dict[tuple[Shape, int], list[list[Run]]] = {}
        self._keyed: Batch | bool | None = False  # False: not looked for yet; None: there is none

    def bursts(self, shape: Shape, limit: int = SEGMENTS_LIMIT) -> list[list[Run]]:
        """As this kind of viewer gets them: what may leave at once (`limit` packets), and what comes after it."""
        bursts = self._bursts.get((shape, limit))
        if bursts is None:
            bursts = self._bursts[shape, limit] = cut(lay_out(self.packets, shape, limit), limit)
        return bursts

    def since(self, sequence: int) -> Batch | None:
        """Only the packets from this number on; None when there are none."""
        packets = [packet for packet in self.packets if packet.sequence >= sequence]
        return Batch(packets) if packets else None

    def from_key(self) -> Batch | None:
        """From the start of the first key frame on; None without one. Shared by all viewers that wait for it."""
        if isinstance(self._keyed, bool):
            key = next((packet for packet in self.packets if packet.key), None)
            self._keyed = None if key is None else self.since(key.sequence)
        return self._keyed


class KeyFrameThrottle:
    """At most one request per interval; one that came too early is due at its end unless a key frame comes before.

    While none comes, the request is repeated sooner: first after `retry_s`, then after twice as long, up to the interval.
    """

    __slots__ = ("_interval_s", "_retry_s", "_sent_at", "_unanswered", "due")

    def __init__(self, interval_s: float = KEY_FRAME_INTERVAL_S, retry_s: float = KEY_FRAME_RETRY_S) -> None:
        self._interval_s = interval_s
        self._retry_s = retry_s
        self._sent_at = float("-inf")
        self._unanswered = 0  # requests since the last key frame
        self.due = False

    def request(self, now: float) -> bool:
        """True when the request is to be sent now."""
        wait_s = self._interval_s
        if self._unanswered:
            wait_s = min(wait_s, self._retry_s * 2 ** min(self._unanswered - 1, 8))
        if now - self._sent_at < wait_s:
            self.due = True
            return False
        self._sent_at, self.due = now, False
        self._unanswered += 1
        return True

    def satisfied(self) -> None:
        self.due, self._unanswered = False, 0

    def on_tick(self, now: float) -> bool:
        return self.due and self.request(now)


class Outbox:
    """What waits to be forwarded in a worker: layers with pending packets, and their packets times watchers."""

    __slots__ = ("cost", "layers", "pacer")

    def __init__(self, pacer: Pacer) -> None:
        self.pacer = pacer
        self.layers: list[Layer] = []
        self.cost = 0

    def take(self) -> list[Layer]:
        layers, self.layers, self.cost = self.layers, [], 0
        return layers

    def add(self, layer: Layer, packet: Packet) -> None:
        """A packet that has arrived for all who watch the layer."""
        if not layer.pending:
            self.layers.append(layer)
            layer.pending_since = packet.at
        layer.pending.append(packet)
        self.cost += len(layer.watchers)

    def keep(self, layer: Layer) -> None:
        """Not yet: the layer's pending packets go with the next `take`."""
        self.layers.append(layer)


class Layer:
    """One incoming stream: `rid` is its simulcast name, "" for the only one."""

    def __init__(self, rid: str, clock_hz: int, framed: bool) -> None:
        self.rid = rid
        self.ssrc: int | None = None  # None until a packet or the offer told it
        self.rtx_ssrc: int | None = None
        self.receiver = Receiver(clock_hz)
        self.cache = PacketCache()
        self.key_frames = KeyFrameThrottle()
        self.framed = framed  # video: the marker ends a frame
        self.pending: list[Packet] = []  # received and not forwarded yet
        self.pending_since = 0.0  # arrival of the first of them
        self.watchers: list[Forwarder] = []  # being sent this layer
        self.audience: Audience | None = None  # the same, as they are sent to; None when somebody has come or gone
        self.lanes: dict[Shape, Lane] = {}
        self.waiters: list[Forwarder] = []  # want it, and wait for its next key frame
        self.key_sequence: int | None = None  # where the last key frame began; None before the first
        self.recent: tuple[tuple[int, int], Batch] | None = None  # what newcomers begin with (`catch_up`), and from where to where
        self.forwarded_highest = -1
        self.forwarded_newest: Packet | None = None
        self.last_at = float("-inf")
        self.bitrate_bps = 0
        self.thinned = False
        self.height: int | None = None  # pixels; None until a key frame told it
        self.closes_pictures = False  # VP8: ids of pictures that are left out are not to be missed
        self.nested = False  # AV1 of several spatial layers: not for viewers that get no dependency descriptor
        self.scalability: Scalability | None = None  # None until a packet says that the stream holds several layers
        self.structure: Structure | None = None  # of the dependency descriptor; None until a key frame brought it
        # Until when a layer that sends nothing is thought to come back: for ever while its publisher is told to pause it.
        self.paused_until = float("-inf")
        self.counts: Counters = Counter()
        self._octets_before = 0
        self._rated_at: float | None = None

    @property
    def origin(self) -> Layer:
        """The incoming stream itself; a cut of one names that."""
        return self

    @property
    def report(self) -> ClockReport | None:
        return self.receiver.report

    def watch(self, forwarder: Forwarder) -> None:
        self.watchers.append(forwarder)
        self.audience = None

    def unwatch(self, forwarder: Forwarder) -> None:
        if forwarder in self.watchers:
            self.watchers.remove(forwarder)
            self.audience = None

    def alive(self, now: float) -> bool:
        return now - self.last_at < ALIVE_S

    def rate(self, now: float) -> None:
        """Measure the bitrate since the last call, smoothed; call about once a second.

        It rises faster than it falls: a scene that is still for a moment, or an encoder that is short of time, does not make a layer thin.
        """
        octets = self.receiver.octets
        # A layer that is paused, or sent in part, has the rate that it would have.
        if (
            self._rated_at is not None
            and now > self._rated_at
            and (now >= self.paused_until or (self.paused_until < float("inf") and self.alive(now)))
            and not (self.scalability is not None and self.scalability.is_partial(now))
        ):
            self.bitrate_bps = smoothed(self.bitrate_bps, (octets - self._octets_before) * 8 / (now - self._rated_at))
        self._octets_before, self._rated_at = octets, now
        if self.scalability is not None:
            self.scalability.rate(now)
