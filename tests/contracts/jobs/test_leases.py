"""A job belongs to who holds its lease: renewed, lost, given back, taken over from the dead."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import LEASE_MS, SqlJobs, job_table
from livecore.platform.metrics import Metrics
from livecore.ports import Job
from tests.clocks import FakeClock
from tests.contracts.jobs.working import Worker, enqueue, given_up, gone, rows
from tests.waiting import until


async def test_a_lease_is_renewed_while_the_handler_runs(
    url: str, db: SqlDatabase, jobs: SqlJobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.platform.jobs.RENEW_S", 0.01)
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handler(_: Job) -> None:
        begun.set()
        await gate.wait()

    jobs.handle("work", handler)
    await jobs.start()
    await enqueue(db, jobs)
    await begun.wait()
    for _ in range(5):
        clock.advance(LEASE_MS / 1500)

        async def renewed() -> bool:
            (row,) = await rows(db)
            return bool(row.due_ms == clock.at_ms() + LEASE_MS)

        await until(renewed, "the lease renewed")
    gate.set()
    await until(lambda: gone(db), "its end")


async def test_whoever_lost_its_lease_stops_and_writes_nothing(
    url: str, db: SqlDatabase, jobs: SqlJobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was frozen wakes up after another has taken its job."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def frozen(_: Job) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    jobs.handle("work", frozen)
    await jobs.start()
    await enqueue(db, jobs)
    await begun.wait()
    clock.advance(LEASE_MS / 1000 + 1)
    own = SqlDatabase(url)
    other = SqlJobs(own, clock, Metrics())
    gate = asyncio.Event()
    taken: list[Job] = []

    async def handler(job: Job) -> None:
        taken.append(job)
        await gate.wait()

    other.handle("work", handler)
    await other.start()
    await until(lambda: taken, "the other to take it")
    assert taken[0].attempt == 2
    await jobs._renew_once()
    await until(stopped.is_set, "the frozen one to stop")
    await until(lambda: not jobs._running, "its end")
    (row,) = await rows(db)
    assert row.holder == other._holder
    gate.set()
    await until(lambda: gone(db), "the other's end")
    await other.close()
    await own.close()


async def test_whoever_ends_after_its_lease_was_lost_leaves_the_others_row_alone(
    url: str, db: SqlDatabase, jobs: SqlJobs, clock: FakeClock
) -> None:
    late, gate = asyncio.Event(), asyncio.Event()
    begun: list[str] = []

    async def slow(_: Job) -> None:
        begun.append("slow")
        await late.wait()

    async def handler(_: Job) -> None:
        begun.append("other")
        await gate.wait()

    jobs.handle("work", slow)
    await jobs.start()
    await enqueue(db, jobs)
    await until(lambda: begun == ["slow"], "the first to begin")
    clock.advance(LEASE_MS / 1000 + 1)
    own = SqlDatabase(url)
    other = SqlJobs(own, clock, Metrics())
    other.handle("work", handler)
    await other.start()
    await until(lambda: begun == ["slow", "other"], "the other to take it")
    late.set()
    await until(lambda: not jobs._running, "the slow one's end")
    (row,) = await rows(db)
    assert row.holder == other._holder
    gate.set()
    await until(lambda: gone(db), "the other's end")
    await other.close()
    await own.close()


async def test_a_stop_gives_running_jobs_back_uncounted(
    url: str, db: SqlDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.platform.jobs.CLOSE_S", 0.05)
    begun = asyncio.Event()

    async def endless(_: Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    first = SqlJobs(db, clock, Metrics())
    first.handle("work", endless)
    await first.start()
    await enqueue(db, first)
    await begun.wait()
    await first.close()
    (row,) = await rows(db)
    assert (row.holder, row.attempt, row.due_ms) == (None, 0, clock.at_ms())
    second = SqlJobs(db, clock, Metrics())
    second.handle("work", worker := Worker())
    await second.start()
    await until(lambda: worker.jobs, "the next process to run it")
    await second.close()


async def test_a_stop_lets_a_handler_end_in_time(db: SqlDatabase, jobs: SqlJobs) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handler(_: Job) -> None:
        begun.set()
        await gate.wait()

    jobs.handle("work", handler)
    await jobs.start()
    await enqueue(db, jobs)
    await begun.wait()
    closing = asyncio.create_task(jobs.close())
    gate.set()
    await closing
    assert await rows(db) == []


# Runs jobs of kind "work" without ever ending one.
_RUNNER = """
import asyncio, sys
from livecore.platform.clock import SystemClock
from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import SqlJobs
from livecore.platform.metrics import Metrics

async def work(job):
    print(job.id, flush=True)
    await asyncio.Event().wait()

async def run():
    jobs = SqlJobs(SqlDatabase(sys.argv[1]), SystemClock(), Metrics())
    jobs.handle("work", work)
    await jobs.start()
    await asyncio.Event().wait()

asyncio.run(run())
"""


async def test_a_killed_process_has_its_job_resumed_by_another(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    job_id = await enqueue(db, jobs, payload={"n": 1})
    with subprocess.Popen([sys.executable, "-c", _RUNNER, db.url], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        assert (await asyncio.to_thread(runner.stdout.readline)).strip() == job_id
        os.kill(runner.pid, signal.SIGKILL)
    jobs.handle("work", worker := Worker())
    await jobs.start()
    # Within the dead one's lease it is left alone: it might be only slow.
    await until(jobs.idle, "nothing due")
    assert worker.jobs == []
    clock.advance(LEASE_MS / 1000 + 10)
    jobs.wake()
    await until(lambda: worker.jobs, "the job resumed")
    assert worker.jobs == [Job(str(job_id), "work", {"n": 1}, 2)]
    await until(lambda: gone(db), "its end")


async def test_a_job_that_kills_its_process_each_time_isgiven_up(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    await enqueue(db, jobs)
    async with db.write() as conn:
        # As three processes leave it that died in its handler.
        await conn.execute(job_table.update().where(job_table.c.kind == "work").values(attempt=3, holder="of a dead process"))
    jobs.handle("work", worker := Worker(), attempts=3)
    await jobs.start()
    await until(lambda: given_up(db), "the job given up")
    assert worker.jobs == []


async def test_a_database_that_is_away_for_a_moment_only_delays(db: SqlDatabase, jobs: SqlJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.jobs.POLL_S", 0.02)
    jobs.handle("work", worker := Worker())
    await jobs.start()
    await until(jobs.idle, "the start to be over")
    read, failures = db.read, 3

    def away() -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise Unavailable
        return read()

    monkeypatch.setattr(db, "read", away)
    await until(lambda: not failures, "three failed polls")
    await enqueue(db, jobs)
    await until(lambda: worker.jobs, "the job")
