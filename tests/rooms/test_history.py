"""Random schedules of sends, drops, reconnects and kills: no accepted message is lost, doubled or out of order."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings

from livecore.config import Settings
from tests.clocks import ShiftedClock
from tests.processes import Program
from tests.rooms.history import Accepted, Log, faults
from tests.rooms.schedule import Step, World, any_steps, by_chance, play
from tests.servers import PostgresServer, RedisServer
from tests.serving import Server

HELD = frozenset({"t"})


def test_the_checker_finds_each_kind_of_fault() -> None:
    sent = [Accepted("t", 1, "a", "ca", "d1"), Accepted("t", 2, "b", "cb", "d1")]
    attempted = {"ca", "cb", "cc"}

    def of(*kept: tuple[str, int, str, str]) -> list[str]:
        return faults(sent, attempted, [Log("d2", HELD, list(kept))])

    one, two = ("t", 1, "a", "ca"), ("t", 2, "b", "cb")
    assert of(one, two) == []
    assert of(one, two, ("t", 3, "c", "cc")) == []  # accepted, but its answer was lost
    assert any("lost" in fault for fault in of(one))
    assert any("after" in fault for fault in of(two, one))
    assert any("twice" in fault for fault in of(one, two, ("t", 3, "b", "cb")))
    assert any("another message" in fault for fault in of(one, ("t", 2, "x", "cb")))
    assert any("never sent" in fault for fault in of(one, two, ("t", 3, "z", "cz")))
    assert faults([sent[0], Accepted("t", 1, "b", "cb", "d1")], attempted, [])
    assert faults([sent[0], Accepted("t", 2, "a2", "ca", "d1")], attempted, [])


def killable(program: Program) -> World:
    async def kill() -> None:
        await program.kill()
        await program.start()

    return World([program], {"server": kill})


@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_doubled_or_out_of_order_across_kills_of_the_server(tmp_path: Path, seed: int) -> None:
    program = Program(tmp_path / "data")
    try:
        await program.start()
        await play(killable(program), by_chance(seed, 150, ["server"], 2))
    finally:
        await program.stop()


@pytest.mark.deep
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [2, *range(10, 16)])
async def test_long_histories(tmp_path: Path, seed: int) -> None:
    program = Program(tmp_path / "data")
    try:
        await program.start()
        await play(killable(program), by_chance(seed, 2000, ["server"], 12))
    finally:
        await program.stop()


async def _embedded(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory(prefix="livecore-history-") as directory:
        server = Server(Settings(data_dir=Path(directory), media_port=0, media_workers=1, rate_scale=100), ShiftedClock())
        await server.start()
        try:
            await play(World([server]), steps)
        finally:
            await server.stop()


@settings(max_examples=2)
@given(steps=any_steps(most=25))
def test_any_schedule_of_drops_and_dead_clients_keeps_the_promises(steps: list[Step]) -> None:
    asyncio.run(_embedded(steps))


@pytest.mark.deep
@pytest.mark.timeout(3600)
@settings(max_examples=150)
@given(steps=any_steps(most=120))
def test_many_schedules_of_drops_and_dead_clients_keep_the_promises(steps: list[Step]) -> None:
    asyncio.run(_embedded(steps))


def _breaking(postgres: PostgresServer, redis: RedisServer) -> dict[str, Callable[[], Awaitable[None]]]:
    async def kill_redis() -> None:
        await redis.kill()
        await asyncio.sleep(0)
        await redis.start()

    def cut() -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname LIKE 't\\_%'"
            )

    async def cut_database() -> None:
        """Every connection of the platform's processes ends, in the middle of whatever it was doing."""
        await asyncio.to_thread(cut)

    async def restart_database() -> None:
        await asyncio.to_thread(postgres.process.kill)
        await asyncio.to_thread(postgres.process.start)

    return {"redis": kill_redis, "connections": cut_database, "database": restart_database}


async def _distributed(postgres: PostgresServer, redis: RedisServer, steps: list[Step]) -> None:
    data, keys = postgres.create(), postgres.create()
    shared = {"database_url": postgres.url(data), "keys_url": postgres.url(keys), "redis_url": redis.url()}
    servers: list[Server] = []
    with tempfile.TemporaryDirectory(prefix="livecore-history-") as directory:
        try:
            for name in ("one", "two"):
                chosen = Settings(data_dir=Path(directory) / name, media_port=0, media_workers=1, rate_scale=100, **shared)
                servers.append(Server(chosen, ShiftedClock()))
                await servers[-1].start()
            await play(World(servers, _breaking(postgres, redis)), steps)
        finally:
            for server in servers:
                await server.stop()


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("what", ["redis", "connections", pytest.param("database", marks=pytest.mark.deep)])
async def test_nothing_is_lost_doubled_or_out_of_order_when_an_engine_dies(
    postgres_own: PostgresServer, own_redis: RedisServer, what: str
) -> None:
    """Two processes; the engine dies with messages under way."""
    await _distributed(postgres_own, own_redis, by_chance(7, 80, [what], 3))


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.parametrize("seed", range(20, 26))
async def test_long_histories_of_two_processes(postgres_own: PostgresServer, own_redis: RedisServer, seed: int) -> None:
    await _distributed(postgres_own, own_redis, by_chance(seed, 1500, ["redis", "connections", "database"], 12))
