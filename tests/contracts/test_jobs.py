"""What `ports.Jobs` promises, on both databases."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.jobs import BACKOFF_MOST_MS, FAILED_KEPT_MS, LEASE_MS, RUNNING_LIMIT, SqlJobs, backoff_ms, job_table
from livecore.platform.metrics import Metrics
from livecore.ports import Job
from tests.clocks import FakeClock
from tests.waiting import until

MakeJobs = Callable[[], Awaitable[SqlJobs]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    configured = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return database_url(configured, tmp_path)


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqlDatabase]:
    made = SqlDatabase(url)
    async with made.write() as conn:
        await conn.run_sync(job_table.create)
    yield made
    await made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def jobs(db: SqlDatabase, clock: FakeClock, metrics: Metrics) -> AsyncIterator[SqlJobs]:
    """Not started: a test registers its handlers first."""
    made = SqlJobs(db, clock, metrics)
    yield made
    await made.close()


class Worker:
    """A handler that keeps what it is given, and fails as often as it is told."""

    def __init__(self, failures: int = 0, problem: Exception | None = None) -> None:
        self.jobs: list[Job] = []
        self.failures = failures
        self.problem = problem or RuntimeError("not this time")

    async def __call__(self, job: Job) -> None:
        self.jobs.append(job)
        if self.failures:
            self.failures -= 1
            raise self.problem


async def enqueue(db: SqlDatabase, jobs: SqlJobs, kind: str = "work", **options: Any) -> str | None:
    async with db.write() as conn:
        return await jobs.enqueue(conn, kind, options.pop("payload", {}), **options)


async def rows(db: SqlDatabase, kind: str = "work") -> list[Any]:
    async with db.read() as conn:
        return list((await conn.execute(select(job_table).where(job_table.c.kind == kind).order_by(job_table.c.id))).all())


async def gone(db: SqlDatabase) -> bool:
    return await rows(db) == []


async def test_a_job_runs_with_its_payload_and_is_gone(db: SqlDatabase, jobs: SqlJobs) -> None:
    jobs.handle("work", worker := Worker())
    await jobs.start()
    job_id = await enqueue(db, jobs, payload={"video_id": "a" * 32, "parts": [1, 2]})
    await until(lambda: worker.jobs, "the job")
    assert worker.jobs == [Job(str(job_id), "work", {"video_id": "a" * 32, "parts": [1, 2]}, 1)]
    await until(lambda: gone(db), "its row to go")
    await until(jobs.idle, "nothing more to do")


async def test_a_job_begins_at_once_in_the_process_that_made_it(db: SqlDatabase, jobs: SqlJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecore.platform.jobs.POLL_S", 3600)
    jobs.handle("work", worker := Worker())
    await jobs.start()
    for number in range(1, 6):
        await enqueue(db, jobs)
        await until(lambda number=number: len(worker.jobs) == number, "the job, without a poll", patience_s=5)


async def test_a_job_belongs_to_its_makers_transaction(db: SqlDatabase, jobs: SqlJobs) -> None:
    jobs.handle("work", worker := Worker())
    await jobs.start()
    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            await jobs.enqueue(conn, "work", {"lost": True})
            raise RuntimeError
    async with db.write() as conn:
        await jobs.enqueue(conn, "work", {"lost": False})
        assert worker.jobs == []
    await until(lambda: worker.jobs, "the job")
    assert [job.payload for job in worker.jobs] == [{"lost": False}]


async def test_a_job_made_before_the_start_runs_after_it(db: SqlDatabase, jobs: SqlJobs) -> None:
    await enqueue(db, jobs)
    jobs.handle("work", worker := Worker())
    await jobs.start()
    await until(lambda: worker.jobs, "the job")


async def test_a_delayed_job_waits(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    jobs.handle("work", worker := Worker())
    await jobs.start()
    await enqueue(db, jobs, payload={"n": "late"}, delay_ms=60_000)
    await enqueue(db, jobs, payload={"n": "now"})
    await until(lambda: worker.jobs, "the job without a delay")
    clock.advance(59)
    await enqueue(db, jobs, payload={"n": "between"})
    await until(lambda: len(worker.jobs) == 2, "the job between")
    clock.advance(2)
    jobs.wake()
    await until(lambda: len(worker.jobs) == 3, "the late job")
    assert [job.payload["n"] for job in worker.jobs] == ["now", "between", "late"]


async def test_one_job_of_a_key_waits_or_runs(db: SqlDatabase, jobs: SqlJobs) -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def handler(_: Job) -> None:
        begun.set()
        await gate.wait()

    jobs.handle("work", handler)
    first = await enqueue(db, jobs, key="erase:1")
    assert first is not None
    assert await enqueue(db, jobs, key="erase:1") is None  # waits
    assert await enqueue(db, jobs, key="erase:2") is not None
    await jobs.start()
    await begun.wait()
    assert await enqueue(db, jobs, key="erase:1") is None  # runs
    gate.set()
    await until(lambda: gone(db), "both")
    assert await enqueue(db, jobs, key="erase:1") is not None


async def test_of_many_with_one_key_at_once_one_is_made(db: SqlDatabase, jobs: SqlJobs) -> None:
    made = await asyncio.gather(*(enqueue(db, jobs, key="same") for _ in range(20)))
    assert len([job_id for job_id in made if job_id]) == 1


async def test_a_job_that_fails_is_tried_again_with_growing_delays(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    jobs.handle("work", worker := Worker(failures=3))
    await jobs.start()
    await enqueue(db, jobs)
    for attempt in (1, 2, 3):
        await until(lambda attempt=attempt: len(worker.jobs) == attempt and not jobs._running, f"attempt {attempt}")
        (row,) = await rows(db)
        delay_ms = row.due_ms - clock.at_ms()
        assert backoff_ms(attempt) // 2 <= delay_ms <= backoff_ms(attempt)
        clock.advance(delay_ms / 1000)
        jobs.wake()
    await until(lambda: gone(db), "the fourth attempt to end it")
    assert [job.attempt for job in worker.jobs] == [1, 2, 3, 4]


def test_delays_double_to_an_hour() -> None:
    assert [backoff_ms(attempt) for attempt in (1, 2, 3, 4)] == [1000, 2000, 4000, 8000]
    assert backoff_ms(13) == backoff_ms(1000) == BACKOFF_MOST_MS


async def test_a_job_that_fails_too_often_is_given_up_kept_for_a_week_and_frees_its_key(
    db: SqlDatabase, jobs: SqlJobs, clock: FakeClock, metrics: Metrics
) -> None:
    jobs.handle("work", worker := Worker(failures=2, problem=Unavailable()), attempts=2)
    await jobs.start()
    await enqueue(db, jobs, key="k", payload={"account_id": "b" * 32})
    await until(lambda: len(worker.jobs) == 1 and not jobs._running, "the first attempt")
    clock.advance(2)
    jobs.wake()
    await until(lambda: _given_up(db), "the job given up")
    assert metrics.registry.get_sample_value("livecore_jobs_given_up_total", {"kind": "work"}) == 1
    clock.advance(86_400)
    jobs.wake()
    await until(jobs.idle, "nothing more to do")
    assert len(worker.jobs) == 2
    assert await enqueue(db, jobs, key="k") is not None
    await until(lambda: len(worker.jobs) == 3, "the next of that key")
    clock.advance(FAILED_KEPT_MS / 1000)
    jobs.wake()
    await until(lambda: gone(db), "the row of the one given up to go")


async def _given_up(db: SqlDatabase) -> bool:
    return any(row.failed_ms is not None for row in await rows(db))


async def test_erasing_an_account_forgets_the_given_up_jobs_that_name_it(db: SqlDatabase, jobs: SqlJobs) -> None:
    jobs.handle("work", Worker(failures=2), attempts=1)
    await jobs.start()
    await enqueue(db, jobs, payload={"account_id": "a" * 32})
    await enqueue(db, jobs, payload={"account_id": "b" * 32})

    async def both() -> bool:
        return [row.failed_ms is not None for row in await rows(db)] == [True, True]

    await until(both, "both given up")
    await jobs.erase("a" * 32)
    (left,) = await rows(db)
    assert "b" * 32 in left.payload


async def test_a_handler_that_takes_too_long_is_cancelled_and_tried_again(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    attempts: list[int] = []
    cancelled = asyncio.Event()

    async def handler(job: Job) -> None:
        attempts.append(job.attempt)
        if job.attempt == 1:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    jobs.handle("work", handler, timeout_s=0.05)
    await jobs.start()
    await enqueue(db, jobs)
    await until(lambda: cancelled.is_set() and not jobs._running, "the first attempt to be cut")
    clock.advance(2)
    jobs.wake()
    await until(lambda: gone(db), "the second attempt")
    assert attempts == [1, 2]


async def test_so_many_run_at_once_and_no_more(db: SqlDatabase, jobs: SqlJobs) -> None:
    inside, most, done = 0, 0, 0
    gate = asyncio.Event()

    async def handler(_: Job) -> None:
        nonlocal inside, most, done
        inside += 1
        most = max(most, inside)
        await gate.wait()
        inside -= 1
        done += 1

    jobs.handle("work", handler)
    await jobs.start()
    for _ in range(3 * RUNNING_LIMIT):
        await enqueue(db, jobs)
    await until(lambda: inside == RUNNING_LIMIT, "all places taken")
    gate.set()
    await until(lambda: done == 3 * RUNNING_LIMIT, "all jobs")
    assert most == RUNNING_LIMIT


async def test_two_processes_share_the_work_and_no_job_runs_twice(url: str, db: SqlDatabase, clock: FakeClock) -> None:
    ran: list[tuple[int, str]] = []
    processes: list[tuple[SqlDatabase, SqlJobs]] = []
    for number in range(2):
        own = SqlDatabase(url)
        jobs = SqlJobs(own, clock, Metrics())

        async def handler(job: Job, number: int = number) -> None:
            ran.append((number, job.id))
            await asyncio.sleep(0.002)

        jobs.handle("work", handler)
        processes.append((own, jobs))
    async with db.write() as conn:
        for _ in range(120):
            await processes[0][1].enqueue(conn, "work", {}, delay_ms=1000)
    clock.advance(1)
    for _, jobs in processes:
        await jobs.start()
    await until(lambda: gone(db), "all jobs")
    for own, jobs in processes:
        await jobs.close()
        await own.close()
    assert len(ran) == 120
    assert len({job_id for _, job_id in ran}) == 120
    assert {number for number, _ in ran} == {0, 1}


async def test_processes_that_claim_at_the_same_moment_take_different_jobs(url: str, db: SqlDatabase, clock: FakeClock) -> None:
    ran: list[str] = []

    async def handler(job: Job) -> None:
        ran.append(job.id)

    processes = [(own := SqlDatabase(url), SqlJobs(own, clock, Metrics())) for _ in range(4)]
    for _, jobs in processes:
        jobs.handle("work", handler)
    rounds = 15
    for _ in range(rounds):
        for _ in range(4):
            await enqueue(*processes[0])
        await asyncio.gather(*(jobs._claim() for _, jobs in processes))
        await until(lambda: gone(db), "the jobs of this round")
    assert sorted(ran) == sorted(set(ran))
    assert len(ran) == 4 * rounds
    for own, jobs in processes:
        await jobs.close()
        await own.close()


async def test_kinds_without_a_handler_here_are_left_to_others(db: SqlDatabase, jobs: SqlJobs) -> None:
    jobs.handle("work", worker := Worker())
    await jobs.start()
    await enqueue(db, jobs, "of another version")
    await enqueue(db, jobs)
    await until(lambda: worker.jobs, "our job")
    await until(jobs.idle, "nothing more to do")
    assert [row.attempt for row in await rows(db, "of another version")] == [0]


async def test_a_kind_has_one_handler(jobs: SqlJobs) -> None:
    jobs.handle("work", Worker())
    with pytest.raises(ValueError):
        jobs.handle("work", Worker())


# -- every


async def test_every_runs_once_per_interval_on_one_process(url: str, db: SqlDatabase, clock: FakeClock) -> None:
    workers = [Worker(), Worker()]
    processes = []
    for worker in workers:
        own = SqlDatabase(url)
        jobs = SqlJobs(own, clock, Metrics())
        jobs.handle("sweep", worker)
        await jobs.every("sweep", 60)
        await jobs.start()
        processes.append((own, jobs))

    def runs() -> int:
        return sum(len(worker.jobs) for worker in workers)

    async def settled() -> bool:
        return all([await jobs.idle() for _, jobs in processes])

    for expected in range(1, 5):
        await until(lambda expected=expected: runs() == expected, f"run {expected}")
        await until(settled, "everything to rest")
        clock.advance(59)
        for _, jobs in processes:
            jobs.wake()
        await until(settled, "everything to rest")
        assert runs() == expected
        clock.advance(1)
        for _, jobs in processes:
            jobs.wake()
    assert len(await rows(db, "sweep")) == 1
    for own, jobs in processes:
        await jobs.close()
        await own.close()


async def test_every_goes_on_after_any_number_of_failures(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    jobs.handle("sweep", worker := Worker(failures=6), attempts=2)
    await jobs.every("sweep", 5)
    await jobs.start()
    for attempt in range(1, 8):
        await until(lambda attempt=attempt: len(worker.jobs) == attempt and not jobs._running, f"attempt {attempt}")
        clock.advance(5)
        jobs.wake()
    await until(lambda: len(worker.jobs) == 8, "a run after a good one")
    (row,) = await rows(db, "sweep")
    assert row.failed_ms is None


async def test_a_shorter_interval_takes_effect_at_the_next_start(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    jobs.handle("sweep", worker := Worker())
    await jobs.every("sweep", 86_400)
    await jobs.start()
    await until(lambda: len(worker.jobs) == 1 and not jobs._running, "the first run")
    await jobs.every("sweep", 60)
    (row,) = await rows(db, "sweep")
    assert row.due_ms == clock.at_ms() + 60_000


# -- leases


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


async def test_a_job_that_kills_its_process_each_time_is_given_up(db: SqlDatabase, jobs: SqlJobs, clock: FakeClock) -> None:
    await enqueue(db, jobs)
    async with db.write() as conn:
        # As three processes leave it that died in its handler.
        await conn.execute(job_table.update().where(job_table.c.kind == "work").values(attempt=3, holder="of a dead process"))
    jobs.handle("work", worker := Worker(), attempts=3)
    await jobs.start()
    await until(lambda: _given_up(db), "the job given up")
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
