"""The media workers' counters for Prometheus, as the main process last heard them."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livecore.media.client import MediaPlane

_GAUGES = {
    "sessions": "Publishers and viewers connected or connecting.",
    "publications": "Publications, those whose publisher is away included.",
    "recordings": "Publications being copied to the recorder.",
    "memory_bytes": "Largest resident size.",
}
# What is told of all publications and viewers together; quantiles of what each last reported.
_BITRATES = {"in_bps": "Bits a second from publishers.", "out_bps": "Bits a second to viewers."}
_SPREADS = {
    "round_trip_s": ("round_trip_seconds", "Round trip of RTCP."),
    "loss": ("loss_ratio", "Share of packets lost, as last reported."),
    "jitter_s": ("jitter_seconds", "Jitter between arrivals (RFC 3550)."),
}
_QUANTILES = ("0.5", "0.95")
_COUNTERS = {
    "datagrams_received": "Datagrams read from the worker's port.",
    "datagrams_sent": "Datagrams given to the kernel.",
    "datagrams_held": "Datagrams that had to wait for room in the kernel's send buffer.",
    "cpu_s": "CPU seconds of the process.",
}


class MediaCollector(Collector):
    """Register it with a registry. A worker that is away has no figures."""

    def __init__(self, plane: MediaPlane) -> None:
        self._plane = plane

    def collect(self) -> Iterable[Metric]:
        told = self._plane.counters
        for name, help_text in _GAUGES.items():
            gauge = GaugeMetricFamily(f"livecore_media_{name}", help_text, labels=("worker",))
            for index, counters in told.items():
                gauge.add_metric([str(index)], counters[name])
            yield gauge
        for name, help_text in _COUNTERS.items():
            counter = CounterMetricFamily(f"livecore_media_{name}", help_text, labels=("worker",))
            for index, counters in told.items():
                counter.add_metric([str(index)], counters[name])
            yield counter
        yield from self._quality(told)
        for name, help_text in (("drops", "Packets not acted on, by reason."), ("acts", "What was asked of publishers.")):
            named = CounterMetricFamily(f"livecore_media_{name}", help_text, labels=("worker", "reason" if name == "drops" else "act"))
            for index, counters in told.items():
                for reason, count in counters[name].items():
                    named.add_metric([str(index), reason], count)
            yield named

    def _quality(self, told: Mapping[int, Mapping[str, Any]]) -> Iterable[Metric]:
        qualities = {index: counters["quality"] for index, counters in told.items()}
        shed = GaugeMetricFamily("livecore_media_shed_layers", "Best layers left out for load.", labels=("worker",))
        for index, counters in told.items():
            shed.add_metric([str(index)], counters["shed_layers"])
        yield shed
        for name, help_text in _BITRATES.items():
            gauge = GaugeMetricFamily(f"livecore_media_{name}", help_text, labels=("worker",))
            for index, quality in qualities.items():
                gauge.add_metric([str(index)], quality[name])
            yield gauge
        on = GaugeMetricFamily("livecore_media_viewers_on", "Viewers by the layer they are sent.", labels=("worker", "layer"))
        for index, quality in qualities.items():
            for layer, count in quality["viewers_on"].items():
                on.add_metric([str(index), layer], count)
        yield on
        for name, (metric, help_text) in _SPREADS.items():
            gauge = GaugeMetricFamily(f"livecore_media_{metric}", help_text, labels=("worker", "side", "quantile"))
            for index, quality in qualities.items():
                for side in ("publishers", "viewers"):
                    for quantile, value in zip(_QUANTILES, quality[side][name], strict=False):
                        gauge.add_metric([str(index), side, quantile], value)
            yield gauge
