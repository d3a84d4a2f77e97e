"""What a child may still do once it has begun: by limits of the kernel (setrlimit), and by Landlock where the kernel has it."""

import ctypes
import json
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import PIL

from livecore.niceness import give_way

MEMORY_LIMIT_BYTES = 2 << 30
OPEN_FILES_LIMIT = 48
# From the signal that names the limit to the one that nothing survives.
CPU_GRACE_S = 5

EXIT_UNREADABLE = 3

# landlock(7): the same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_REG, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 8, 1 << 14
# How many rights of files each version of the interface knows.
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_NOW = 16
_TCP_BIND_CONNECT = 3


class Unreadable(Exception):
    """The file is no video that can be shown."""


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def confine(source: Path, target: Path | None, *, cpu_s: int, output_bytes: int, nice: int, cores: Sequence[int] = ()) -> bool:
    """From here on: this source may be read, this directory written, for so long and so much. Answers whether Landlock holds it."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Nobody waits for it any more when the server is gone.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    give_way(nice)
    if cores:
        os.sched_setaffinity(0, cores)
    # SIGXCPU first, so that the end by this limit is told from a kill.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + CPU_GRACE_S))
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_FSIZE, output_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES_LIMIT),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    av.logging.set_level(av.logging.PANIC)
    return _landlock(libc, source, target)


def _landlock(libc: Any, source: Path, target: Path | None) -> bool:
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    known = (1 << _RIGHTS.get(version, _RIGHTS_NOW)) - 1
    rules = _Ruleset(known, _TCP_BIND_CONNECT)
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(rules), 16 if version >= 4 else 8, 0)
    if ruleset < 0:
        return False
    # Both libraries import parts of themselves when they are first needed: code, nobody's data.
    code = (Path(av.__file__).parent, Path(PIL.__file__).parent, Path(sysconfig.get_path("stdlib")))
    allowed = [(source, _READ_FILE), *((path, _READ_FILE | _READ_DIR) for path in code)]
    if target is not None:
        allowed.append((target, _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE))
    for path, rights in allowed:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(rights & known, place)), 0)
        os.close(place)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    held: bool = libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return held


def told(done: float) -> None:
    """How far it is, for the person who waits."""
    sys.stdout.write(json.dumps({"done": round(min(1.0, max(0.0, done)), 3)}) + "\n")
    sys.stdout.flush()


def run(work: Callable[[dict[str, Any]], dict[str, Any]], *, output_bytes: int, cpu_s: int) -> None:
    """Read the order (a JSON argument: `source`, `target`, `nice`, …), do it confined, and end with a status."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    target = Path(order["target"]) if order.get("target") else None
    limits = {
        "cpu_s": order.get("cpu_s", cpu_s),
        "output_bytes": order.get("output_bytes", output_bytes),
        "nice": order["nice"],
        "cores": order.get("cores", ()),
    }
    confine(Path(order["source"]), target, **limits)
    try:
        found = work(order)
    except (Unreadable, MemoryError, OSError, av.error.FFmpegError, ValueError) as refused:
        sys.stderr.write(f"{type(refused).__name__}: {refused}\n")
        sys.exit(EXIT_UNREADABLE)
    sys.stdout.write(json.dumps({"found": found}) + "\n")
