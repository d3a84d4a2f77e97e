"""What tests stand on: a whole livecore in process on a real port, people who use it, and throwaway servers.

`server` is one application with a temporary data directory, SQLite and the embedded defaults; requests go over
real HTTP. Tests that kill processes use `livecore serve` through `tests.processes`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from livecore.config import Settings
from tests.clocks import ShiftedClock
from tests.front import Front
from tests.people import Person
from tests.processes import Program
from tests.serving import Server

pytest_plugins = ["tests.servers"]

# Short and the same each time; the deep profile looks further, anew each time.
settings.register_profile("short", derandomize=True, max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("short")

StartServer = Callable[..., Awaitable[Server]]
StartProgram = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start_server(tmp_path: Path) -> AsyncIterator[StartServer]:
    """Start a server with settings of one's own: `await start_server(devices_per_account=2, clock=FakeClock())`.

    `media=True` starts a media worker and a recorder beside it.
    """
    running: list[Server] = []

    async def start(*, clock: Any = None, data_dir: Path | None = None, media: bool = False, **settings: Any) -> Server:
        # Children of the lowest priority would wait for other tests.
        chosen = {"media_port": 0, "media_workers": 1, "rate_scale": 100.0, "log_level": "debug", "transcode_nice": 0} | settings
        directory = data_dir or tmp_path / f"data{len(running)}"
        server = Server(Settings(data_dir=directory, **chosen), clock=clock or ShiftedClock(), media=media)
        running.append(server)
        await server.start()
        return server

    yield start
    for server in reversed(running):
        await server.stop()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """The stock nginx, to be put in front of a server: `await front.start(server.url, locations)`."""
    made = Front(tmp_path / "nginx")
    yield made
    made.stop()


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    return await start_server()


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[StartProgram]:
    """Start `livecore serve` as a process: `serving = await program(devices_per_account=2)`."""
    running: list[Program] = []

    async def start(*, data_dir: Path | None = None, **settings: Any) -> Program:
        serving = Program(data_dir or tmp_path / f"program{len(running)}", **settings)
        running.append(serving)
        await serving.start()
        return serving

    yield start
    for serving in running:
        await serving.stop()


@pytest.fixture
def person(server: Server) -> Callable[..., Awaitable[Person]]:
    """Sign somebody up and confirm phone and mail: `anna = await person("anna")`."""
    return server.person
