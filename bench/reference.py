"""The tables of the documents, made from the declarations themselves: `python -m bench.reference` writes them.

docs/rest.md, docs/events.md and docs/decisions/README.md are whole; in docs/operations.md what stands between `<!-- made: NAME -->` and `<!-- end -->` is. A test says when
they are out of date, and names this command.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from livecore import config
from livecore.config import Settings
from livecore.rest import ROUTES
from livecore.signaling.asyncapi import SERVER_EVENTS
from livecore.signaling.gateway import EVENTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
COMMAND = "python -m bench.reference"
_MADE = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WHO = {
    "account": "an account",
    "joining": "an account, also unconfirmed",
    "any": "an account, also unconfirmed",
    "optional": "anybody",
    "none": "anybody",
}


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; pipes in cells are escaped, line breaks become spaces."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(headings), line(["---"] * len(headings)), *map(line, rows)]) + "\n"


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        shown = "" if field.default in ("", None) else f"`{field.default}`"
        rows.append((f"`{name}`", str(extra.get("unit", "")), shown, field.description or ""))
    return table(("setting", "unit", "default", "why"), rows)


def rates() -> str:
    rows = [(f"`{rule}`", str(rate.count), f"{rate.window_s} s", rate.reason) for rule, rate in config.RATES.items()]
    return table(("rule", "requests", "window", "against"), rows)


def metric_calls() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """(name as scraped, kind, labels, meaning) of each metric that the source makes, in the order of the files."""
    for path in sorted((ROOT / "livecore").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            kind = node.func.attr
            texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant) and isinstance(argument.value, str)]
            if kind not in ("counter", "gauge", "histogram") or len(texts) != 2:
                continue
            labels = ast.literal_eval(node.args[2]) if len(node.args) > 2 else ()
            yield f"livecore_{texts[0]}{'_total' if kind == 'counter' else ''}", kind, tuple(labels), texts[1]


def metrics() -> str:
    rows = [(f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), text) for name, kind, labels, text in metric_calls()]
    return table(("metric", "kind", "labels", "meaning"), sorted(dict.fromkeys(rows)))


def command_lines() -> list[tuple[str, str]]:
    """(words, what it does) of each command that a person may give."""
    from livecore.cli import cli

    def walk(command: Any, words: str) -> Iterator[tuple[str, str]]:
        if command.hidden:
            return
        children = getattr(command, "commands", None)
        if children is None:
            yield words, (command.help or "").strip().partition("\n")[0]
            return
        for name, child in children.items():
            yield from walk(child, f"{words} {name}")

    return list(walk(typer.main.get_command(cli), "livecore"))


def commands() -> str:
    return table(("command", "what it does"), [(f"`{words}`", text) for words, text in command_lines()])


def _who(auth: str) -> str:
    if auth.startswith("staff:"):
        return "staff: " + auth.removeprefix("staff:").replace("|", ", ")
    return _WHO[auth]


def rest() -> str:
    parts = [
        "# REST\n",
        f"Every route, made from the routes' own declarations (`{COMMAND}`); `/openapi.json` has the models and `/docs` shows them. "
        "What holds for all of them (tokens, cursors, idempotency, problem answers) is in [protocol.md](protocol.md).\n",
    ]
    for group in ROUTES:
        shown = [route for route in group.all if not route.hidden]
        if not shown:
            continue
        rows = [(f"`{route.method}`", f"`{route.path}`", _who(route.auth), route.summary) for route in shown]
        parts += [f"## {group.tag}\n", table(("method", "path", "who", "what"), rows)]
    return "\n".join(parts)


def _fields(model: type[BaseModel]) -> str:
    """`{one, other?}`: what is sent; a question mark where it may be left out."""
    called = [(field.alias or name, field.is_required()) for name, field in model.model_fields.items()]
    names = [name if is_required else f"{name}?" for name, is_required in called]
    return f"`{{{', '.join(names)}}}`" if names else ""


def events() -> str:
    asked = [(f"`{event.name}`", _fields(event.model), _fields(event.answer), event.summary) for event in EVENTS.values()]
    told = [(f"`{name}`", _fields(model), text) for name, (model, text) in SERVER_EVENTS.items()]
    return "\n".join(
        [
            "# Socket.IO events\n",
            f"Made from the events' own declarations (`{COMMAND}`); `/asyncapi.json` has the types of all fields. What holds between them "
            "(order, cursors, receipts) is in [protocol.md](protocol.md).\n",
            "## From the client\n",
            "Each is acknowledged: `{ok: true, data}` with what stands under *answer* as `data`, or `{ok: false, error}`.\n",
            table(("event", "data", "answer", "what"), asked),
            "## From the server\n",
            table(("event", "data", "what"), told),
        ]
    )


def decisions() -> str:
    parts = ["# Decisions\n\nWhat was decided, why, and what it costs.\n"]
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        title = path.read_text().splitlines()[0].lstrip("# ").strip()
        parts.append(f"- [{title}]({path.name})")
    return "\n".join(parts) + "\n"


SECTIONS = {"settings": settings, "rates": rates, "metrics": metrics, "commands": commands}


def with_sections(text: str) -> str:
    """A document with its made sections as they should be now. Raises KeyError for a name that is not made here."""

    def made(match: re.Match[str]) -> str:
        return f"{match[1]}{SECTIONS[match[2]]()}{match[3]}"

    return _MADE.sub(made, text)


def documents() -> dict[Path, str]:
    """Each document that is made in whole or in part, and what it should hold now."""
    operations = DOCS / "operations.md"
    whole = {DOCS / "rest.md": rest(), DOCS / "events.md": events(), DOCS / "decisions" / "README.md": decisions()}
    return {**whole, operations: with_sections(operations.read_text())}


def main(_arguments: list[Any]) -> int:
    for path, text in documents().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"written: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
