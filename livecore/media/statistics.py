"""What a host, or an operator, is told of a live's media: plain maps of numbers, and drops by their names."""

import resource
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from livecore.media import layers
from livecore.media.demand import Point
from livecore.media.demux import Demultiplexer
from livecore.media.drops import Drop
from livecore.media.endpoint import Endpoint
from livecore.media.figures import LayerFigures, LiveFigures, SubscriptionFigures, TrackFigures, ViewerFigures
from livecore.media.publication import Track
from livecore.media.router import Router
from livecore.media.sessions import ViewerSession
from livecore.media.source import Layer
from livecore.media.subscription import Subscription
from livecore.media.tcp import TcpEndpoint

_DROPS = frozenset(Drop)


def of_live(router: Router, live_id: str, now: float) -> LiveFigures:
    """`publications`: id → what comes in and who watches. Empty when this worker has nothing of the live."""
    return {
        "publications": {
            publication_id: {
                "connected": published.connected,
                "account_id": published.session.account_id if published.session is not None else None,
                "round_trip_ms": _ms(published.publication.round_trip_s),
                "level_dbov": round(published.publication.loudness.dbov(now), 1),
                "speaks": router.rounds.speaker(live_id) == publication_id,
                "tracks": [_track(track, now) for track in published.publication.tracks.values()],
                "drops": _counts(published.publication.counts),
                "transport_drops": _counts(published.session.transport.drops) if published.session else {},
                "viewers": [_viewer(viewer, now) for viewer in published.viewers.values()],
            }
            for (live, publication_id), published in router.published.items()
            if live == live_id
        }
    }


def of_layers(viewer: ViewerSession, now: float) -> dict[str, Any]:
    """What a viewer may choose from, the thinnest first, and what it has and wishes."""
    video = next((s for s in viewer.subscriptions if s.track.kind == "video"), None)
    offered = layers.order([layer for layer in video.track.offered_to_viewers(now) if layer.alive]) if video is not None else []
    current = video.forwarder.current if video is not None else None
    return {
        "layers": [{"rid": layer.rid, "height": layer.height, "bitrate_bps": layer.bitrate_bps} for layer in offered],
        "current": None if current is None else current.rid,
        "rid": viewer.wish.rid,
        "max_height": viewer.wish.max_height,
    }


def of_worker(router: Router, demux: Demultiplexer, endpoint: Endpoint, now: float, tcp: TcpEndpoint | None = None) -> dict[str, Any]:
    """`drops`: packets not acted on, by reason; `acts`: what was asked and repaired. Both since the worker's start."""
    totals = router.totals() + demux.drops + endpoint.drops
    if tcp is not None:
        totals += tcp.drops
    return {
        "cpu_s": time.process_time(),
        "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "sessions": len(router.sessions),
        "publications": len(router.published),
        "recordings": len(router.recordings.taps),
        "datagrams_received": demux.received,
        "datagrams_sent": endpoint.datagrams_sent,
        "tcp_connections": len(tcp.connections) if tcp is not None else 0,
        "datagrams_held": endpoint.datagrams_held,
        "segmentation_offload": endpoint.offload,
        "shed_layers": router.pressure.shed,
        "quality": _quality(router, now),
        "drops": {str(name): count for name, count in totals.items() if name in _DROPS},
        "acts": {str(name): count for name, count in totals.items() if name not in _DROPS},
    }


def _track(track: Track, now: float) -> TrackFigures:
    return {
        "kind": track.kind,
        "codec": track.codec.name,
        "layers": [
            _layer(layer, told.less.get(layer.rid) if (told := track.demand.told) else None, now) for layer in track.layers.values()
        ],
    }


def _layer(layer: Layer, less: Point | None, now: float) -> LayerFigures:
    """`less`: up to where the publisher is asked to send it; None: all."""
    receiver = layer.receiver
    return {
        "rid": layer.rid,
        "alive": layer.alive(now),
        "bitrate_bps": layer.bitrate_bps,
        "packets": receiver.received,
        "bytes": receiver.octets,
        "lost": receiver.lost,
        "fraction_lost": round(receiver.fraction_lost, 4),
        "recovered": receiver.recovered,
        "given_up": receiver.given_up,
        "jitter_ms": round(receiver.jitter / receiver.clock_hz * 1000, 2),
        "watchers": len(layer.watchers),
        "height": layer.height,
        "paused": layer.paused_until > now,
        "wanted": {"spatial": less[0] + 1, "temporal": less[1] + 1} if less is not None else None,
        "cuts": [
            {"rid": cut.rid, "bitrate_bps": cut.bitrate_bps, "height": cut.height, "watchers": len(cut.watchers)}
            for cut in (layer.scalability.cuts.values() if layer.scalability is not None else ())
        ],
        "counts": _counts(layer.counts),
    }


def _viewer(viewer: ViewerSession, now: float) -> ViewerFigures:
    transport = viewer.transport
    return {
        "session_id": viewer.session_id,
        "state": transport.state,
        "estimate_bps": viewer.estimate_bps,
        "feedback": transport.estimator.messages if transport.estimator is not None else 0,
        "pace_bps": (transport.pace.rate_bps if transport.pace is not None else 0) or None,
        "bytes_sent": transport.bytes_sent,
        "bitrate_bps": viewer.meter.read(transport.bytes_sent, now),
        "roamed": transport.ice.roamed,
        "drops": _counts(transport.drops),
        "subscriptions": [_subscription(subscription, now) for subscription in viewer.subscriptions],
    }


def _subscription(subscription: Subscription, now: float) -> SubscriptionFigures:
    forwarder = subscription.forwarder
    return {
        "kind": subscription.track.kind,
        "layer": forwarder.current.rid if forwarder.current else None,
        "switches": forwarder.switches,
        "paused": subscription.starvation.paused,
        "packets": subscription.packets,
        "bytes": subscription.octets,
        "bitrate_bps": subscription.meter.read(subscription.octets, now),
        "resent": subscription.resent,
        "fraction_lost": round(subscription.fraction_lost, 4),
        "jitter_ms": round(subscription.jitter_s * 1000, 2),
        "round_trip_ms": _ms(subscription.round_trip_s),
        "drops": _counts(subscription.drops),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def _quality(router: Router, now: float) -> dict[str, Any]:
    """All publications and viewers together: bitrates, who is on what, and how good the paths are (median and worst twentieth)."""
    incoming = [(p.publication, layer) for p in router.published.values() if p.connected for _, layer in p.publication.layers()]
    viewers = [session for session in router.sessions.values() if isinstance(session, ViewerSession)]
    videos = [s for viewer in viewers for s in viewer.subscriptions if s.track.kind == "video" and s.started]
    on: Counter[str] = Counter()
    for one in videos:
        current = one.forwarder.current
        on["paused" if one.starvation.paused else "none" if current is None else current.rid or "only"] += 1
    return {
        "in_bps": sum(layer.bitrate_bps for _, layer in incoming if layer.alive(now)),
        "out_bps": sum(viewer.meter.read(viewer.transport.bytes_sent, now) for viewer in viewers),
        "viewers_on": dict(on),
        "publishers": _spread(
            [p.publication.round_trip_s for p in router.published.values() if p.connected],
            [layer.receiver.fraction_lost for _, layer in incoming],
            [layer.receiver.jitter / layer.receiver.clock_hz for _, layer in incoming],
        ),
        "viewers": _spread([s.round_trip_s for s in videos], [s.fraction_lost for s in videos], [s.jitter_s for s in videos]),
    }


def _spread(round_trips_s: Sequence[float | None], losses: Sequence[float], jitters_s: Sequence[float]) -> dict[str, list[float]]:
    """Each as [median, 95th percentile]."""
    return {
        "round_trip_s": _quantiles([value for value in round_trips_s if value is not None]),
        "loss": _quantiles(losses),
        "jitter_s": _quantiles(jitters_s),
    }


def _quantiles(values: Sequence[float]) -> list[float]:
    if not values:
        return []
    ordered = sorted(values)
    return [round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 5) for share in (0.5, 0.95)]


def _counts(counts: dict[str, int]) -> dict[str, int]:
    return {str(name): number for name, number in counts.items()}
