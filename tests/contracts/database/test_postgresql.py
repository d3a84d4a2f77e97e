"""PostgreSQL alone: a server that is away, killed or cuts connections."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import (
    func,
    insert,
    select,
)

from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase, database_url
from tests.contracts.database.notes import metadata, note, texts
from tests.servers import PostgresServer, free_port


@pytest.mark.postgres
async def test_a_server_that_is_not_there_is_unavailable() -> None:
    db = SqlDatabase(database_url(f"postgresql://postgres@127.0.0.1:{free_port()}/x", Path()))
    for block in (db.read, db.write):
        with pytest.raises(Unavailable):
            async with block():
                pass
    with pytest.raises(Unavailable):
        await db.check()
    await db.close()


@pytest.mark.postgres
async def test_connections_cut_by_the_server_are_replaced(postgres_url: str, tmp_path: Path) -> None:
    db = SqlDatabase(database_url(postgres_url, tmp_path))
    async with db.write() as conn:
        await conn.run_sync(metadata.create_all)

    def cut() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    # Between two uses nobody notices.
    await asyncio.to_thread(cut)
    await db.check()
    await asyncio.to_thread(cut)
    assert await db.prepare(select(func.count().label("count")).select_from(note))({}) == [{"count": 0}]
    # In the middle of one it is an absence, and nothing of it stays.
    with pytest.raises(Unavailable):
        async with db.write() as conn:
            await conn.execute(insert(note).values(id=1, text="lost"))
            await asyncio.to_thread(cut)
            await conn.execute(insert(note).values(id=2, text="lost"))
    assert await texts(db) == []
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="one"))
    assert await texts(db) == ["one"]
    await db.close()


@pytest.mark.postgres
async def test_a_whole_transaction_may_run_on_the_driver_itself(postgres_url: str, tmp_path: Path) -> None:
    db = SqlDatabase(database_url(postgres_url, tmp_path))
    async with db.write() as conn:
        await conn.run_sync(metadata.create_all)

    async def work(driver: object, *, fail: bool = False) -> str:
        answer = await driver.execute("INSERT INTO note VALUES ($1, $2)", int(fail), "plain")  # type: ignore[attr-defined]
        if fail:
            raise RuntimeError
        return str(answer)

    async def broken(driver: object) -> str:
        return await work(driver, fail=True)

    assert await db.write_postgres(work) == "INSERT 0 1"
    with pytest.raises(RuntimeError):
        await db.write_postgres(broken)
    assert await texts(db) == ["plain"]
    await db.close()


@pytest.mark.postgres
async def test_a_killed_server_that_comes_back_serves_again(postgres_own: PostgresServer, tmp_path: Path) -> None:
    db = SqlDatabase(database_url(postgres_own.url("postgres"), tmp_path))
    async with db.write() as conn:
        await conn.run_sync(metadata.create_all)
        await conn.execute(insert(note).values(id=1, text="before"))
    await asyncio.to_thread(postgres_own.process.kill)
    with pytest.raises(Unavailable):
        await db.check()
    with pytest.raises(Unavailable):
        async with db.write() as conn:
            await conn.execute(insert(note).values(id=2, text="lost"))
    await asyncio.to_thread(postgres_own.process.start)
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=2, text="after"))
    assert await texts(db) == ["before", "after"]
    await db.close()


@pytest.mark.postgres
@pytest.mark.parametrize("comes_back", [True, False])
async def test_closing_leaves_no_connection_that_was_lent_meanwhile(postgres_url: str, tmp_path: Path, comes_back: bool) -> None:
    db = SqlDatabase(database_url(postgres_url, tmp_path))
    lent, give_back = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        async with db.read() as connection:
            await connection.exec_driver_sql("SELECT 1")
            lent.set()
            await give_back.wait()

    reading = asyncio.create_task(read())
    await lent.wait()
    if comes_back:
        asyncio.get_running_loop().call_soon(give_back.set)
    await db.close()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        left = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        assert left.fetchone() == (0,)
        # Nor does one come into being for who asks later.
        with pytest.raises(Unavailable):
            async with db.read() as connection:
                await connection.exec_driver_sql("SELECT 1")
        left = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        assert left.fetchone() == (0,)
    give_back.set()
    await asyncio.gather(reading, return_exceptions=True)
