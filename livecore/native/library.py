"""Finds and loads the built helper, if it is there and of this version."""

import functools
import re
from pathlib import Path
from typing import Any

import cffi

from livecore.native.build import HERE, OUTPUT, digest

# auto: used where it was built. off: pure Python, also where it was.
MODES = ("auto", "off")


class Library:
    """`ffi`, `lib`: cffi's, with the functions of helper.h. The interpreter lock is released within each call."""

    def __init__(self, ffi: Any, lib: Any) -> None:
        self.ffi = ffi
        self.lib = lib


def _declarations() -> str:
    text = (HERE / "helper.h").read_text()
    found = re.search(r"/\* cffi: begin \*/(.*)/\* cffi: end \*/", text, re.DOTALL)
    assert found is not None
    return found.group(1)


@functools.cache
def _open(path: Path) -> Library | str:
    """The helper, or why there is none. Once a process: the same file is not read twice."""
    if not path.exists():
        return "it was not built"
    ffi = cffi.FFI()
    ffi.cdef(_declarations())
    try:
        lib = ffi.dlopen(str(path))
        built = ffi.string(lib.lc_digest()).decode()
    except (OSError, AttributeError) as exc:
        return f"it cannot be loaded: {exc}"
    if built != digest():
        return "it was built from other sources"
    return Library(ffi, lib)


def load(mode: str = "auto", path: Path = OUTPUT) -> Library | None:
    """The helper; None when it is off, was not built, or is of another version."""
    if mode == "off":
        return None
    found = _open(path)
    return found if isinstance(found, Library) else None


def why_missing(mode: str = "auto", path: Path = OUTPUT) -> str | None:
    """Why `load` gives none although it may; None when it gives one, or is off by choice."""
    if mode == "off":
        return None
    found = _open(path)
    return found if isinstance(found, str) else None
