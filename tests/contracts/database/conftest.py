"""Each database, with a table."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livecore.platform.database import SqlDatabase, database_url
from tests.contracts.database.notes import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    configured = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return database_url(configured, tmp_path)


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqlDatabase]:
    made = SqlDatabase(url)
    async with made.write() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()
