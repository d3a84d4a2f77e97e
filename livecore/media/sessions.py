"""What a connected peer is: a publisher's or a viewer's session around its `Transport`."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from livecore.media import layers, rtcp
from livecore.media.connection import Transport
from livecore.media.drops import Counters, Drop
from livecore.media.estimate_loss import LossEstimator
from livecore.media.publication import Publication
from livecore.media.rate import Meter
from livecore.media.sdp import AnswerSection
from livecore.media.subscription import Subscription

# A probe asks for a little more than the better layer needs: what it proves is rounded down.
PROBE_MARGIN = 1.1

ClosedCallback = Callable[["Session", str, float], None]
# A viewer is sent "sound_only" from now on, nothing ("paused", where there is no sound), or the "picture" again.
ChangedCallback = Callable[["ViewerSession", str, float], None]


class Session:
    """`kind`: "publish" or "watch". `transport` is set right after construction: the two name each other."""

    kind = ""
    transport: Transport

    def __init__(self, session_id: str, publication: Publication, account_id: str | None, closed: ClosedCallback) -> None:
        self.session_id = session_id
        self.publication = publication
        self.account_id = account_id  # None: a watcher without an account
        self.remote_ufrag = ""  # of the offer, or of the last restart
        self._closed = closed

    @property
    def etag(self) -> str:
        """Changes with each ICE restart (RFC 9725 section 4.3.1)."""
        return f'"{self.transport.ice.credentials.ufrag}"'

    def drops(self) -> Counters:
        """What was dropped of this session, by name."""
        return Counter(self.transport.drops)

    def on_connected(self, now: float) -> None:
        raise NotImplementedError

    def on_rtp(self, packet: bytes, at: float) -> None:
        raise NotImplementedError

    def on_rtcp(self, packet: bytes, now: float) -> None:
        raise NotImplementedError

    def on_estimate(self) -> None:
        """Feedback is a viewer's."""

    def on_closed(self, reason: str, now: float) -> None:
        self._closed(self, reason, now)


class PublisherSession(Session):
    kind = "publish"

    def __init__(
        self,
        session_id: str,
        publication: Publication,
        account_id: str | None,
        sections: Sequence[AnswerSection],
        closed: ClosedCallback,
        connected: Callable[["PublisherSession", float], None],
    ) -> None:
        super().__init__(session_id, publication, account_id, closed)
        self.sections = sections  # what was agreed; in force once it is connected
        self._connected = connected

    def on_connected(self, now: float) -> None:
        self._connected(self, now)

    def on_rtp(self, packet: bytes, at: float) -> None:
        if self.publication.feedback is self.transport:
            self.publication.on_rtp(packet, at)

    def on_rtcp(self, packet: bytes, now: float) -> None:
        if self.publication.feedback is self.transport:
            self.publication.on_rtcp(packet, now)


class ViewerSession(Session):
    kind = "watch"

    def __init__(
        self, session_id: str, publication: Publication, account_id: str | None, closed: ClosedCallback, changed: ChangedCallback
    ) -> None:
        super().__init__(session_id, publication, account_id, closed)
        self.subscriptions: list[Subscription] = []
        self.estimate_bps: int | None = None  # None: the viewer has told none
        self.wish = layers.NO_WISH  # what the viewer asked for
        self.by_loss = LossEstimator()  # judges the path of a viewer that tells nothing else
        self._told_bps = False  # whether the viewer tells of its path otherwise
        self._starved = False  # whether its picture is paused
        self.meter = Meter()
        self._climb = layers.Climb()
        self._changed = changed
        self._by_ssrc: dict[int, Subscription] = {}

    def drops(self) -> Counters:
        total = Counter(self.transport.drops)
        for subscription in self.subscriptions:
            total.update(subscription.drops)
        return total

    def subscribe(self, subscription: Subscription) -> None:
        self.subscriptions.append(subscription)
        self._by_ssrc[subscription.ssrc] = subscription
        if subscription.rtx_ssrc:
            self._by_ssrc[subscription.rtx_ssrc] = subscription

    def on_connected(self, now: float) -> None:
        for subscription in self.subscriptions:
            layer = subscription.track.best(now, flat=subscription.flat)
            if not subscription.start(layer, now):
                # Now, not when the request came in: the key frame would arrive before the keys.
                self.publication.request_key(layer, now)

    def on_rtp(self, packet: bytes, at: float) -> None:
        self.transport.drops[Drop.NOT_A_PUBLISHER] += 1

    def on_rtcp(self, packet: bytes, now: float) -> None:
        messages, malformed = rtcp.parse(packet)
        if malformed:
            self.transport.drops[Drop.RTCP_MALFORMED] += malformed
        for message in messages:
            if isinstance(message, rtcp.ReceiverReport):
                for block in message.reports:
                    subscription = self._by_ssrc.get(block.ssrc)
                    if subscription is None:
                        self.transport.drops[Drop.RTCP_UNKNOWN_SSRC] += 1
                    elif block.ssrc == subscription.ssrc:
                        subscription.on_report(block, now)
                        if subscription.track.kind == "video":
                            self._on_loss(subscription, now)
            elif isinstance(message, rtcp.Nack):
                subscription = self._by_ssrc.get(message.ssrc)
                if subscription is None:
                    self.transport.drops[Drop.RTCP_UNKNOWN_SSRC] += 1
                else:
                    subscription.on_nack(message.lost, now)
            elif isinstance(message, rtcp.KeyFrameRequest):
                subscription = self._by_ssrc.get(message.ssrc)
                if subscription is None:
                    self.transport.drops[Drop.RTCP_UNKNOWN_SSRC] += 1
                elif subscription.forwarder.wanted is not None:
                    self.publication.request_key(subscription.forwarder.wanted, now)
            elif isinstance(message, rtcp.Remb):
                self._told_bps = True
                self._estimate(message.bitrate_bps)
            elif isinstance(message, rtcp.TransportFeedback) and self.transport.estimator is not None:
                self.transport.estimator.on_feedback(message, now)
                self.on_estimate()

    def on_estimate(self) -> None:
        assert self.transport.estimator is not None
        self._told_bps = True
        self._estimate(self.transport.estimator.estimate_bps)

    def _estimate(self, bps: int | None, shown_bps: int | None = None) -> None:
        """`shown_bps`: what of it pictures are paced by, where that is less."""
        self.estimate_bps = bps
        pace = self.transport.pace
        if pace is not None and pace.on_estimate(bps if shown_bps is None else shown_bps):
            for subscription in self.subscriptions:
                subscription.regroup()

    def _on_loss(self, subscription: Subscription, now: float) -> None:
        """The viewer's loss of video: all there is to go by where it tells neither feedback nor an estimate of its own."""
        self.by_loss.on_report(subscription.fraction_lost, subscription.reported_packets, self.transport.bytes_sent, now)
        if not self._told_bps:
            self._estimate(self.by_loss.estimate_bps, self.by_loss.shown_bps)

    def on_tick(self, now: float, shed: int = 0) -> bool:
        """A few times a second, where there are layers to choose from: leave a dead one, fit the estimate.

        `shed`: so many of the best layers are not to be sent, because the server is short of time.
        True when a probe begins that asks for room for a better layer: then `on_probe` is called every 20 ms.
        """
        probing = False
        wish = replace(self.wish, shed=shed) if shed else self.wish
        for subscription in self.subscriptions:
            forwarder, track = subscription.forwarder, subscription.track
            if not subscription.started or track.kind != "video":
                continue
            if self._has_the_best(subscription, wish, now):
                continue
            offered = track.offered_to_viewers(now)
            if subscription.flat:
                offered = [one for one in offered if not one.nested]
            if not self._worth_sending(subscription, offered, now):
                continue
            wanted = forwarder.wanted
            if wanted is not None and subscription.flat and wanted.nested:  # only now it is known what the stream is
                forwarder.want(None)  # nothing of it was decoded, so a key frame is needed
                self._want(subscription, track.best(now, flat=True).rid, now)
                continue
            if wanted is None or len(offered) < 2:
                continue
            current = forwarder.current.rid if forwarder.current else None
            left_bps = self._left_bps(now)
            rid = layers.choose(offered, current, left_bps, wish)
            if rid is not None and rid != wanted.rid:
                now_on = next((layer for layer in offered if layer.rid == wanted.rid and layer.alive), None)
                up = now_on is not None and next(layer for layer in offered if layer.rid == rid).bitrate_bps > now_on.bitrate_bps
                if up and left_bps is not None and not self._climb.may(now):
                    continue
                self._climb.on_step(now, up=up)
                self._want(subscription, rid, now)
            estimator = self.transport.estimator
            needed_bps = layers.step_up_bps(offered, rid, wish)
            if estimator is None or needed_bps is None or not self._climb.may(now):
                continue
            needed_bps += self._sound_bps(now)
            if (self.estimate_bps or needed_bps) < needed_bps:
                probing = estimator.start_probe(int(needed_bps * PROBE_MARGIN), now) or probing
        return probing

    def _has_the_best(self, subscription: Subscription, wish: layers.Wish, now: float) -> bool:
        """Whether nothing limits the viewer, and it is sent the best it may have: then there is nothing to decide. Most are so, most of the time."""
        wanted = subscription.forwarder.wanted
        return (
            self.estimate_bps is None
            and self.transport.estimator is not None
            and wanted is not None
            and not subscription.flat
            and wanted.rid == subscription.track.unlimited(wish, now)
            and not subscription.starvation.paused
            and subscription.starvation.on_tick(0, None, now)
        )

    def _sound_bps(self, now: float) -> int:
        return sum(s.track.best(now).bitrate_bps for s in self.subscriptions if s.started and s.track.kind == "audio")

    def _left_bps(self, now: float) -> int | None:
        """What of the path is left for the picture."""
        return None if self.estimate_bps is None else max(0, self.estimate_bps - self._sound_bps(now))

    def _want(self, subscription: Subscription, rid: str, now: float) -> None:
        layer = subscription.track.choices()[rid]
        subscription.forwarder.want(layer)
        scalability = layer.origin.scalability
        if scalability is None or scalability.needs_key(subscription.forwarder, layer):
            self.publication.request_key(layer, now)

    @property
    def starving(self) -> bool:
        """Whether its path is known to be limited, or was: then somebody has to look after it."""
        return self.by_loss.estimate_bps is not None or self._starved

    def _worth_sending(self, subscription: Subscription, offered: list[layers.Offered], now: float) -> bool:
        """False while the path does not carry even the thinnest layer: the viewer then gets sound alone.

        Where even that does not arrive, the session is closed, and says why.
        """
        estimator, forwarder, starvation = self.transport.estimator, subscription.forwarder, subscription.starvation
        thinnest = next(iter(layers.order([layer for layer in offered if layer.alive])), None)
        estimate_bps = self.estimate_bps if estimator is not None else self.by_loss.estimate_bps
        was_paused = starvation.paused
        if not starvation.on_tick(thinnest.bitrate_bps if thinnest else 0, estimate_bps, now):
            sound = next((one for one in self.subscriptions if one.track.kind == "audio"), None)
            if not was_paused:
                self._starved = True
                forwarder.want(None)
                self._changed(self, "sound_only" if sound is not None else "paused", now)
            sound_lost = sound.fraction_lost if sound is not None else None
            if thinnest is None:
                sound_lost = 0.0  # the publisher is away: nothing is sent that could be lost
            if starvation.is_hopeless(sound_lost, now):
                self.transport.close("too_slow", now)
            return False
        if was_paused and thinnest is not None:
            self._starved = False
            restart_bps = int(thinnest.bitrate_bps * layers.HEADROOM)
            self.by_loss.restart(restart_bps)
            if estimator is not None:
                estimator.restart(restart_bps)
            self._estimate(restart_bps)
            self._want(subscription, thinnest.rid, now)
            self._changed(self, "picture", now)
        return True

    def on_probe(self, interval_s: float, now: float) -> bool:
        """Send a probe's next burst; False when it is over."""
        estimator = self.transport.estimator
        size_bytes = estimator.probe_bytes(interval_s, now) if estimator is not None else 0
        if not size_bytes:
            return False
        for subscription in self.subscriptions:
            if subscription.track.kind == "video":
                subscription.probe(size_bytes, now)
        return True

    def resume(self, now: float) -> None:
        """The publisher came back: go over to its new streams at their first key frame."""
        for subscription in self.subscriptions:
            if subscription.forwarder.wanted is not None and subscription.track.layers:
                layer = subscription.track.best(now, flat=subscription.flat)
                subscription.forwarder.want(layer)
                if subscription.track.kind == "video":
                    self.publication.request_key(layer, now)


def new_ssrcs(rng: random.Random) -> list[int]:
    """Four distinct numbers, none of them 0: audio, video, and RTX of each."""
    while True:
        drawn = rng.getrandbits(128)  # the system's generator is asked once, not four times
        numbers = {drawn >> shift & 0xFFFFFFFF for shift in (0, 32, 64, 96)} - {0}
        if len(numbers) == 4:
            return list(numbers)
