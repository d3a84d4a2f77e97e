"""Two main processes behind one port, with a cache before them or without: whoever is asked, the parts come at once as long as somebody plays."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import aiohttp
import psutil
import pytest

from tests.conftest import StartProgram
from tests.flows.broadcast import Broadcast
from tests.flows.test_main_processes import TRIES, held, serving
from tests.front import Front, documented
from tests.hls.player import Player
from tests.hls.test_beginning import newest_s
from tests.hls.test_watching import opened
from tests.processes import Program
from tests.serving import Answer

# Three target durations of two seconds, with segments of one: so long somebody who asked counts as playing.
LINGER_S = 6.0
PART_S = 0.224


class OneConnection:
    """Speaks HTTP over one connection that is kept, so to one process."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def call(self, method: str, path: str, *, params: dict[str, str] | None = None, **_none: Any) -> Answer:
        async with self._http.request(method, path, params=params) as response:
            return Answer(response.status, response.headers.copy(), await response.read())


@asynccontextmanager
async def only(server: Program, process: psutil.Process) -> AsyncIterator[OneConnection]:
    """The kernel chooses a process for each connection, so connect until it is this one."""
    for _ in range(TRIES):
        before = held(server, process)
        async with aiohttp.ClientSession(server.url, connector=aiohttp.TCPConnector(limit=1)) as http:
            connection = OneConnection(http)
            await connection.call("GET", "/healthz")
            if held(server, process) - before:
                yield connection
                return
    raise AssertionError(f"no connection reached {process.pid} in {TRIES} tries")


async def at_once(server: Program) -> float:
    """How many lives' parts leave at once, as the recorder tells each main process."""
    shown = (await server.call("GET", "/metrics")).body.decode()
    return float(re.findall(r"^livecore_recorder_hls_at_once (\S+)$", shown, re.MULTILINE)[0])


async def plays_on(server: Program, player: Player) -> None:
    """Longer than a live without players would go on to send its parts at once, each comes by itself."""
    known = await player.playlist()
    until_s, leaps = asyncio.get_running_loop().time() + LINGER_S + 1.0, []
    while asyncio.get_running_loop().time() < until_s:
        fresh = await player.after(known)
        leaps.append(newest_s(fresh) - newest_s(known))
        known = fresh
    assert len(leaps) > LINGER_S / PART_S / 2
    assert median(leaps) < 1.5 * PART_S, leaps
    assert await at_once(server) == 1


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("cached", [True, pytest.param(False, marks=pytest.mark.deep)])
async def test_07_parts_come_at_once_as_long_as_anybody_asks_either_process(
    distributed: dict[str, str], program: StartProgram, front: Front, cached: bool
) -> None:
    server = await program(processes=2, hls_segment_s=1, media_counters_s=0.05, **distributed)
    both = [await serving(server, index) for index in (0, 1)]
    anna, ben = await server.person("anna"), await server.person("ben")
    broadcast = await Broadcast(anna, codec="h264", record=False).start()
    try:
        player = await opened(ben, broadcast)
        if cached:
            path, _, locations = documented("HLS behind a cache").partition("\n\n")
            url = await front.start(server.url, locations, beside=path.replace("/var/cache/nginx/hls", f"{front.root}/cache"))
            async with aiohttp.ClientSession(url) as http:
                # Two players, and one request sent on for both.
                player.viewer.server = OneConnection(http)  # type: ignore[assignment]
                other = await player.playlist()
                await asyncio.gather(plays_on(server, player), player.after(other))
        else:
            for process in both:
                async with only(server, process) as connection:
                    player.viewer.server = connection  # type: ignore[assignment]
                    await plays_on(server, player)
    finally:
        await broadcast.end()
