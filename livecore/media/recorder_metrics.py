"""The recorder's counters for Prometheus, as the main process last heard them, and what this process gave to viewers of HLS."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from livecore.media.origin import Origin

_GAUGES = {
    "running": ("recordings", "Files being written."),
    "finishing": ("finishing", "Files that get their index and duration."),
    "waiting": ("waiting", "Files that the library has not taken yet."),
    "streams": ("hls_streams", "Publications being cut into segments."),
    "at_once": ("hls_at_once", "Publications whose parts leave at once, since somebody plays them or they have just begun."),
    "streams_failed": ("hls_streams_failed", "Streams whose disk refused."),
    "memory_bytes": ("memory_bytes", "Largest resident size."),
}
_COUNTERS = {
    "segments": ("hls_segments", "Segments finished."),
    "parts": ("hls_parts", "Parts written."),
    "segment_bytes": ("hls_bytes", "Bytes of parts written."),
    "cpu_s": ("cpu_s", "CPU seconds of the process."),
}


class RecorderCollector(Collector):
    """Args:
    stats: the recorder's answer, empty while it is away.
    """

    def __init__(self, stats: Callable[[], dict[str, Any]], origin: Origin) -> None:
        self._stats = stats
        self._origin = origin

    def collect(self) -> Iterable[Metric]:
        told = self._stats()
        if told:
            for key, (name, help_text) in _GAUGES.items():
                yield GaugeMetricFamily(f"livecore_recorder_{name}", help_text, told[key])
            for key, (name, help_text) in _COUNTERS.items():
                yield CounterMetricFamily(f"livecore_recorder_{name}", help_text, told[key])
            for key, help_text in (("drops", "What was left out or filled in, by reason."), ("ended", "Recordings that ended, by reason.")):
                named = CounterMetricFamily(f"livecore_recorder_{key}", help_text, labels=("reason",))
                for reason, count in told[key].items():
                    named.add_metric([reason], count)
                yield named
        yield GaugeMetricFamily("livecore_hls_waiting", "Requests that wait for a part.", self._origin.waiting)
        answers = CounterMetricFamily("livecore_hls_answers", "What viewers of HLS were given, by kind.", labels=("kind",))
        for kind, count in self._origin.counts.items():
            if kind != "bytes":
                answers.add_metric([kind], count)
        yield answers
        yield CounterMetricFamily("livecore_hls_bytes", "Bytes given to viewers of HLS.", self._origin.counts["bytes"])
