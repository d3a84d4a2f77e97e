"""Children that hash passwords: what they may know, what becomes of an order when one of them dies, and when the processor is not to be had."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livecore.accounts import hashing
from livecore.accounts.passwords import Passwords
from livecore.config import Settings
from livecore.errors import Unavailable
from tests.serving import Server
from tests.waiting import until

PASSWORD = "correct horse battery"
PROC = Path("/proc")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of the children")


@pytest.fixture
async def passwords(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Passwords]:
    # Beside all the other tests a child of the idle class waits for a core: that alone makes no second one.
    monkeypatch.setattr(hashing, "PATIENCE_S", 60.0)
    made = Passwords(Settings(argon2_parallel=1))
    yield made
    await made.close()


def children(of: int = 0) -> list[int]:
    found = " ".join((task / "children").read_text() for task in (PROC / str(of or os.getpid()) / "task").iterdir())
    return [pid for pid in map(int, found.split()) if b"argon2_child" in (PROC / str(pid) / "cmdline").read_bytes()]


def is_stopped(pid: int) -> bool:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "T"


async def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: is_stopped(pid), "a child that stands still")


async def test_a_child_yields_to_all_others_and_knows_no_password(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECORE_SMTP_PASSWORD", "of the operator")
    assert children() == []
    hashed = await passwords.hash(PASSWORD)
    (child,) = children()
    assert os.sched_getscheduler(child) == os.SCHED_IDLE
    assert os.getsid(child) == os.getsid(0)
    told = (PROC / str(child) / "cmdline").read_bytes() + (PROC / str(child) / "environ").read_bytes()
    assert b"idle" in told
    for secret in (PASSWORD, hashed, "LIVECORE", "of the operator"):
        assert secret.encode() not in told
    assert b"Max core file size        0                    0" in (PROC / str(child) / "limits").read_bytes()
    assert await passwords.verify(hashed, PASSWORD)
    assert children() == [child]
    await passwords.close()
    assert children() == []
    with pytest.raises(Unavailable):
        await passwords.hash(PASSWORD)


async def test_what_a_dead_child_leaves_undone_is_done_by_the_next(passwords: Passwords) -> None:
    await passwords.hash(PASSWORD)
    (first,) = children()
    await stop(first)
    asked = asyncio.create_task(passwords.hash(PASSWORD))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert await passwords.verify(await asked, PASSWORD)
    assert first not in children()


async def test_what_every_child_dies_of_is_refused_and_the_next_one_is_served(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(hashing.sys, "executable", "/bin/false")
        with pytest.raises(Unavailable) as refused:
            await passwords.hash(PASSWORD)
        assert int(refused.value.headers["Retry-After"]) > 0
        patched.setattr(hashing.sys, "executable", "/nowhere")
        with pytest.raises(Unavailable):
            await passwords.hash(PASSWORD)
    assert await passwords.verify(await passwords.hash(PASSWORD), PASSWORD)


async def test_a_child_that_gets_no_processor_has_its_work_done_by_one_that_does(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = await passwords.hash(PASSWORD)
    (starved,) = children()
    await stop(starved)
    monkeypatch.setattr(hashing, "PATIENCE_S", 0.05)
    answers = await asyncio.gather(*(passwords.verify(hashed, word) for word in (PASSWORD, "another one", PASSWORD)))
    assert answers == [True, False, True]
    (hurried,) = set(children()) - {starved}
    assert os.sched_getscheduler(hurried) == os.SCHED_OTHER
    assert os.getpriority(os.PRIO_PROCESS, hurried) > os.getpriority(os.PRIO_PROCESS, 0)
    os.kill(starved, signal.SIGCONT)
    # What it was stopped at is answered long since; its answer to that is for nobody.
    assert await asyncio.gather(*(passwords.verify(hashed, word) for word in ("another one", PASSWORD))) == [False, True]
    assert set(children()) == {starved, hurried}


async def test_nobody_waits_for_the_order_of_one_who_gave_up(passwords: Passwords) -> None:
    hashed = await passwords.hash(PASSWORD)
    (child,) = children()
    await stop(child)
    asked = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(3)]
    await asyncio.sleep(0)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    os.kill(child, signal.SIGCONT)
    assert await passwords.verify(hashed, PASSWORD)
    assert children() == [child]


PARENT = """
import asyncio, sys
from livecore.accounts.passwords import Passwords
from livecore.config import Settings

async def main():
    await Passwords(Settings()).hash("correct horse battery")
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_children_end_with_a_parent_that_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    assert await parent.stdout.readline() == b"ready\n"
    orphans = children(parent.pid)
    assert orphans
    parent.kill()
    await parent.wait()
    await until(lambda: not any((PROC / str(pid) / "cmdline").exists() for pid in orphans), "the end of the children")


async def test_a_sign_in_outlives_the_death_of_the_process_that_checks_its_password(server: Server) -> None:
    anna = await server.person("anna")
    before = children()
    for child in before:
        await stop(child)
    body = {"login": "anna", "password": anna.password, "device": anna.device}
    asked = asyncio.create_task(server.call("POST", "/api/v1/sessions", body))
    wrong = asyncio.create_task(server.call("POST", "/api/v1/sessions", body | {"password": "not the one"}))
    for child in before:
        os.kill(child, signal.SIGKILL)
    assert (await asked).status == 201
    assert (await wrong).status == 401
    assert not set(before) & set(children())
