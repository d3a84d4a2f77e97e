"""Several main processes under one supervisor: one that dies takes nothing with it, one that cannot start yet is tried again."""

import asyncio
import signal
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


def held(server: Program, process: psutil.Process) -> set[int]:
    """Client ports of the connections that the process serves."""
    return {c.raddr.port for c in process.net_connections("tcp") if c.raddr and c.laddr.port == server.port}


async def connect_to(server: Program, person: Person, process: psutil.Process) -> Listener:
    """A stock client on that process: the kernel chooses one for each connection, so connect until it is the one."""
    for _ in range(TRIES):
        before = held(server, process)
        listener = await person.connect()
        socket = listener.client.eio.ws._response.connection.transport.get_extra_info("sockname")
        if socket[1] in held(server, process) - before:
            return listener
        await listener.close()
    raise AssertionError(f"no connection reached {process.pid} in {TRIES} tries")


@pytest.mark.postgres
@pytest.mark.redis
async def test_one_of_two_main_processes_killed_loses_and_doubles_nothing(distributed: dict[str, str], program: StartProgram) -> None:
    server = await program(processes=2, **distributed)
    await until(lambda: server.log().count('"serving"') >= 2, "both main processes to serve")
    first, second = main(server, 0), main(server, 1)
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

    await until(lambda: server.log().count('"serving"') >= 3, "the killed process to serve again")
    assert main(server, 1).pid != second.pid
    back = await connect_to(server, ben, main(server, 1))
    await say(back, talk, "from the new one")
    await hears(a, "from the new one")


@pytest.mark.postgres
@pytest.mark.redis
async def test_a_main_process_killed_while_it_starts_does_not_end_the_one_that_serves(
    distributed: dict[str, str], program: StartProgram
) -> None:
    server = await program(processes=2, **distributed)
    first, starting = main(server, 0), main(server, 1)
    starting.send_signal(signal.SIGKILL)
    await until(lambda: server.log().count('"serving"') >= 2, "another in its place")
    assert main(server, 0).pid == first.pid
    assert main(server, 1).pid != starting.pid
    assert (await server.call("GET", "/readyz")).status == 200


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


async def test_a_first_start_that_can_never_work_ends_at_once_with_its_reason(program: StartProgram, tmp_path: Path) -> None:
    server = await program()
    other = Program(tmp_path / "other")
    other.environment["LIVECORE_PORT"] = str(server.port)
    with pytest.raises(AssertionError, match="livecore serve ended"):
        # The port is taken; ask where nobody answers, so that the other's answer is not taken for its own.
        await other.start()
    assert "Address already in use" in other.log()
    await other.stop()
