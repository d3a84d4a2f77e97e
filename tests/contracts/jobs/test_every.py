"""Jobs that run once in an interval, on one of several processes."""

from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import SqlJobs
from livecore.platform.metrics import Metrics
from tests.clocks import FakeClock
from tests.contracts.jobs.working import Worker, rows
from tests.waiting import until


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
