"""Starts the processes of one livecore, starts those anew that die, and ends all in order.

A process that keeps dying is started again with a growing pause; chat does not notice a media worker's death,
and a worker that finds no main process finishes its recordings and ends by itself.
"""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from livecore import native
from livecore.config import Settings
from livecore.errors import ConfigError
from livecore.serve import EXIT_CANNOT_SERVE, SETTINGS_VARIABLE

log = structlog.get_logger("supervisor")

# First pause before a dead process is started again; doubled up to the limit while it keeps dying.
RESTART_PAUSE_S = 0.1
RESTART_PAUSE_LIMIT_S = 5.0
# A process that ran this long counts as well again.
HEALTHY_S = 10.0
# Beyond the drain time a child has this long to end before it is killed.
KILL_AFTER_S = 5.0
# Opening a database, migrating it and connecting takes a second or two; a slow disk, or an engine that starts beside us, more.
READY_TIMEOUT_S = 60.0


@dataclass
class Child:
    role: str
    arguments: tuple[str, ...]
    process: asyncio.subprocess.Process | None = None  # None before the first start and after the last end
    watcher: asyncio.Task[None] | None = None
    restarts: int = 0
    pids: list[int] = field(default_factory=list)


class DataDirInUse(ConfigError):
    """Another livecore runs on this data directory."""


class Supervisor:
    """`mains`: how many main processes; 0 when the caller is the main process itself (tests)."""

    def __init__(self, settings: Settings, *, mains: int | None = None, on_ready: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self.mains = settings.processes if mains is None else mains
        self.children: list[Child] = []
        self.failed = asyncio.Event()  # set when a main process cannot serve and no other runs
        self._on_ready = on_ready
        self._stopping = False
        self._lock_fd: int | None = None

    async def start(self) -> None:
        """Start every process; returns when the first main process serves. Raises ConfigError when none can."""
        self._lock(self.settings.run_dir)
        missing = native.why_missing(self.settings.native)
        if missing is not None:
            log.info("native helper left out", reason=missing, remedy="a C compiler and `make setup`; pure Python does its work")
        await self._start(Child("recorder", ("recorder",)))
        for index in range(self.settings.worker_count()):
            await self._start(Child(f"media-{index}", ("media", "--index", str(index))))
        if self.mains:
            await self._start_first_main()
        # The first has migrated the database. The others are not waited for: whatever becomes of them, one serves.
        for index in range(1, self.mains):
            await self._start(Child(f"main-{index}", ("main", "--index", str(index))))

    def _lock(self, run_dir: Path) -> None:
        run_dir.mkdir(parents=True, exist_ok=True)
        if len(str((run_dir / "recorder.sock").resolve())) > 100:
            raise ConfigError(f"data_dir: {run_dir} is too long for a Unix socket's path (107 bytes); use a shorter one")
        self._lock_fd = os.open(run_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            os.close(self._lock_fd)
            self._lock_fd = None
            raise DataDirInUse(f"another livecore runs on {self.settings.data_dir}") from exc

    async def _start_first_main(self) -> None:
        """Until it serves. One that ends before, for an engine that is not there yet say, is tried again for a while."""
        child = Child("main-0", ("main", "--index", "0"))
        self.children.append(child)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + READY_TIMEOUT_S
        pause_s = RESTART_PAUSE_S
        while not (url := await self._first_word(child, give_up - loop.time())):
            assert child.process is not None
            status = await child.process.wait()
            if self._stopping or status == EXIT_CANNOT_SERVE or loop.time() + pause_s > give_up:
                raise ConfigError("the main process could not start; its log says why")
            log.warning("process ended", role=child.role, status=status, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_PAUSE_LIMIT_S)
        child.watcher = asyncio.create_task(self._watch(child), name=f"watch {child.role}")
        if self._on_ready:
            self._on_ready(url)

    async def _first_word(self, child: Child, patience_s: float) -> str:
        """Start the process; the URL that it serves, or nothing when it ended before. Raises ConfigError when it does neither in time."""
        read_fd, write_fd = os.pipe()
        try:
            await self._spawn(child, (write_fd,), "--ready-fd", str(write_fd))
        finally:
            os.close(write_fd)
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", 0)
        )
        try:
            async with asyncio.timeout(patience_s):
                return (await reader.readline()).decode().strip()
        except TimeoutError as exc:
            raise ConfigError(f"the main process did not come up within {READY_TIMEOUT_S:.0f} s") from exc
        finally:
            transport.close()

    async def _start(self, child: Child) -> None:
        self.children.append(child)
        await self._spawn(child)
        child.watcher = asyncio.create_task(self._watch(child), name=f"watch {child.role}")

    async def _spawn(self, child: Child, pass_fds: tuple[int, ...] = (), *more: str) -> None:
        child.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "livecore",
            "process",
            *child.arguments,
            *more,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, SETTINGS_VARIABLE: self.settings.model_dump_json()},
            pass_fds=pass_fds,
            # Ctrl-C in a terminal reaches the whole group: the supervisor alone decides the order of the end.
            start_new_session=True,
        )
        child.pids.append(child.process.pid)

    async def _watch(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        pause_s = RESTART_PAUSE_S
        while True:
            assert child.process is not None
            started = loop.time()
            status = await child.process.wait()
            if self._stopping:
                return
            if status == EXIT_CANNOT_SERVE and child.role.startswith("main") and not self._other_main_runs(child):
                self.failed.set()
                return
            if loop.time() - started > HEALTHY_S:
                pause_s = RESTART_PAUSE_S
            log.warning("process ended", role=child.role, status=status, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_PAUSE_LIMIT_S)
            if self._stopping:
                return
            await self._spawn(child)
            child.restarts += 1

    def _other_main_runs(self, child: Child) -> bool:
        return any(
            other is not child and other.role.startswith("main") and other.process is not None and other.process.returncode is None
            for other in self.children
        )

    def child(self, role: str) -> Child:
        return next(child for child in self.children if child.role == role)

    async def stop(self) -> None:
        """Main processes first (they drain), then media workers, then the recorder, which has files to finish."""
        self._stopping = True
        for prefix in ("main", "media", "recorder"):
            await asyncio.gather(*(self._end(child) for child in self.children if child.role.startswith(prefix)))
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    async def _end(self, child: Child) -> None:
        process = child.process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(self.settings.drain_s + KILL_AFTER_S):
                    await process.wait()
            except TimeoutError:
                log.warning("process killed", role=child.role)
                process.kill()
                await process.wait()
        if child.watcher is not None:
            child.watcher.cancel()
            await asyncio.gather(child.watcher, return_exceptions=True)
