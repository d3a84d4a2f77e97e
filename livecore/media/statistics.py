"""What a host, or an operator, is told of a live's media: plain maps of numbers, and drops by their names."""

import resource
import time
from typing import Any

from livecore.media import layers
from livecore.media.demux import Demultiplexer
from livecore.media.drops import Drop
from livecore.media.endpoint import Endpoint
from livecore.media.publication import Track
from livecore.media.router import Router
from livecore.media.sessions import ViewerSession
from livecore.media.source import Layer
from livecore.media.subscription import Subscription
from livecore.media.tcp import TcpEndpoint

_DROPS = frozenset(Drop)


def of_live(router: Router, live_id: str, now: float) -> dict[str, Any]:
    """`publications`: id → what comes in and who watches. Empty when this worker has nothing of the live."""
    return {
        "publications": {
            publication_id: {
                "connected": published.connected,
                "tracks": [_track(track, now) for track in published.publication.tracks.values()],
                "drops": _counts(published.publication.counts),
                "transport_drops": _counts(published.session.transport.drops) if published.session else {},
                "viewers": [_viewer(viewer) for viewer in published.viewers.values()],
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


def of_worker(router: Router, demux: Demultiplexer, endpoint: Endpoint, tcp: TcpEndpoint | None = None) -> dict[str, Any]:
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
        "drops": {str(name): count for name, count in totals.items() if name in _DROPS},
        "acts": {str(name): count for name, count in totals.items() if name not in _DROPS},
    }


def _track(track: Track, now: float) -> dict[str, Any]:
    return {
        "kind": track.kind,
        "codec": track.codec.name,
        "layers": [_layer(layer, now) for layer in track.layers.values()],
    }


def _layer(layer: Layer, now: float) -> dict[str, Any]:
    receiver = layer.receiver
    return {
        "rid": layer.rid,
        "alive": layer.alive(now),
        "bitrate_bps": layer.bitrate_bps,
        "packets": receiver.received,
        "bytes": receiver.octets,
        "lost": receiver.lost,
        "recovered": receiver.recovered,
        "given_up": receiver.given_up,
        "jitter_ms": round(receiver.jitter / receiver.clock_hz * 1000, 2),
        "watchers": len(layer.watchers),
        "height": layer.height,
        "paused": layer.paused_until > now,
        "cuts": [
            {"rid": cut.rid, "bitrate_bps": cut.bitrate_bps, "height": cut.height, "watchers": len(cut.watchers)}
            for cut in (layer.scalability.cuts.values() if layer.scalability is not None else ())
        ],
        "counts": _counts(layer.counts),
    }


def _viewer(viewer: ViewerSession) -> dict[str, Any]:
    transport = viewer.transport
    return {
        "session_id": viewer.session_id,
        "state": transport.state,
        "estimate_bps": viewer.estimate_bps,
        "bytes_sent": transport.bytes_sent,
        "roamed": transport.ice.roamed,
        "drops": _counts(transport.drops),
        "subscriptions": [_subscription(subscription) for subscription in viewer.subscriptions],
    }


def _subscription(subscription: Subscription) -> dict[str, Any]:
    forwarder = subscription.forwarder
    round_trip_s = subscription.round_trip_s
    return {
        "kind": subscription.track.kind,
        "layer": forwarder.current.rid if forwarder.current else None,
        "switches": forwarder.switches,
        "paused": subscription.starvation.paused,
        "packets": subscription.packets,
        "bytes": subscription.octets,
        "resent": subscription.resent,
        "fraction_lost": round(subscription.fraction_lost, 4),
        "jitter_ms": round(subscription.jitter_s * 1000, 2),
        "round_trip_ms": None if round_trip_s is None else round(round_trip_s * 1000, 1),
        "drops": _counts(subscription.drops),
    }


def _counts(counts: dict[str, int]) -> dict[str, int]:
    return {str(name): number for name, number in counts.items()}
