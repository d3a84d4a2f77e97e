"""The helper is built where a compiler is, left out with one line where none is, and never loaded from another version."""

import subprocess
from pathlib import Path

import pytest

from livecore.native import build, library


def test_it_builds_and_loads(tmp_path: Path) -> None:
    made = tmp_path / "helper.so"
    build.build(made)
    assert library.load("auto", made) is not None
    assert library.why_missing("auto", made) is None
    assert library.load("off", made) is None


def test_without_a_compiler_it_is_left_out_with_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert build.main() == 0
    said = capsys.readouterr().out
    assert said == "The native helper is left out (no C compiler): pure Python does its work.\n"


def test_compiler_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "helper.so"
    made.write_bytes(b"before")
    monkeypatch.setenv("CC", "false")
    with pytest.raises(build.BuildFailed):
        build.build(made)
    assert made.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [made]


def test_what_is_no_helper_or_of_another_version_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.why_missing("auto", tmp_path / "none.so") == "it was not built"
    (tmp_path / "noise.so").write_bytes(b"noise")
    assert library.load("auto", tmp_path / "noise.so") is None
    made = tmp_path / "old.so"
    with monkeypatch.context() as patched:
        patched.setattr(build, "digest", lambda: "0" * 16)
        build.build(made)
    assert library.why_missing("auto", made) == "it was built from other sources"


def test_make_builds_a_helper_that_is_not_there_whatever_was_made_before(tmp_path: Path) -> None:
    """The file itself is what make looks at: a mark beside it said "built" where nothing was."""
    root = Path(__file__).parents[2]
    (tmp_path / "Makefile").write_bytes((root / "Makefile").read_bytes())
    sources = tmp_path / "livecore" / "native"
    sources.mkdir(parents=True)
    for source in (*build.SOURCES, Path(build.__file__)):
        (sources / source.name).write_bytes(source.read_bytes())
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()

    def would_do() -> str:
        return subprocess.run(["make", "-n", "livecore/native/helper.so"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "build.py" in would_do()
    (sources / "helper.so").touch()
    assert "build.py" not in would_do()
