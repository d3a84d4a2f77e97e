"""What the kernel says of a server's processes: CPU seconds and resident memory of a whole tree, and which cores it may use."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Usage:
    """Of one process: its role in the tree, CPU seconds (its own and of children that ended), resident bytes."""

    role: str
    cpu_s: float
    rss_bytes: int


@dataclass
class Sample:
    """A tree at one moment, by process id."""

    processes: dict[int, Usage] = field(default_factory=dict)

    def cpu_s(self, role: str = "") -> float:
        """CPU seconds of all processes, or of those whose role starts with `role`."""
        return sum(usage.cpu_s for usage in self.processes.values() if usage.role.startswith(role))

    def rss_bytes(self, role: str = "") -> int:
        return sum(usage.rss_bytes for usage in self.processes.values() if usage.role.startswith(role))

    def cpu_by_role(self, before: "Sample") -> dict[str, float]:
        """CPU seconds since `before`, by role; a process that started since counts whole."""
        spent: dict[str, float] = {}
        for pid, usage in self.processes.items():
            earlier = before.processes.get(pid)
            spent[usage.role] = spent.get(usage.role, 0.0) + usage.cpu_s - (earlier.cpu_s if earlier else 0.0)
        return {role: round(cpu_s, 3) for role, cpu_s in sorted(spent.items())}


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (the second, the name, may hold spaces); None when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return None


def _role(pid: int) -> str:
    """`main`, `media-0`, `recorder` … for livecore's own processes, else the program's name."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if "process" in words:
        role = words[words.index("process") + 1]
        return f"{role}-{words[words.index('--index') + 1]}" if "--index" in words else role
    return "supervisor" if "serve" in words else Path(words[0]).name or "kernel"


def tree(root: int) -> list[int]:
    """The process and all that descend from it, as they are now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, ahead = [], [root]
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children.get(pid, [])
    return found


def cpu_clock_s(pid: int) -> float:
    """CPU seconds of one process and all its threads, to the nanosecond where `sample` knows hundredths (Linux's clock of a process)."""
    return time.clock_gettime(~pid << 3 | 2)


def sample(roots: Iterable[int]) -> Sample:
    """CPU and memory of every process below `roots`; those that ended meanwhile are left out."""
    taken = Sample()
    for root in roots:
        for pid in tree(root):
            fields = _stat(pid)
            if fields is None:
                continue
            cpu_s = sum(int(fields[index]) for index in (11, 12, 13, 14)) / _TICKS
            taken.processes[pid] = Usage(_role(pid), cpu_s, int(fields[21]) * _PAGE_BYTES)
    return taken


def environment() -> dict[str, str]:
    """For a child that is started with `python -c`: it finds these packages where this process found them; no settings of livecore's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIVECORE_")}
    path = [str(Path(__file__).parents[1]), kept.get("PYTHONPATH", "")]
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def split_cores() -> tuple[set[int], set[int]]:
    """(server's, load's): the last core or the upper half of them for the load; the same set twice on a single core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        return set(cores), set(cores)
    middle = (len(cores) + 1) // 2
    return set(cores[:middle]), set(cores[middle:])


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process (0: this one) on these cores, where the system can; what it starts later stays there too."""
    if cores and hasattr(os, "sched_setaffinity"):
        for task in _threads(pid or os.getpid()):
            try:
                os.sched_setaffinity(task, cores)
            except ProcessLookupError:
                continue


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Keep this process on these cores for as long as the block lasts."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()
    pin(0, cores)
    try:
        yield
    finally:
        pin(0, before)


def _threads(pid: int) -> list[int]:
    try:
        return [int(entry.name) for entry in (PROC / str(pid) / "task").iterdir()]
    except OSError:
        return [pid]
