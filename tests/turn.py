"""A real TURN server for tests: coturn from the distribution."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.waiting import until

COTURN = shutil.which("turnserver")
TURN_SECRET = "north of the border"


@asynccontextmanager
async def turn_server(directory: Path) -> AsyncIterator[int]:
    """coturn on the loopback, as docs/operations.md sets it up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    assert COTURN
    process = await asyncio.create_subprocess_exec(
        COTURN, "-n", "--use-auth-secret", f"--static-auth-secret={TURN_SECRET}", "--realm=livecore", "--listening-ip=127.0.0.1",
        "--relay-ip=127.0.0.1", f"--listening-port={port}", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--no-cli",
        "--log-file=stdout", f"--pidfile={directory / 'turn.pid'}", f"--userdb={directory / 'turn.db'}",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:

        def listens() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                return sock.connect_ex(("127.0.0.1", port)) == 0

        await until(listens, "coturn")
        yield port
    finally:
        process.terminate()
        await process.wait()
