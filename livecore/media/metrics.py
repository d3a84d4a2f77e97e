"""The media workers' counters for Prometheus, as the main process last heard them."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livecore.media.client import MediaPlane

_GAUGES = {
    "sessions": "Publishers and viewers connected or connecting.",
    "publications": "Publications, those whose publisher is away included.",
    "recordings": "Publications being copied to the recorder.",
    "memory_bytes": "Largest resident size.",
}
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
        for name, help_text in (("drops", "Packets not acted on, by reason."), ("acts", "What was asked of publishers.")):
            named = CounterMetricFamily(f"livecore_media_{name}", help_text, labels=("worker", "reason" if name == "drops" else "act"))
            for index, counters in told.items():
                for reason, count in counters[name].items():
                    named.add_metric([str(index), reason], count)
            yield named
