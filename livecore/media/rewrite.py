"""How a viewer's numbers follow from a publisher's: sequence, timestamp, VP8 picture id and TL0PICIDX, AV1 frame number.

A viewer sees one stream without a seam, whatever layer or publisher connection it comes from. Each stretch from one source
is an *epoch*, with constant offsets; a resend maps back through the epoch in which the packet was first sent.
"""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from livecore.media.packet import Packet
from livecore.media.receive import ClockReport

# A NACK reaches back a second or two: with at most two switches a second, this many epochs cover it.
EPOCH_LIMIT = 4
# Pictures a thirtieth of a second apart come to be a millisecond apart.
_SQUEEZE_BITS = 5
# AV1: the newest picture is known by its first packet, which is of its first frame; the frames of its other spatial layers follow (at most
# four in all). Numbers that are left out hurt nobody: frames refer to one another by distance, and this goes before a key frame.
_FRAMES_A_PICTURE = 4


def squeeze(timestamp: int, joint: int) -> int:
    """A time before `joint`, drawn close to it. Order stays: pictures are further apart than 32 ticks of their clock."""
    return joint - (joint - timestamp >> _SQUEEZE_BITS)


class Source(Protocol):
    """What numbering needs to know of a layer: its clock, and how far it has been forwarded to those who watch it."""

    @property
    def origin(self) -> object:
        """The incoming stream: two sources of one origin share its clock and, but for `closes_pictures`, its picture ids."""

    @property
    def closes_pictures(self) -> bool:
        """Whether picture ids go on by one where pictures are left out (VP8; VP9's refer to one another by distance)."""
        ...

    @property
    def report(self) -> ClockReport | None: ...

    @property
    def forwarded_highest(self) -> int: ...

    @property
    def forwarded_newest(self) -> Packet | None:
        """The forwarded packet with the highest timestamp; None before the first."""
        ...


SourceT = TypeVar("SourceT", bound=Source)


@dataclass(frozen=True, slots=True)
class Epoch(Generic[SourceT]):
    """From packet `base` of `source` on, an outgoing number is the incoming one plus an offset.

    `picture_offset`: of VP8's and VP9's picture ids (15 bits), or of AV1's frame numbers (16 bits).
    `squeezed_to`: up to this packet the epoch began with pictures out of the cache, their times squeezed towards `joint`.
    """

    source: SourceT
    base: int
    sequence_offset: int
    timestamp_offset: int
    picture_offset: int = 0
    tl0_offset: int = 0
    squeezed_to: int = -1
    joint: int = 0

    def timestamp(self, packet: Packet) -> int:
        """The outgoing timestamp of a packet of the source (widened)."""
        timestamp = packet.timestamp
        if packet.sequence <= self.squeezed_to:
            timestamp = squeeze(timestamp, self.joint)
        return timestamp + self.timestamp_offset


class Numbering(Generic[SourceT]):
    """The outgoing numbers of one subscription.

    Args:
        sequence, timestamp: what the first packet gets. A sequence below 32768 keeps both ends' roll-over counters in step
            when the first packets are lost (RFC 3711 section 3.3.1).
    """

    def __init__(self, clock_hz: int, sequence: int, timestamp: int) -> None:
        self._clock_hz = clock_hz
        self.epochs: list[Epoch[SourceT]] = []
        self._following: Epoch[SourceT] | None = None  # None while nothing is being sent
        self._highest = (1 << 16) + sequence - 1
        self._first_timestamp = timestamp
        self._newest: Packet | None = None  # the packet with the highest timestamp so far, and its outgoing facts:
        self._timestamp = 0
        self._picture_id = 0
        self._tl0 = 0

    @property
    def highest(self) -> int:
        """The highest outgoing sequence number, widened."""
        self._catch_up()
        return self._highest

    @property
    def epoch(self) -> Epoch[SourceT] | None:
        """The current epoch; None before the first packet."""
        return self.epochs[-1] if self.epochs else None

    def begin(self, source: SourceT, packet: Packet, *, squeezed_to: int = -1, joint: int = 0) -> Epoch[SourceT]:
        """Start an epoch with `packet` of `source`, following what was sent before without a step back.

        With `squeezed_to`, nothing may have been sent before, and `packet` has its squeezed timestamp.

        The time between the two sources is that of their sender reports where both have one, else that of arrival.
        """
        self._catch_up()
        before = self._newest
        if before is None or not self.epochs:
            timestamp = self._first_timestamp
            pictures, tl0 = 0, 0
        else:
            last = self.epochs[-1]
            if last.source.origin is source.origin:
                return self._within(last, source, packet)
            old = last.source.report
            new = source.report
            if old is not None and new is not None:
                seconds = new.seconds(packet.timestamp, self._clock_hz) - old.seconds(before.timestamp, self._clock_hz)
            else:
                seconds = packet.at - before.at
            if not -1.0 < seconds < 120.0:  # the publisher's clock was set, or it is another machine's
                seconds = packet.at - before.at
            timestamp = self._timestamp + max(1, round(seconds * self._clock_hz))
            if packet.dependency is not None:
                pictures = self._picture_id + _FRAMES_A_PICTURE - packet.picture_id
            else:
                pictures = self._picture_id + 1 - packet.picture_id if packet.picture_id_at else 0
            tl0 = self._tl0 + 1 - packet.tl0 if packet.tl0_at else 0
        epoch = Epoch(
            source,
            packet.sequence,
            self._highest + 1 - packet.sequence,
            timestamp - packet.timestamp,
            pictures & (0x7FFF if packet.dependency is None else 0xFFFF),
            tl0 & 0xFF,
            squeezed_to,
            joint,
        )
        return self._follow(epoch)

    def _within(self, last: Epoch[SourceT], source: SourceT, packet: Packet) -> Epoch[SourceT]:
        """Another part of the very same stream: only the sequence (and VP8's picture ids) close up."""
        pictures, tl0 = last.picture_offset, last.tl0_offset
        if source.closes_pictures and packet.picture_id_at:
            pictures = self._picture_id + 1 - packet.picture_id & 0x7FFF
        offset = self._highest + 1 - packet.sequence
        return self._follow(Epoch(source, packet.sequence, offset, last.timestamp_offset, pictures, tl0))

    def _follow(self, epoch: Epoch[SourceT]) -> Epoch[SourceT]:
        self.epochs.append(epoch)
        del self.epochs[:-EPOCH_LIMIT]
        self._following = epoch
        return epoch

    def pause(self) -> None:
        """Nothing more is sent under the current epoch."""
        self._catch_up()
        self._following = None

    def _catch_up(self) -> None:
        # All who watch a layer are sent the same of it: so the layer notes it once, and each numbering looks when it matters.
        epoch = self._following
        if epoch is None:
            return
        source = epoch.source
        self._highest = max(self._highest, source.forwarded_highest + epoch.sequence_offset)
        newest = source.forwarded_newest
        if newest is None:
            return
        timestamp = newest.timestamp + epoch.timestamp_offset
        if self._newest is None or timestamp > self._timestamp:
            self._newest, self._timestamp = newest, timestamp
            if newest.picture_id_at or newest.dependency is not None:
                self._picture_id = newest.picture_id + epoch.picture_offset
            if newest.tl0_at:
                self._tl0 = newest.tl0 + epoch.tl0_offset

    def locate(self, wire: int) -> tuple[Epoch[SourceT], int] | None:
        """The epoch and incoming sequence number behind an outgoing wire number; None when it was never sent (or is gone)."""
        highest = self.highest
        out = highest - ((highest - wire) & 0xFFFF)
        for epoch in reversed(self.epochs):
            sequence = out - epoch.sequence_offset
            if sequence >= epoch.base:
                return epoch, sequence
        return None


def rewrite_vp8(payload: bytearray, packet: Packet, picture_offset: int, tl0_offset: int) -> None:
    """Put the viewer's picture id and TL0PICIDX into a copy of the packet's payload."""
    at = packet.picture_id_at
    if at > 0:
        picture_id = packet.picture_id + picture_offset & 0x7FFF
        payload[at] = 0x80 | picture_id >> 8
        payload[at + 1] = picture_id & 0xFF
    elif at < 0:
        payload[-at] = packet.picture_id + picture_offset & 0x7F
    if packet.tl0_at:
        payload[packet.tl0_at] = packet.tl0 + tl0_offset & 0xFF
