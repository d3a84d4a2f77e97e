"""Several main processes under one supervisor: one that dies takes nothing with it, one that cannot start yet is tried again."""

import asyncio
import signal
import socket
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartProgram
from tests.people import Listener, Person
from tests.processes import Program
from tests.rooms.talk import bodies, direct, hears, say, synced
from tests.servers import RedisServer
from tests.waiting import until

TRIES = 60


def main(server: Program, index: int) -> psutil.Process:
    return server.child("main", "--index", str(index))


def there(server: Program, index: int) -> psutil.Process | None:
    try:
        return main(server, index)
    except AssertionError:  # not started yet
        return None


async def serving(server: Program, index: int, *, instead_of: psutil.Process | None = None) -> psutil.Process:
    """The main process of that index once it listens."""

    def found() -> psutil.Process | None:
        try:
            process = main(server, index)
            listens = any(c.status == psutil.CONN_LISTEN and c.laddr.port == server.port for c in process.net_connections("tcp"))
        except (AssertionError, psutil.Error):  # it is being started
            return None
        return process if listens and process != instead_of else None

    return await until(found, f"main-{index} to serve", 60)


def held(server: Program, process: psutil.Process) -> set[int]:
    """Client ports of the connections that the process serves."""
    return {c.raddr.port for c in process.net_connections("tcp") if c.raddr and c.laddr.port == server.port}


async def connect_to(server: Program, person: Person, process: psutil.Process) -> Listener:
    """A stock client on that process: the kernel chooses one for each connection, so connect until it is the one."""
    for _ in range(TRIES):
        before = held(server, process)
        listener = await person.connect()
        name = listener.client.eio.ws._response.connection.transport.get_extra_info("sockname")
        if name[1] in held(server, process) - before:
            return listener
        await listener.close()
    raise AssertionError(f"no connection reached {process.pid} in {TRIES} tries")


@pytest.mark.postgres
@pytest.mark.redis
async def test_one_of_two_main_processes_killed_loses_and_doubles_nothing(distributed: dict[str, str], program: StartProgram) -> None:
    server = await program(processes=2, **distributed)
    first = await serving(server, 0)
    # One that is killed while it starts is started again, and the one that serves goes on.
    starting = await until(partial(there, server, 1), "main-1 to be started")
    starting.send_signal(signal.SIGKILL)
    second = await serving(server, 1, instead_of=starting)
    assert (await serving(server, 0)).pid == first.pid
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    talk = await direct(anna, ben)
    a, b = await connect_to(server, anna, first), await connect_to(server, ben, second)
    b_here = await connect_to(server, ben, first)
    for number in range(10):
        await say(a, talk, f"{number}")
    await until(lambda: all(len(bodies(one.heard("message:new"))) >= 10 for one in (b, b_here)), "all messages on both processes")
    expected = [f"{number}" for number in range(10)]
    assert bodies(b.heard("message:new")) == bodies(b_here.heard("message:new")) == expected
    seen = await synced(b, talk)
    b.client.reconnection, b.client.reconnection_delay = True, 0.1  # the stock client's own way back
    lost = b.client.eio.sid

    second.send_signal(signal.SIGKILL)
    await until(lambda: b.client.eio.sid != lost, "its client to notice")
    await say(a, talk, "while away")
    await until(lambda: b.connected, "its client to be back")
    await say(a, talk, "after")
    await until(lambda: "after" in bodies(b.heard("message:new")), "what is said after it is back")
    missed = await synced(b, talk, seen["epoch"], b.heard("message:new")[9]["seq"])
    assert bodies(missed["messages"]) == ["while away", "after"]
    told = bodies(b.heard("message:new"))
    assert told in ([*expected, "while away", "after"], [*expected, "after"])
    # The other device stood on the process that lives: it was cut off by nothing and heard all.
    assert bodies(await hears(b_here, *expected, "while away", "after")) == [*expected, "while away", "after"]
    assert a.connected

    third = await serving(server, 1, instead_of=second)
    back = await connect_to(server, ben, third)
    await say(back, talk, "from the new one")
    await hears(a, "from the new one")


@pytest.mark.redis
async def test_a_first_start_waits_for_an_engine_that_is_not_there_yet(own_redis: RedisServer, tmp_path: Path) -> None:
    await own_redis.kill()
    server = Program(tmp_path / "data", redis_url=own_redis.url())
    starting = asyncio.create_task(server.start())
    try:
        await until(lambda: server.log_path.exists() and "process ended" in server.log(), "a first try that failed")
        await own_redis.start()
        await starting
    finally:
        await asyncio.gather(starting, return_exceptions=True)
        await server.stop()


async def test_a_first_start_that_can_never_work_ends_at_once_with_its_reason(tmp_path: Path) -> None:
    server = Program(tmp_path / "data", drain_s=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        with pytest.raises(AssertionError, match="livecore serve ended"):
            await server.start()
    assert "Address already in use" in server.log()
    assert "process ended" not in server.log()  # not tried again
    await server.stop()
