"""`python -m livecore.native.build`: compile the helper beside its source. Without a compiler: one line, and status 0.

No network, no headers but the C library's and the kernel's. The digest of the source is compiled in, so that a helper of
another version is never loaded.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = tuple(HERE / name for name in ("helper.h", "fanout.c", "forward.c", "estimate.c", "receive.c"))
OUTPUT = HERE / "helper.so"
# A compiler that hangs (a full disk behind a network mount) must not hold up an installation.
TIMEOUT_S = 120


class BuildFailed(Exception):
    """The reason in one line."""


def digest() -> str:
    """Of the sources, as the helper says it."""
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in SOURCES)).hexdigest()[:16]


def compiler() -> list[str] | None:
    """`$CC` with its flags, else cc, gcc or clang; None when there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        found = shutil.which(command[0])
        if found:
            return [found, *command[1:]]
    return None


def build(output: Path = OUTPUT) -> None:
    """Compile into `output`, which is replaced in one step. Raises BuildFailed."""
    if not sys.platform.startswith("linux"):
        raise BuildFailed("it uses Linux system calls")
    command = compiler()
    if command is None:
        raise BuildFailed("no C compiler")
    try:
        with tempfile.TemporaryDirectory(dir=output.parent) as directory:
            made = Path(directory) / output.name
            flags = ["-std=gnu11", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra", f'-DLC_DIGEST="{digest()}"']
            sources = [str(source) for source in SOURCES if source.suffix == ".c"]
            done = subprocess.run([*command, *flags, "-o", str(made), *sources, "-lm"], capture_output=True, text=True, timeout=TIMEOUT_S)
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                raise BuildFailed(next((line for line in lines if "error" in line), f"{command[0]} ended with {done.returncode}"))
            made.replace(output)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise BuildFailed(str(exc)) from exc


def main() -> int:
    try:
        build()
    except BuildFailed as exc:
        sys.stdout.write(f"The native helper is left out ({exc}): pure Python does its work.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
