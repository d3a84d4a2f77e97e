"""The words of the interface: each that a module uses is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "clients" / "web-demo"
FLATTEN = """
import { en } from "%s";
const out = {};
const walk = (value, path) => {
  out[path] = Array.isArray(value) ? "list" : typeof value;
  if (value && typeof value === "object" && !Array.isArray(value)) for (const [k, v] of Object.entries(value)) walk(v, path ? path + "." + k : k);
};
walk(en, "");
console.log(JSON.stringify(out));
"""


def test_every_text_that_a_module_uses_exists() -> None:
    if shutil.which("node") is None:
        pytest.skip("no node: apt-get install nodejs")
    script = FLATTEN % (DEMO / "i18n" / "en.js").as_uri()
    ran = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    known = json.loads(ran.stdout)
    missing = []
    for module in DEMO.rglob("*.js"):
        if "node_modules" in module.parts or "i18n" in module.parts:
            continue
        for used in re.findall(r"\bt\.([a-zA-Z]\w*(?:\.[a-zA-Z]\w*)*)", module.read_text()):
            parts = used.split(".")
            paths = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
            # What follows a sentence or a list is a method of it.
            is_text = any(known.get(path) in ("string", "function", "list") for path in paths)
            if not is_text and known.get(used) != "object":
                missing.append(f"{module.relative_to(DEMO)}: t.{used}")
    assert not missing
