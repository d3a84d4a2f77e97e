"""What a bench found: a table for the person, JSON for the record."""

import json
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import date as today
from bench.machine import facts

# (key in a result, heading, digits after the point). A dotted key looks into a nested result.
Column = tuple[str, str, int]


@dataclass
class Report:
    """`results`: one a measured point, in order. `notes`: what must be known to read them."""

    bench: str
    parameters: dict[str, Any]
    results: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=facts)
    date: str = field(default_factory=today)

    def document(self) -> dict[str, Any]:
        return {
            "bench": self.bench,
            "date": self.date,
            "command": "livecore bench " + shlex.join(sys.argv[2:] if sys.argv[1:2] == ["bench"] else sys.argv[1:]),
            "machine": self.machine,
            "parameters": self.parameters,
            "results": self.results,
            "notes": self.notes,
        }

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.document(), indent=2) + "\n")

    def show(self, console: Console, columns: list[Column]) -> None:
        table = Table(title=f"{self.bench} · {self.machine['processor']}, {self.machine['cores']} cores · {self.date}", show_header=False)
        for key, heading, digits in columns:
            found = [value_of(result, key) for result in self.results]
            if any(value is not None for value in found):
                table.add_row(f"[bold]{heading}[/]", *(_text(value, digits) for value in found))
        for column in table.columns[1:]:
            column.justify = "right"
        console.print(table)
        for note in self.notes:
            console.print(f"[dim]{note}[/]")


def value_of(result: dict[str, Any], key: str) -> Any:
    found: Any = result
    for part in key.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _text(value: Any, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,.{digits}f}"


def ratio(count: float, cost: float, digits: int = 1) -> float | None:
    """None where the cost was too small to be measured."""
    return round(count / cost, digits) if cost > 0 else None
