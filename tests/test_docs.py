"""The documents name what there is: settings, rates, routes, events, commands, metrics, decisions; and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from bench import reference
from livecore import config
from livecore.config import Settings
from livecore.rest import ROUTES
from livecore.signaling.asyncapi import SERVER_EVENTS
from livecore.signaling.gateway import EVENTS
from tests.serving import Server

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MARKDOWN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def everything_said() -> str:
    return "\n".join(path.read_text() for path in MARKDOWN)


@pytest.mark.parametrize("path", list(reference.documents()), ids=lambda path: str(path.relative_to(DOCS)))
def test_made_tables_are_up_to_date(path: Path) -> None:
    made = reference.documents()[path]
    assert path.exists(), f"make it: .venv/bin/{reference.COMMAND}"
    assert path.read_text() == made, f"{path.relative_to(ROOT)} is out of date; make it anew: .venv/bin/{reference.COMMAND}"


def test_every_setting_stands_with_unit_default_and_reason() -> None:
    lines = {line.split("|")[1].strip(): line for line in text_of("operations.md").splitlines() if line.startswith("| `")}
    for name, field in Settings.model_fields.items():
        assert field.description, f"{name} has no reason"
        extra = field.json_schema_extra
        assert isinstance(extra, dict), f"{name} has no unit"
        row = lines[f"`{name}`"]
        assert str(extra["unit"]) in row
        assert field.description.replace("|", "\\|") in row
        if field.default not in ("", None):
            assert f"`{field.default}`".replace("|", "\\|") in row


def test_every_rate_stands_with_its_attack() -> None:
    for rule, rate in config.RATES.items():
        assert rate.reason, f"{rule} has no reason"
        assert f"| `{rule}` | {rate.count} | {rate.window_s} s | {rate.reason} |" in text_of("operations.md")


def test_every_route_of_the_published_description_is_listed(server: Server) -> None:
    said = text_of("rest.md")
    paths = server.app.openapi()["paths"]
    assert sum(len(group.all) for group in ROUTES) >= len(paths) > 30
    for path, operations in paths.items():
        for method in operations:
            assert re.search(rf"\| `{method.upper()}` \| `{_loosely(path)}` \|", said), f"{method.upper()} {path}"


def _loosely(path: str) -> str:
    """A declared path may narrow a part (`{version:[0-9]+}`), which the published one does not show."""
    return re.sub(r"\\{(\w+)\\}", r"\\{\1(?::[^`]*)?\\}", re.escape(path))


async def test_every_event_of_the_published_description_is_listed(server: Server) -> None:
    answer = await server.call("GET", "/asyncapi.json")
    assert answer.status == 200
    names = {message["name"] for message in answer.json["components"]["messages"].values()}
    assert {"message:send", "message:new", "live:say", "sync", "typing", "notice"} <= names
    for name in names:
        assert f"| `{name}` |" in text_of("events.md"), name


def test_fields_stand_as_they_are_called_on_the_wire() -> None:
    asked, told = text_of("events.md").split("## From the server")
    cells = [(asked, event.name, 2, event.model) for event in EVENTS.values()]
    cells += [(asked, event.name, 3, event.answer) for event in EVENTS.values()]
    cells += [(told, name, 2, model) for name, (model, _) in SERVER_EVENTS.items()]
    for text, name, column, model in cells:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        shown = row.split("|")[column].strip(" `{}")
        wire = model.model_json_schema(by_alias=True).get("properties", {})
        assert [field.rstrip("?") for field in shown.split(", ") if field] == list(wire), name


def test_every_command_and_metric_is_named() -> None:
    said = text_of("operations.md")
    commands = [words for words, _ in reference.command_lines()]
    assert {"livecore serve", "livecore config", "livecore migrate", "livecore admin grant", "livecore bench chat"} <= set(commands)
    for words in commands:
        assert f"`{words}`" in said, words
    names = [name for name, _, _, _ in reference.metric_calls()]
    assert "livecore_request_seconds" in names
    for name in names:
        assert f"`{name}`" in said, name


def test_every_decision_is_listed() -> None:
    decisions = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    assert decisions
    for path in decisions:
        assert f"({path.name})" in text_of("decisions/README.md"), path.name


def test_the_readme_names_the_two_commands() -> None:
    said = (ROOT / "README.md").read_text()
    for command in ("make run", "make test"):
        assert command in said
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"\bmake ([a-z-]+)", everything_said()):
        assert target in targets, f"make {target} is no target of the Makefile"


@pytest.mark.parametrize(
    "name", ["architecture.md", "protocol.md", "rtcp.md", "operations.md", "capacity.md", "privacy.md", "rest.md", "events.md"]
)
def test_what_a_reader_looks_for_is_there(name: str) -> None:
    assert len(text_of(name)) > 500


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    text = _FENCE.sub("", path.read_text())
    broken = []
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists() or (anchor and linked.suffix == ".md" and anchor not in _anchors(linked)):
            broken.append(target)
    assert not broken, f"{path.relative_to(ROOT)} links to {broken}"


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
