"""Live progress of a bench for the person who waits."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Advance = Callable[..., None]


class Screen:
    """Stages one below the other; each shows how far it is and, as text, what was measured so far."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[said]}"),
            console=console,
        )

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    @contextlib.contextmanager
    def stage(self, name: str, total: float) -> Iterator[Advance]:
        """`advance(completed, said="")` inside; the bar is full afterwards."""
        task = self._progress.add_task(name, total=total, said="")

        def advance(completed: float, said: str = "") -> None:
            self._progress.update(task, completed=min(completed, total), said=said)

        yield advance
        self._progress.update(task, completed=total)
