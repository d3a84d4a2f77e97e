"""What the commands of the bench share: their options, and measuring, showing and keeping what one found."""

import asyncio
import functools
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Console

if TYPE_CHECKING:
    from bench.report import Column, Report
    from bench.screen import Screen

bench = typer.Typer(help="Measure a server on this machine: live progress, a table, JSON and a plot.", no_args_is_help=True)

# Runs are bounded in every direction: a load without an end is a mistake.
SECONDS_LIMIT = 600.0
POINTS_LIMIT = 16

JsonPath = Annotated[Path | None, typer.Option("--json", help="write the report there as JSON")]
PlotPath = Annotated[Path | None, typer.Option("--plot", help="draw the report there as PNG")]
Seconds = Annotated[float, typer.Option(min=0.2, max=SECONDS_LIMIT, help="how long each point is measured [s]")]
Url = Annotated[str, typer.Option(help="a server that already runs on this machine; empty starts a livecore of the bench's own")]
Pid = Annotated[int, typer.Option(min=0, help="with --url: the server's process, whose tree's CPU and memory are counted")]
DataDir = Annotated[Path | None, typer.Option(help="with --url to a livecore: its data directory, where codes of new accounts are found")]
Native = Annotated[str, typer.Option(help="auto or off: the native helper of a livecore that is started")]
Loads = Annotated[int, typer.Option(min=1, max=64, help="processes that put the load on")]
Pin = Annotated[bool, typer.Option(help="server and load on cores of their own, where there are two")]


class Shown(Protocol):
    """A bench's module: how its report is shown."""

    COLUMNS: "list[Column]"
    PLOT: dict[str, Any]


@dataclass(frozen=True)
class Measurement:
    """What a command asks for, once its options are read."""

    run: Callable[["Screen"], Awaitable["Report"]]
    shown: Shown


def measured(name: str) -> Callable[[Callable[..., Measurement]], Callable[..., None]]:
    """A command that reads its options; what it returns is measured, shown, and written where `--json` and `--plot` say."""

    def made(command: Callable[..., Measurement]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(*, json: Path | None = None, plot: Path | None = None, **chosen: Any) -> None:
            _needed()
            _measure(command(**chosen), json, plot)

        outputs = {"json": JsonPath, "plot": PlotPath}
        parameters = [
            *inspect.signature(command).parameters.values(),
            *(inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind) for key, kind in outputs.items()),
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        bench.command(name)(run)
        return run

    return made


def numbers(text: str, low: float, high: float, what: str) -> list[float]:
    """A comma-separated list, each within its bounds. Raises typer.BadParameter."""
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as exc:
        raise typer.BadParameter(f"{what}: numbers with commas between them") from exc
    if not found or len(found) > POINTS_LIMIT or not all(low <= number <= high for number in found):
        raise typer.BadParameter(f"{what}: 1 to {POINTS_LIMIT} numbers from {low:g} to {high:g}")
    return found


def _needed() -> None:
    try:
        importlib.import_module("matplotlib")
    except ImportError as exc:
        Console(stderr=True).print("[red]matplotlib is not installed.[/] The bench needs the extra: pip install 'livecore\\[bench]'")
        raise typer.Exit(2) from exc
    if not sys.platform.startswith("linux"):
        Console(stderr=True).print("[red]The bench reads CPU times from /proc, which only Linux has.[/]")
        raise typer.Exit(2)


def _measure(measurement: Measurement, json_path: Path | None, plot_path: Path | None) -> None:
    """Run one bench, show its table, write what was asked for; what cannot be measured ends with one line and status 1."""
    from bench import plot as plotting
    from bench.load import LoadFailed
    from bench.loopback import NotLoopback
    from bench.screen import Screen

    console = Console(stderr=True)

    async def run() -> "Report":
        with Screen(console) as screen:
            return await measurement.run(screen)

    try:
        report = asyncio.run(run())
    except (LoadFailed, NotLoopback) as exc:
        console.print(f"[red]{exc}[/]", highlight=False)
        raise typer.Exit(1) from exc
    report.show(Console(), measurement.shown.COLUMNS)
    if json_path is not None:
        report.write(json_path)
        console.print(f"[dim]Report: {json_path}[/]")
    if plot_path is not None:
        plotting.draw(report, plot_path, **measurement.shown.PLOT)
        console.print(f"[dim]Plot: {plot_path}[/]")


def with_chromium(module: str) -> Any:
    """The module of a bench that needs a browser. Raises typer.BadParameter."""
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise typer.BadParameter("--glass needs playwright: pip install 'livecore[dev]'") from exc


def check_native(native: str) -> None:
    """Raises typer.BadParameter."""
    if native not in ("auto", "off"):
        raise typer.BadParameter("native: auto or off")
