"""A real media worker in a process of its own, and the main process's side of it, for tests."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.rtcpeer import RtcPeer
from livecore.media.client import MediaPlane
from livecore.media.control import MediaEvent
from livecore.media.settings import WorkerSettings

_ENTRY = """
import json, sys
from pathlib import Path
from livecore.media.settings import WorkerSettings
from livecore.media.worker import run
given = json.loads(sys.argv[1])
given["socket_path"] = Path(given["socket_path"])
given["recorder_socket"] = given["recorder_socket"] and Path(given["recorder_socket"])
given["advertised_hosts"] = tuple(given["advertised_hosts"])
sys.exit(run(WorkerSettings(**given)))
"""


class RealClock:
    def now(self) -> float:
        return time.monotonic()

    def at_ms(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass
class MediaProcess:
    plane: MediaPlane
    settings: WorkerSettings
    process: subprocess.Popen[bytes]
    events: list[MediaEvent] = field(default_factory=list)
    peers: list[RtcPeer] = field(default_factory=list)  # closed with the process

    def peer(self, **options: Any) -> RtcPeer:
        self.peers.append(RtcPeer(**options))
        return self.peers[-1]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def restart(self) -> None:
        """Start the process anew, as a supervisor does."""
        self.process = start_process(self.settings)


def start_process(settings: WorkerSettings) -> subprocess.Popen[bytes]:
    given = {**asdict(settings), "socket_path": str(settings.socket_path)}
    given["recorder_socket"] = str(settings.recorder_socket) if settings.recorder_socket else None
    return subprocess.Popen(
        [sys.executable, "-c", _ENTRY, json.dumps(given)], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    )


@contextlib.asynccontextmanager
async def media_process(directory: Path, **settings: Any) -> AsyncIterator[MediaProcess]:
    """A worker on a free UDP port of the loopback, and a plane connected to it."""
    told = WorkerSettings(
        **{
            "index": 0,
            "socket_path": directory / "media-0.sock",
            "udp_host": "127.0.0.1",
            "counters_s": 0.2,
            "native": os.environ.get("LIVECORE_TEST_NATIVE", "auto"),
            **settings,
        }
    )
    process = start_process(told)
    plane = MediaPlane([told.socket_path], RealClock())
    media = MediaProcess(plane, told, process)
    plane.on_event = media.events.append
    await plane.start()
    try:
        await plane.ready()
        yield media
    finally:
        for peer in media.peers:
            peer.close(notify=False)
        await plane.close()
        if media.process.poll() is None:
            media.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(media.process.wait, 5)
            except subprocess.TimeoutExpired:
                media.process.kill()
                await asyncio.to_thread(media.process.wait)
