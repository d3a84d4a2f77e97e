"""A report's picture: throughput and latency of each point, as PNG, without a display."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.ticker import EngFormatter

from bench.report import Report, value_of

_BLUE, _LIGHT, _DARK = "#2563eb", "#93c5fd", "#1e3a8a"


def draw(report: Report, path: Path, *, label: str, bars: tuple[str, str], lines: list[tuple[str, str]], unit: str = "ms") -> None:
    """Bars for one figure of each point, lines for its latencies on a second picture below.

    Args:
        label: the key by which points are named along the axis.
        bars: (key, heading) of the figure that counts.
        lines: (key, legend) of each latency.
    """
    names = [str(value_of(result, label)) for result in report.results]
    places = list(range(len(names)))
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(8, 7), height_ratios=(3, 2), layout="constrained")
    try:
        heights = [value_of(result, bars[0]) or 0 for result in report.results]
        drawn = upper.bar(places, heights, color=_BLUE, width=0.6)
        upper.bar_label(drawn, labels=[f"{height:,.0f}" for height in heights], padding=3)
        upper.set_title(f"livecore bench {report.bench}: {bars[1]}", loc="left", fontweight="bold")
        upper.yaxis.set_major_formatter(EngFormatter())
        upper.set_xticks(places, names)
        upper.margins(y=0.15)
        for (key, legend), colour in zip(lines, (_LIGHT, _BLUE, _DARK), strict=False):
            values: list[Any] = [value_of(result, key) for result in report.results]
            lower.plot(places, [float("nan") if value is None else value for value in values], "o-", color=colour, label=legend)
        lower.set_ylabel(unit)
        lower.set_ylim(bottom=0)
        lower.set_xticks(places, names)
        lower.legend(frameon=False)
        for axes in (upper, lower):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", alpha=0.25)
        facts = report.machine
        figure.supxlabel(
            f"{facts['processor']}, {facts['cores']} cores · {facts['kernel']} · Python {facts['python']} · {report.date}", fontsize=8
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    finally:
        pyplot.close(figure)
