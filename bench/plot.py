"""A report's picture: throughput and latency of each point, as PNG, without a display."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.ticker import EngFormatter

from bench.report import Report, value_of

_BLUE, _LIGHT, _DARK = "#2563eb", "#93c5fd", "#1e3a8a"
# What fits below a bar where there are some eight of them.
NAME_LETTERS = 12
_COLOURS = (_LIGHT, _BLUE, _DARK)


def draw(
    report: Report,
    path: Path,
    *,
    label: str,
    bars: tuple[str, str],
    lines: list[tuple[str, str]],
    unit: str = "ms",
    over_time: tuple[str, str] | None = None,
) -> None:
    """Bars for one figure of each point; below them lines for its latencies, or a line over time for each point.

    Args:
        label: the key by which points are named along the axis.
        bars: (key, heading) of the figure that counts.
        lines: (key, legend) of each latency.
        over_time: (key, heading) of each point's list of (seconds, value).
    """
    names = [textwrap.fill(str(value_of(result, label)), NAME_LETTERS) for result in report.results]
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
        if over_time is not None:
            _draw_over_time(lower, report, label, *over_time)
        else:
            _draw_lines(lower, report, lines, unit)
            lower.set_xticks(places, names)
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


def _draw_lines(axes: Any, report: Report, lines: list[tuple[str, str]], unit: str) -> None:
    for (key, legend), colour in zip(lines, _COLOURS, strict=False):
        values: list[Any] = [value_of(result, key) for result in report.results]
        axes.plot(range(len(values)), [float("nan") if value is None else value for value in values], "o-", color=colour, label=legend)
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    if lines:
        axes.legend(frameon=False)


def _draw_over_time(axes: Any, report: Report, label: str, key: str, heading: str) -> None:
    for place, result in enumerate(report.results):
        looks = value_of(result, key) or []
        axes.plot([at for at, _ in looks], [value for _, value in looks], color=f"C{place}", label=value_of(result, label))
    axes.set_xlabel("seconds")
    axes.set_ylabel(heading)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
