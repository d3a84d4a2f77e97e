"""Jobs on each database, with a clock that stands still."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.jobs import SqlJobs, job_table
from livecore.platform.metrics import Metrics
from tests.clocks import FakeClock


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
