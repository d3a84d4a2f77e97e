"""What `ports.Jobs` promises, on both databases: running, waiting, trying again, giving up."""

import asyncio

import pytest

from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import BACKOFF_MOST_MS, FAILED_KEPT_MS, RUNNING_LIMIT, SqlJobs, backoff_ms
from livecore.platform.metrics import Metrics
from livecore.ports import Job
from tests.clocks import FakeClock
from tests.contracts.jobs.working import Worker, enqueue, given_up, gone, rows
from tests.waiting import until


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
    await until(lambda: given_up(db), "the job given up")
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
