"""Which packets of which layer one viewer (or the recorder) gets, and under which numbers: decided here, carried out by a sink."""

from __future__ import annotations

import random
from collections import Counter
from typing import Protocol

from livecore.media import catch_up
from livecore.media.audience import Audience
from livecore.media.drops import Counters, Drop
from livecore.media.pacer import Lane, Leg, Pacer
from livecore.media.packet import Packet
from livecore.media.rewrite import Epoch, Numbering
from livecore.media.source import Batch, Layer


class Sink(Protocol):
    """Carries out what a forwarder decides."""

    def deliver(self, epoch: Epoch[Layer], batch: Batch, now: float) -> None:
        """Send these packets under the offsets of `epoch`."""
        ...

    def leg(self, epoch: Epoch[Layer], *, catching_up: bool, before: Leg | None) -> Leg | None:
        """How packets of this epoch leave; None where they do not leave over the network."""
        ...

    def on_clock(self, now: float) -> None:
        """The current layer's publisher has told its clock (a sender report)."""
        ...


class Forwarder:
    """The state of one subscription to one track: the layer it is on, the layer it wants, its numbers.

    A change of layer happens at a key frame of the new one; until then the old one flows on.
    """

    def __init__(self, clock_hz: int, needs_key: bool, sink: Sink, rng: random.Random) -> None:
        # Both below half of their range: the first packets may be lost without the two ends disagreeing on a roll-over.
        self.numbering: Numbering[Layer] = Numbering(clock_hz, rng.getrandbits(14), rng.getrandbits(30))
        self.needs_key = needs_key  # audio can begin anywhere
        self.current: Layer | None = None  # None before the first packet
        self.wanted: Layer | None = None  # None while nothing is wanted (before DTLS, or paused)
        self.drops: Counters = Counter()
        self.switches = 0
        self.late = False  # what was to be sent had become too old: nothing is until the next key frame
        self.epoch: Epoch[Layer] | None = None  # the current one; None before the first packet
        self.leg: Leg | None = None  # of the current epoch; None too for what is not sent over the network
        self.deliver = sink.deliver
        self._sink = sink

    def want(self, layer: Layer | None) -> None:
        """Ask for a layer; the caller asks the publisher for a key frame of it. None stops what is being sent."""
        if self.wanted is not None and self in self.wanted.waiters:
            self.wanted.waiters.remove(self)
        self.wanted = layer
        if layer is None:
            if self.current is not None:
                self.current.unwatch(self)
            self.numbering.pause()
            self.current = None
        elif layer is not self.current:
            layer.waiters.append(self)

    def start_recent(self, layer: Layer, now: float) -> bool:
        """Begin with the layer's last key frame, if it is recent; False leaves everything as it was. For a newcomer only."""
        batch = catch_up.recent(layer, now)
        if batch is None or self.numbering.epochs:
            return False
        self.want(layer)
        layer.waiters.remove(self)
        newest = layer.forwarded_newest
        assert newest is not None
        epoch = self.numbering.begin(layer, batch.packets[0], squeezed_to=layer.forwarded_highest, joint=newest.timestamp)
        self._watch(layer, epoch, catching_up=True)
        self.deliver(epoch, batch, now)
        return True

    def _watch(self, layer: Layer, epoch: Epoch[Layer], *, catching_up: bool = False) -> None:
        self.current, self.epoch = layer, epoch
        self.leg = self._sink.leg(epoch, catching_up=catching_up, before=self.leg)
        layer.watch(self)

    def leave(self) -> None:
        self.want(None)

    def on_late(self, batch: Batch, epoch: Epoch[Layer], now: float) -> None:
        """Packets of the layer being watched, some of them from before the switch to it."""
        later = batch.since(epoch.base)
        self.drops[Drop.BEFORE_SWITCH] += len(batch.packets) - (len(later.packets) if later else 0)
        if later is not None:
            self.deliver(epoch, later, now)

    def leave_out(self) -> None:
        """Send nothing more of what is watched until the next key frame; its number then follows the last that was sent."""
        wanted = self.wanted
        self.late = True
        self.want(None)
        self.want(wanted)

    @property
    def lane(self) -> Lane | None:
        """Where its packets queue, or did last; None before the first, and for what is not sent over the network."""
        return self.leg.lane if self.leg is not None else None

    def on_wanted(self, layer: Layer, batch: Batch, now: float, *, late: bool = False) -> bool:
        """Packets of the layer that is wanted and not yet watched. True when the switch has happened. `late`: they are too old."""
        start = None if late else batch.from_key() if self.needs_key else batch
        if start is None:
            self.drops[Drop.LATE if self.late or late else Drop.AWAITING_KEY_FRAME] += len(batch.packets)
            return False
        epoch = self.go_over(layer, min(start.packets, key=lambda packet: packet.sequence))
        if len(self.numbering.epochs) > 1:
            # A layer that comes later than the one before could not step back in time: what was told of the clock holds no more.
            self._sink.on_clock(now)
        self.deliver(epoch, start, now)
        return True

    def go_over(self, layer: Layer, first: Packet) -> Epoch[Layer]:
        """Watch this layer from `first` on; whoever calls sees to it that it is a place to begin."""
        if self.current is not None:
            self.switches += 1
            self.current.unwatch(self)
        self.late = False
        epoch = self.numbering.begin(layer, first)
        self._watch(layer, epoch)
        return epoch

    def on_clock(self, now: float) -> None:
        self._sink.on_clock(now)


def flush(layer: Layer, pacer: Pacer, now: float) -> None:
    """Hand a layer's pending packets to everybody who watches or awaits it; whoever is behind by too much gets no new picture of them."""
    pending = layer.pending
    if not pending:
        return
    layer.pending = []
    newest = layer.forwarded_newest
    if layer.framed and newest is not None:
        age_s, limit = now - layer.pending_since, pacer.age_limit
        groups = _audience(layer).groups
        late = [legs for lane, _, legs in groups if limit.exceeded(lane, age_s, now)]
        if late:
            # A picture that has begun is completed: its rest is no less old, and without it the viewer would wait for it.
            begun = [packet for packet in pending if packet.timestamp <= newest.timestamp]
            if begun:
                _hand_on(layer, Batch(begun), pacer, now)
            pending = [packet for packet in pending if packet.timestamp > newest.timestamp]
            if not pending:
                return
            for legs in late:
                for leg in legs:
                    leg.subscription.forwarder.leave_out()
    _hand_on(layer, Batch(pending), pacer, now)


def _audience(layer: Layer) -> Audience:
    audience = layer.audience
    if audience is None:
        audience = layer.audience = Audience(layer.watchers)
    return audience


def _hand_on(layer: Layer, batch: Batch, pacer: Pacer, now: float) -> None:
    lowest = batch.lowest
    layer.forwarded_highest = max(layer.forwarded_highest, batch.highest)
    newest = layer.forwarded_newest
    if newest is None or batch.newest.timestamp > newest.timestamp:
        layer.forwarded_newest = batch.newest
    audience = _audience(layer)
    if lowest >= audience.base:
        for lane, shape, legs in audience.groups:
            pacer.add(lane, batch, shape, legs, now)
        for forwarder in audience.others:
            if forwarder.epoch is not None:
                forwarder.deliver(forwarder.epoch, batch, now)
    else:
        for forwarder in layer.watchers:
            epoch = forwarder.epoch
            if epoch is not None and lowest >= epoch.base:
                forwarder.deliver(epoch, batch, now)
            elif epoch is not None:
                forwarder.on_late(batch, epoch, now)
    if layer.waiters:
        age_s, limit = now - layer.pending_since, pacer.age_limit
        layer.waiters = [
            f
            for f in layer.waiters
            if not f.on_wanted(layer, batch, now, late=f.leg is not None and layer.framed and limit.exceeded(f.lane, age_s, now))
        ]
