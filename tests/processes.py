"""A `livecore serve` of its own: the program as an operator starts it, to be killed and started again."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests import switching
from tests.people import Person
from tests.serving import Answer, Server
from tests.waiting import until

START_TIMEOUT_S = 60.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Program(Server):
    """`start`, `kill` (the whole tree, SIGKILL), `stop` (SIGTERM, drains), `child("main-0")`; speaks HTTP like `Server`.

    The port and the data directory stay the same over restarts.
    """

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"{'http' if settings.get('tls', 'off') == 'off' else 'https'}://127.0.0.1:{self.port}"
        self.environment = {
            "LIVECORE_DATA_DIR": str(data_dir),
            "LIVECORE_PORT": str(self.port),
            "LIVECORE_MEDIA_PORT": "0",
            "LIVECORE_MEDIA_WORKERS": "1",
            "LIVECORE_RATE_SCALE": "100",
            "LIVECORE_TRANSCODE_NICE": "0",
            "LIVECORE_LOG_FORMAT": "json",
            "LIVECORE_DRAIN_S": "5",
        } | {f"LIVECORE_{name.upper()}": str(value) for name, value in settings.items()}
        self.process: asyncio.subprocess.Process | None = None
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self._http: aiohttp.ClientSession | None = None
        self._people = 0

    @property
    def outbox(self) -> Path:
        return self.data_dir / "outbox.jsonl"

    def _environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVECORE_")} | self.environment
        if switching.VARIABLE in os.environ:
            paths = (str(switching.IN_PROCESSES), str(switching.IN_PROCESSES.parent.parent))
            environment |= {switching.VARIABLE: os.environ[switching.VARIABLE], "PYTHONPATH": os.pathsep.join(paths)}
        return environment

    async def start(self) -> None:
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "livecore", "serve", stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )
        if self._http is None:
            # The certificate of `--tls auto` is nobody's: tests that look at it bring a context of their own.
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=not self.url.startswith("https")))
        await until(self._serves, "livecore serve to answer", START_TIMEOUT_S)

    async def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.returncode is None, f"livecore serve ended: {self.log()[-2000:]}"
        try:
            answer: Answer = await self.call("GET", "/readyz")
        except aiohttp.ClientError:
            return False
        return answer.status == 200

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def tree(self) -> list[psutil.Process]:
        """The supervisor and all its processes."""
        assert self.process is not None
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def child(self, *words: str) -> psutil.Process:
        """The process with these words in its command line: `child("media", "--index", "0")`, `child("recorder")`, `child("main")`."""
        for process in self.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                line = process.cmdline()
                if "process" in line and line[line.index("process") + 1 :][: len(words)] == list(words):
                    return process
        raise AssertionError(f"no process {' '.join(words)}")

    async def kill(self) -> None:
        """SIGKILL for everything at once, as a power cut would."""
        assert self.process is not None
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            tree = self.tree()
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 30)
            finally:
                for process in tree:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def person(self, username: str | None = None, *, verify: bool = True, staff: str | None = None, **fields: Any) -> Person:
        person = await super().person(username, verify=verify, staff=None, **fields)
        if staff:
            await self.admin("grant", person.username, staff)
            await person.sign_in()
        return person

    async def admin(self, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVECORE_")} | self.environment
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "livecore",
            "admin",
            *arguments,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await command.communicate()
        assert command.returncode == 0, output.decode()


class Standing(Program):
    """A program that outlasts the tests that use it, each in an event loop of its own: `start` and `stop` are a
    test's, `launch` and `end` are for all of them.

    Its people stay: each test brings names of its own.
    """

    def launch(self) -> None:
        with self.log_path.open("ab") as log:
            command = [sys.executable, "-m", "livecore", "serve"]
            self._standing = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment(), start_new_session=True)

    async def start(self) -> None:
        self._http = aiohttp.ClientSession()
        await until(self._serves, "livecore serve to answer", START_TIMEOUT_S)

    async def _serves(self) -> bool:
        assert self._standing.poll() is None, f"livecore serve ended: {self.log()[-2000:]}"
        try:
            answer: Answer = await self.call("GET", "/readyz")
        except aiohttp.ClientError:
            return False
        return answer.status == 200

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    def end(self) -> None:
        parent = psutil.Process(self._standing.pid)
        tree = parent.children(recursive=True)
        self._standing.terminate()
        try:
            self._standing.wait(30)
        finally:
            for process in [parent, *tree]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
