"""Processes that put the load on a server, so that what is measured and what measures do not share a core.

The bench tells a load process what to do, one JSON object a line, one at a time; the process answers with progress and then
with the result, and ends when its standard input does.

    → {"do": "connect", "arguments": {…}}      ← {"progress": {…}} …      ← {"done": {…}}  or  {"failed": "why"}
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
import uvloop

from bench import processes

Progress = Callable[[dict[str, Any]], None]
Handler = Callable[[dict[str, Any], Progress], Awaitable[dict[str, Any]]]

# A job names every token of its connections: ten thousand of them are some 2 MB.
LINE_LIMIT_BYTES = 64 << 20
STOP_S = 5.0


class LoadFailed(RuntimeError):
    """The load could not be put on; says why, for the person who asked for it."""


class LoadProcess:
    """The bench's side of one load process.

    Args:
        role: a module of this package that has `handlers()`.
        cores: which it may run on; empty leaves that to the system.
    """

    def __init__(self, role: str, cores: set[int]) -> None:
        self.role = role
        self._cores = cores
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            f"from bench.load import main; main({self.role!r})",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            env=processes.environment(),
            start_new_session=True,
        )
        processes.pin(self._process.pid, self._cores)

    async def do(self, command: str, arguments: Mapping[str, Any], timeout_s: float, progress: Progress | None = None) -> dict[str, Any]:
        """Raises LoadFailed when it cannot be done, or not in time."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                self._process.stdin.write(orjson.dumps({"do": command, "arguments": dict(arguments)}) + b"\n")
                await self._process.stdin.drain()
                while line := await self._process.stdout.readline():
                    said = orjson.loads(line)
                    if "progress" in said:
                        if progress is not None:
                            progress(said["progress"])
                    elif "failed" in said:
                        raise LoadFailed(said["failed"])
                    else:
                        done: dict[str, Any] = said["done"]
                        return done
        except TimeoutError as exc:
            raise LoadFailed(f"{self.role}: {command} did not end within {timeout_s:.0f} s") from exc
        except OSError as exc:
            raise LoadFailed(f"{self.role}: the load process is gone ({exc.strerror})") from exc
        raise LoadFailed(f"{self.role}: the load process ended during {command}")

    async def close(self) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def load_processes(role: str, count: int, cores: set[int]) -> Any:
    """`count` processes of a role, each on a core of its own as far as there are any."""
    each = sorted(cores)
    started: list[LoadProcess] = []
    try:
        for index in range(count):
            process = LoadProcess(role, {each[index % len(each)]} if each else set())
            await process.start()
            started.append(process)
        yield started
    finally:
        await asyncio.gather(*(process.close() for process in started))


async def do_all(
    loads: Sequence[LoadProcess],
    command: str,
    arguments: Sequence[Mapping[str, Any]],
    timeout_s: float,
    progress: Callable[[int, dict[str, Any]], None] | None = None,
) -> list[dict[str, Any]]:
    """The same command to each, at once; `progress` is told which process speaks."""

    def told(index: int) -> Progress | None:
        return None if progress is None else lambda said: progress(index, said)

    return await asyncio.gather(
        *(load.do(command, given, timeout_s, told(index)) for index, (load, given) in enumerate(zip(loads, arguments, strict=True)))
    )


def share(total: int, among: int) -> list[int]:
    """`total` in `among` parts that differ by one at most."""
    return [total // among + (index < total % among) for index in range(among)]


async def _serve(handlers: Mapping[str, Handler]) -> None:
    reader = asyncio.StreamReader(limit=LINE_LIMIT_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    # What the code prints by mistake must not come between the lines.
    out = os.fdopen(os.dup(1), "wb", 0)
    os.dup2(2, 1)

    def say(message: dict[str, Any]) -> None:
        out.write(orjson.dumps(message) + b"\n")

    while line := await reader.readline():
        job = json.loads(line)
        try:
            say({"done": await handlers[job["do"]](job["arguments"], lambda told: say({"progress": told}))})
        except (LoadFailed, OSError, TimeoutError) as exc:
            say({"failed": str(exc) or type(exc).__name__})


def main(role: str) -> None:
    # Millions of small objects come and go by reference counts alone; a collection finds nothing and delays what is timed.
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    handlers: dict[str, Handler] = importlib.import_module(f"bench.{role}").handlers()
    uvloop.run(_serve(handlers))
