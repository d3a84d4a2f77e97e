"""Jobs on each database, with a clock that stands still."""

from collections.abc import AsyncIterator

import pytest

from livecore.platform.database import SqlDatabase
from livecore.platform.jobs import SqlJobs, job_table
from livecore.platform.metrics import Metrics
from tests.clocks import FakeClock


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
