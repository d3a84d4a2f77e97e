"""Each engine's part of `/readyz`."""

import asyncio

import aiohttp
import pytest

from livecore.errors import Unavailable
from livecore.platform.readiness import check_all
from tests.conftest import StartServer
from tests.servers import PostgresServer, RedisServer
from tests.serving import Server
from tests.waiting import until


async def test_a_part_that_raises_or_hangs_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.readiness.PATIENCE_S", 0.05)

    async def well() -> None: ...

    async def away() -> None:
        raise Unavailable

    async def hanging() -> None:
        await asyncio.Event().wait()

    assert await check_all({"a": well, "b": away, "c": hanging}) == {"a": True, "b": False, "c": False}


async def readyz(server: Server) -> tuple[int, dict[str, bool]]:
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/readyz") as answer:
        body = await answer.json()
        assert body["ready"] == all(body["parts"].values())
        return answer.status, body["parts"]


async def test_a_server_that_drains_takes_nobody_new(server: Server) -> None:
    await server.app.drain()
    status, parts = await readyz(server)
    assert (status, parts["accepting"]) == (503, False)


async def test_a_server_with_its_embedded_engines_is_ready(server: Server) -> None:
    assert await readyz(server) == (200, {"database": True, "keys": True, "bus": True, "storage": True, "accepting": True})


@pytest.mark.redis
async def test_a_server_without_its_redis_says_so_and_recovers(own_redis: RedisServer, start_server: StartServer) -> None:
    server = await start_server(redis_url=own_redis.url())
    assert (await readyz(server))[0] == 200
    await own_redis.kill()
    assert await readyz(server) == (503, {"database": True, "keys": True, "bus": False, "storage": True, "accepting": True})
    await own_redis.start()

    async def ready() -> bool:
        return (await readyz(server))[0] == 200

    await until(ready, "the server to be ready again")


@pytest.mark.postgres
async def test_a_server_without_its_postgres_says_so_and_recovers(postgres_own: PostgresServer, start_server: StartServer) -> None:
    server = await start_server(database_url=postgres_own.url(postgres_own.create()), keys_url=postgres_own.url(postgres_own.create()))
    assert (await readyz(server))[0] == 200
    await asyncio.to_thread(postgres_own.process.kill)
    assert await readyz(server) == (503, {"database": False, "keys": False, "bus": True, "storage": True, "accepting": True})
    await asyncio.to_thread(postgres_own.process.start)

    async def ready() -> bool:
        return (await readyz(server))[0] == 200

    await until(ready, "the server to be ready again")
