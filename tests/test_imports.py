"""The arrows between packages go one way: edges → services → ports; platform keeps ports; the composition wires."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "livecore"
SERVICES = {
    "accounts",
    "calls",
    "endtoend",
    "push",
    "people",
    "rooms",
    "talk",
    "viewing",
    "presence",
    "lives",
    "library",
    "feed",
    "trust",
    "privacy",
    "media",
    "insight",
}
EDGES = {"rest", "signaling"}
COMPOSITION = {"app", "parts", "live_plane", "cli", "main_process", "serve", "supervisor", "__main__"}
# What stands below everything: any package may import it, and it imports none of ours.
FOUNDATION = {"native"}
# Processes of their own speak to one another; the framing is platform's.
MAY_IMPORT_PLATFORM = {("media", "ipc"), ("media", "logs")}
# Who may name a third-party library whose details stay in one place.
LIBRARIES = {
    "socketio": {"signaling"},
    "engineio": {"signaling"},
    "aiortc": {"media/transport.py"},
    "pylibsrtp": {"media/transport.py"},
    "OpenSSL": {"media/transport.py"},
    "redis": {"platform"},
    "cffi": {"native"},
    "obstore": {"platform"},
    "aiosmtplib": {"platform"},
}
FILES = sorted(path for path in ROOT.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def package_of(path: Path) -> str:
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def test_the_tree_was_found() -> None:
    assert {package_of(path) for path in FILES} >= SERVICES | EDGES | {"platform"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_layers(path: Path) -> None:
    package = package_of(path)
    wrong = []
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] in LIBRARIES and not any(str(path.relative_to(ROOT)).startswith(place) for place in LIBRARIES[parts[0]]):
            wrong.append(name)
        if parts[0] != "livecore" or len(parts) < 2:
            continue
        other = parts[1]
        if other == package:
            continue
        if package in FOUNDATION:
            wrong.append(name)
        if package in COMPOSITION:
            continue
        if (other in COMPOSITION and not (package in EDGES | {"platform"} and _type_checking_only(path, name))) or (
            package in SERVICES and (other in (SERVICES | EDGES) - {package})
        ):
            wrong.append(name)
        elif package in SERVICES and other == "platform" and (package, parts[2] if len(parts) > 2 else "") not in MAY_IMPORT_PLATFORM:
            if len(parts) > 2:
                wrong.append(name)
        elif package == "platform" and other in SERVICES | EDGES:
            wrong.append(name)
    assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


def _type_checking_only(path: Path, name: str) -> bool:
    """Whether `name` is imported under `if TYPE_CHECKING:` alone: edges know the type of what they are handed."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom | ast.Import) and (getattr(node, "module", "") or "").startswith("livecore.app"):
            return False
    return name.startswith("livecore.app")
