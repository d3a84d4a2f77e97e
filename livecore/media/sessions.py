"""What a connected peer is: a publisher's or a viewer's session around its `Transport`."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from livecore.media import layers, rtcp
from livecore.media.connection import Transport
from livecore.media.drops import Counters, Drop
from livecore.media.publication import Publication
from livecore.media.sdp import AnswerSection
from livecore.media.subscription import Subscription

# A probe asks for a little more than the better layer needs: what it proves is rounded down.
PROBE_MARGIN = 1.1

ClosedCallback = Callable[["Session", str, float], None]


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

    def __init__(self, session_id: str, publication: Publication, account_id: str | None, closed: ClosedCallback) -> None:
        super().__init__(session_id, publication, account_id, closed)
        self.subscriptions: list[Subscription] = []
        self.estimate_bps: int | None = None  # None: the viewer has told none
        self.wished: str | None = None  # a layer the viewer asked for; None: chosen by what its path carries
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
            layer = subscription.track.best(now)
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
                    if subscription is not None and block.ssrc == subscription.ssrc:
                        subscription.on_report(block, now)
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
                self.estimate_bps = message.bitrate_bps
            elif isinstance(message, rtcp.TransportFeedback) and self.transport.estimator is not None:
                self.transport.estimator.on_feedback(message, now)
                self.estimate_bps = self.transport.estimator.estimate_bps

    def on_tick(self, now: float) -> bool:
        """A few times a second, where there are layers to choose from: leave a dead one, fit the estimate.

        True when a probe begins that asks for room for a better layer: then `on_probe` is called every 20 ms.
        """
        probing = False
        for subscription in self.subscriptions:
            forwarder, track = subscription.forwarder, subscription.track
            if not subscription.started or len(track.layers) < 2:
                continue
            offered = track.offered(now)
            if not self._worth_sending(subscription, offered, now):
                continue
            wanted = forwarder.wanted
            if wanted is None:
                continue
            current = forwarder.current.rid if forwarder.current else None
            rid = layers.choose(offered, current, self.estimate_bps, self.wished)
            if rid is not None and rid != wanted.rid:
                forwarder.want(track.layers[rid])
                self.publication.request_key(track.layers[rid], now)
            estimator = self.transport.estimator
            needed_bps = layers.step_up_bps(offered, rid, self.wished)
            if estimator is not None and needed_bps is not None and (self.estimate_bps or needed_bps) < needed_bps:
                probing = estimator.start_probe(int(needed_bps * PROBE_MARGIN), now) or probing
        return probing

    def _worth_sending(self, subscription: Subscription, offered: list[layers.Offered], now: float) -> bool:
        """False while the path does not carry even the thinnest layer: the viewer then gets sound alone."""
        estimator, forwarder = self.transport.estimator, subscription.forwarder
        if estimator is None:
            return True
        thinnest = next(iter(layers.order([layer for layer in offered if layer.alive])), None)
        was_paused = subscription.starvation.paused
        if not subscription.starvation.on_tick(thinnest.bitrate_bps if thinnest else 0, self.estimate_bps, now):
            if not was_paused:
                forwarder.want(None)
            return False
        if was_paused and thinnest is not None:
            estimator.restart(int(thinnest.bitrate_bps * layers.HEADROOM))
            self.estimate_bps = estimator.estimate_bps
            layer = subscription.track.layers[thinnest.rid]
            forwarder.want(layer)
            self.publication.request_key(layer, now)
        return True

    def on_probe(self, interval_s: float, now: float) -> bool:
        """Send a probe's next burst; False when it is over."""
        estimator = self.transport.estimator
        size_bytes = estimator.probe_bytes(interval_s, now) if estimator is not None else 0
        if not size_bytes:
            return False
        for subscription in self.subscriptions:
            if len(subscription.track.layers) > 1:
                subscription.probe(size_bytes, now)
        return True

    def resume(self, now: float) -> None:
        """The publisher came back: go over to its new streams at their first key frame."""
        for subscription in self.subscriptions:
            if subscription.forwarder.wanted is not None and subscription.track.layers:
                layer = subscription.track.best(now)
                subscription.forwarder.want(layer)
                if subscription.track.kind == "video":
                    self.publication.request_key(layer, now)


def new_ssrcs(rng: random.Random) -> list[int]:
    """Four distinct numbers, none of them 0: audio, video, and RTX of each."""
    numbers: set[int] = set()
    while len(numbers) < 4:
        numbers.add(rng.randrange(1, 1 << 32))
    return list(numbers)
