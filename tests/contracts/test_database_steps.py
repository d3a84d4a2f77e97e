"""Statements that are compiled once and run within a transaction: what `ports.Database.prepare_step` promises, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, bindparam, delete, insert, select, update

from livecore.among import among, members
from livecore.platform.database import SqlDatabase, database_url

metadata = MetaData()
sample = Table(
    "step_sample",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("sealed", LargeBinary),
    Column("count", Integer, nullable=False),
)
ROWS = [{"id": key, "is_on": key < "c", "facts": {"key": [key]}, "sealed": key.encode(), "count": 0} for key in "abcd"]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlDatabase]:
    configured = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    made = SqlDatabase(database_url(configured, tmp_path))
    async with made.write() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()


async def test_a_step_does_what_its_statement_does(db: SqlDatabase) -> None:
    add = db.prepare_step(insert(sample))
    turn = db.prepare_step(
        update(sample)
        .where(sample.c.id == bindparam("which"))
        .values(count=sample.c.count + bindparam("more"), is_on=False)
        .returning(sample)
    )
    look = db.prepare_step(select(sample).where(sample.c.is_on.is_(True)).order_by(sample.c.id.desc()).offset(1))
    drop = db.prepare_step(delete(sample).where(among(db.dialect, sample.c.id, "ids")))
    async with db.write() as conn:
        assert await add(conn, ROWS[0]) == []
        assert await add(conn, ROWS[1:]) == []
        assert await look(conn, {}) == [ROWS[0]]
        assert await turn(conn, {"which": "a", "more": 3}) == [ROWS[0] | {"count": 3, "is_on": False}]
        assert await turn(conn, {"which": "nobody", "more": 3}) == []
        assert await drop(conn, {"ids": members(db.dialect, ["b", "c", "x"])}) == []
    async with db.read() as conn:
        left = [dict(row) for row in (await conn.execute(select(sample).order_by(sample.c.id))).mappings()]
    assert left == [ROWS[0] | {"count": 3, "is_on": False}, ROWS[3]]


async def test_a_column_that_is_not_given_is_null(db: SqlDatabase) -> None:
    add = db.prepare_step(insert(sample))
    async with db.write(slow=True) as conn:
        await add(conn, {name: value for name, value in ROWS[0].items() if name != "sealed"})
    async with db.read() as conn:
        assert (await conn.execute(select(sample.c.sealed))).scalar_one() is None


async def test_a_step_goes_with_its_transaction(db: SqlDatabase) -> None:
    add = db.prepare_step(insert(sample))
    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            await add(conn, ROWS[0])
            raise RuntimeError
    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        async with db.write() as conn:
            await add(conn, ROWS[0])
            await add(conn, ROWS[0])
    async with db.read() as conn:
        assert (await conn.execute(select(sample))).all() == []
