"""Measure how loud a film is by EBU R128: `{"source", "nice"}`. Nothing is changed: players may level by it."""

import math
from pathlib import Path
from typing import Any

import av

from livecore.library.work.opening import duration_of, opened
from livecore.library.work.sandbox import run, told

CPU_LIMIT_S = 1800


def _number(said: dict[str, str], name: str) -> float | None:
    value = float(said.get(name, "nan"))
    return round(value, 2) if math.isfinite(value) else None


def measure(order: dict[str, Any]) -> dict[str, Any]:
    with opened(Path(order["source"])) as container:
        if not container.streams.audio:
            return {}
        stream = container.streams.audio[0]
        duration_s = duration_of(container)
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        said: dict[str, str] = {}
        peak, shown = 0.0, 0.0
        for frame in container.decode(stream):
            graph.push(frame)
            said, peak = _drained(graph, said, peak)
            if duration_s and frame.time and frame.time / duration_s > shown + 0.05:
                shown = frame.time / duration_s
                told(shown)
        return {
            "integrated_lufs": _number(said, "lavfi.r128.I"),
            "range_lu": _number(said, "lavfi.r128.LRA"),
            "true_peak_dbfs": round(20 * math.log10(peak), 2) if peak > 0 else None,
        }


def _drained(graph: Any, said: dict[str, str], peak: float) -> tuple[dict[str, str], float]:
    """Take what the meter has ready; it says its sums with each piece."""
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, av.error.EOFError):
            return said, peak
        said = dict(frame.metadata) or said
        peak = max(peak, float(said.get("lavfi.r128.true_peak", 0)))


if __name__ == "__main__":
    run(measure, output_bytes=0, cpu_s=CPU_LIMIT_S)
