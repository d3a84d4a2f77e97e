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


def test_no_two_files_give_one_text() -> None:
    """They are put into one object, where the second would silence the first."""
    named: list[str] = []
    for path in sorted((DEMO / "i18n" / "en").glob("*.js")):
        named += re.findall(r"^export const (\w+)", path.read_text(), re.MULTILINE)
    assert len(named) > 40
    assert len(set(named)) == len(named)


# What each kind of notice carries; no word about who acted.
NOTICES = {
    "call_missed": {"username": "ben", "video": False},
    "comment": {"video": "1", "comment": "2"},
    "comment_like": {"video": "1", "comment": "2"},
    "export_ready": {"export": "1"},
    "like": {"video": "1"},
    "live": {"live": "1"},
    "mention": {"post": "1"},
    "new_sign_in": {"device": "Firefox"},
    "policy_updated": {"policy": "privacy", "effective": "2030-01-01"},
    "replay_expires": {"video": "1", "title": "Sunday"},
    "reply": {"video": "1", "comment": "2"},
    "restored": {"target": {"kind": "video"}},
    "suspended": {"reason": "It went on", "until": None},
    "takedown": {"target": {"kind": "video"}, "ground": "claim"},
    "warning": {"reason": "Be kind"},
}
SAY = """
import { en } from "%s";
const out = {};
for (const [kind, data] of Object.entries(%s)) out[kind] = en.notices.kinds[kind] ? [en.notices.kinds[kind].title, en.notices.kinds[kind].text(data)] : null;
console.log(JSON.stringify(out));
"""


def test_every_kind_of_notice_has_words_of_its_own() -> None:
    if shutil.which("node") is None:
        pytest.skip("no node: apt-get install nodejs")
    script = SAY % ((DEMO / "i18n" / "en.js").as_uri(), json.dumps(NOTICES))
    ran = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    said = json.loads(ran.stdout)
    assert all(words and all(words) and "undefined" not in "".join(words) for words in said.values()), said
    # And whatever the server tells is in that table.
    sources = "".join(path.read_text() for path in (DEMO.parents[1] / "livecore").rglob("*.py"))
    told = set(re.findall(r"notify\(\s*conn,\s*[\w.]+,\s*\"(\w+)\"", sources))
    assert told
    assert told <= NOTICES.keys()
