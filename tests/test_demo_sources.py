"""Every module of the demo can be parsed, and names only modules that are there."""

import json
import posixpath
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "clients" / "web-demo"
MODULES = sorted(path for path in DEMO.rglob("*.js") if "node_modules" not in path.parts)
SHEETS = sorted(path for path in DEMO.rglob("*.css") if "node_modules" not in path.parts)
_PARSE = """
const vm = require("node:vm"), fs = require("node:fs");
const bad = [];
for (const name of JSON.parse(fs.readFileSync(0))) {
  try { new vm.SourceTextModule(fs.readFileSync(name, "utf8"), { identifier: name }); } catch (error) { bad.push(error.stack.split("\\n").slice(0, 3).join(" ")); }
}
console.log(JSON.stringify(bad));
"""
_IMPORT = re.compile(r"""(?:\bfrom|\bimport\()\s*["'](\.[^"']+)["']""")


def test_every_module_is_javascript() -> None:
    if shutil.which("node") is None:
        pytest.skip("no node: apt-get install nodejs")
    names = json.dumps([str(path) for path in MODULES])
    command = ["node", "--no-warnings", "--experimental-vm-modules", "-e", _PARSE]
    ran = subprocess.run(command, input=names, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(DEMO)))
def test_what_a_module_imports_is_there(path: Path) -> None:
    inside = path.relative_to(DEMO).parent.as_posix()
    named = [posixpath.normpath(posixpath.join(inside, one)) for one in _IMPORT.findall(path.read_text())]
    assert not [one for one in named if not (DEMO / one).is_file()]


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_every_sheet_has_its_brackets(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    assert text.count("{") == text.count("}")
    assert not re.search(r"^(<<<<<<<|=======|>>>>>>>)", text, re.MULTILINE)


def test_a_class_is_laid_out_in_one_sheet() -> None:
    """Two pages that give one name to different things lay each other out."""
    where: dict[str, set[str]] = {}
    for sheet in SHEETS:
        text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
        for name in re.findall(r"^\.([\w-]+)\s*[,{]\s*$", text, re.MULTILINE):
            where.setdefault(name, set()).add(sheet.name)
    assert {name: sheets for name, sheets in where.items() if len(sheets) > 1} == {}
