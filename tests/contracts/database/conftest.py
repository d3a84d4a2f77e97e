"""Each database, with a table."""

from collections.abc import AsyncIterator

import pytest

from livecore.platform.database import SqlDatabase
from tests.contracts.database.notes import metadata


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqlDatabase]:
    made = SqlDatabase(url)
    async with made.write() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()
