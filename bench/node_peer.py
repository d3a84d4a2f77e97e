"""Node's reference Socket.IO server, to be measured by the same tool: `bench/peers/socketio`, run by the machine's Node."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from bench import processes
from bench.load import LoadFailed
from bench.serving import Server

HOME = Path(__file__).parent / "peers" / "socketio"
READY_S = 20.0


@contextlib.asynccontextmanager
async def node(cores: set[int]) -> AsyncIterator[Server]:
    """Start it, wait until it listens, stop it. Raises LoadFailed naming what is missing."""
    program = shutil.which("node")
    if program is None or not (HOME / "node_modules").exists():
        raise LoadFailed("Node's Socket.IO server is not installed: `make bench-peers` installs it")
    process = await asyncio.create_subprocess_exec(
        program, "server.js", cwd=HOME, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    processes.pin(process.pid, cores)
    try:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                url = (await process.stdout.readline()).decode().strip()
        except TimeoutError:
            url = ""
        if not url:
            raise LoadFailed("Node's Socket.IO server did not start")
        yield Server(url, [process.pid])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
