"""The worker's connection to the recorder process: kept up, back-pressure told, what the recorder asks handed on."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from livecore.platform import ipc

# The recorder restarts in under a second; a recording loses what comes meanwhile.
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0
# A recorder that writes to a slow disk is behind by less than the connection's backlog limit of some seconds.
FLUSH_S = 3.0

log = structlog.get_logger(__name__)


class RecorderLink:
    """Args:
    role: this worker's name towards the recorder.
    on_ready: called each time the recorder can be spoken to.
    on_message: called for each frame from it.
    """

    def __init__(self, path: Path, role: str, on_ready: Callable[[], None], on_message: Callable[[dict[str, Any]], None]) -> None:
        self._path = path
        self._role = role
        self._on_ready = on_ready
        self._on_message = on_message
        self._connection: ipc.Connection | None = None  # None while the recorder is not there
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep_up())

    async def close(self) -> None:
        """What was sent before is still delivered, unless the recorder takes longer than `FLUSH_S` to read it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            self._connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_S):
                    await self._closed.wait()

    def send(self, message: dict[str, Any]) -> bool:
        """False when the recorder is not there, or so far behind that the frame was dropped."""
        return self._connection is not None and self._connection.send(message)

    async def _keep_up(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            closed = self._closed = asyncio.Event()
            connection: ipc.Connection | None = None
            try:
                connection = await ipc.connect(self._path, functools.partial(self._make, closed))
            except ipc.IpcError:
                await asyncio.sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
                continue
            retry_s = FIRST_RETRY_S
            self._connection = connection
            self._on_ready()
            await closed.wait()
            self._connection = None
            log.warning("recorder_gone")

    def _make(self, closed: asyncio.Event) -> ipc.Connection:
        return ipc.Connection(
            self._role,
            lambda _connection, message: self._on_message(message),
            on_closed=lambda _connection: closed.set(),
        )
