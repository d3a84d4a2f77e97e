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
# Figures below this are told with a digit after the point.
SMALL = 10
# Beside a bar so many times as long one cannot be seen.
FAR_APART = 50
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
    is_alone = not lines and over_time is None
    rows = 1 if is_alone else 2
    figure, parts = pyplot.subplots(rows, 1, figsize=(8, 7), height_ratios=(3, 2)[:rows], layout="constrained", squeeze=False)
    upper, *below = parts[:, 0]
    try:
        upper.set_title(f"livecore bench {report.bench}: {bars[1]}", loc="left", fontweight="bold")
        if is_alone:
            _draw_rows(upper, report, label, bars[0])
        else:
            names = [textwrap.fill(str(value_of(result, label)), NAME_LETTERS) for result in report.results]
            _draw_bars(upper, report, names, bars[0])
        for axes in below:
            if over_time is not None:
                _draw_over_time(axes, report, label, *over_time)
            else:
                _draw_lines(axes, report, lines, unit)
                axes.set_xticks(range(len(names)), names)
        for axes in (upper, *below):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="x" if is_alone else "y", alpha=0.25)
        facts = report.machine
        figure.supxlabel(
            f"{facts['processor']}, {facts['cores']} cores · {facts['kernel']} · Python {facts['python']} · {report.date}", fontsize=8
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    finally:
        pyplot.close(figure)


def _draw_bars(axes: Any, report: Report, names: list[str], key: str) -> None:
    heights = [value_of(result, key) or 0 for result in report.results]
    drawn = axes.bar(range(len(names)), heights, color=_BLUE, width=0.6)
    axes.bar_label(drawn, labels=[f"{height:,.0f}" for height in heights], padding=3)
    axes.yaxis.set_major_formatter(EngFormatter())
    axes.set_xticks(range(len(names)), names)
    axes.margins(y=0.15)


def _draw_rows(axes: Any, report: Report, label: str, key: str) -> None:
    """Bars alone lie, so that long names have room; by powers of ten where they lie far apart."""
    lengths = [value_of(result, key) or 0 for result in report.results]
    drawn = axes.barh(range(len(lengths)), lengths, color=_BLUE, height=0.6)
    axes.bar_label(drawn, labels=[f"{length:,.0f}" if length >= SMALL else f"{length:.1f}" for length in lengths], padding=3)
    axes.set_yticks(range(len(lengths)), [str(value_of(result, label)) for result in report.results])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    if min(lengths, default=0) > 0 and max(lengths) > FAR_APART * min(lengths):
        axes.set_xscale("log")


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
