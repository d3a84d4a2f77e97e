"""SQLite alone: its one writer, its file, long queries beside the loop."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
from sqlalchemy import (
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase, database_url
from tests.contracts.database.notes import metadata, note, texts


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqlDatabase]:
    made = SqlDatabase(database_url("", tmp_path))
    async with made.write() as conn:
        await conn.run_sync(metadata.create_all)
    yield made
    await made.close()


async def test_writers_of_one_file_take_turns_in_order_of_arrival(sqlite: SqlDatabase) -> None:
    order: list[int] = []

    async def writer(number: int) -> None:
        async with sqlite.write() as conn:
            order.append(number)
            await conn.execute(insert(note).values(id=number, text=""))

    async with sqlite.write():
        waiting = []
        for number in range(20):
            waiting.append(asyncio.create_task(writer(number)))
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == list(range(20))


async def test_the_file_is_flushed_at_every_commit(sqlite: SqlDatabase) -> None:
    async with sqlite.write() as conn:
        assert (await conn.exec_driver_sql("PRAGMA synchronous")).scalar() == 2  # FULL
        assert (await conn.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        assert (await conn.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1


async def test_a_file_held_by_another_process_for_too_long_is_unavailable(
    sqlite: SqlDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livecore.platform.sqlite.BUSY_MS", 50)
    other = SqlDatabase(sqlite.url)
    holder = sqlite3.connect(tmp_path / "livecore.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        async with other.write():
            pass
    holder.execute("ROLLBACK")
    holder.close()
    async with other.write() as conn:
        await conn.execute(insert(note).values(id=1, text="one"))
    await other.close()
    assert await texts(sqlite) == ["one"]


async def test_after_a_checkpoint_deleted_bytes_are_in_no_file(sqlite: SqlDatabase, tmp_path: Path) -> None:
    marker = "a text that was deleted and must not linger"
    async with sqlite.write() as conn:
        await conn.execute(insert(note), [{"id": number, "text": f"{marker} {number}"} for number in range(50)])

    def found() -> bool:
        return any(marker.encode() in path.read_bytes() for path in tmp_path.iterdir())

    assert found()
    async with sqlite.write() as conn:
        await conn.execute(note.delete())
    assert await sqlite.checkpoint()
    assert not found()


async def test_a_whole_transaction_may_run_on_the_plain_driver(sqlite: SqlDatabase) -> None:
    def work(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO note VALUES (1, 'plain')")
        return connection.total_changes

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO note VALUES (2, 'lost')")
        raise RuntimeError

    assert await sqlite.write_sqlite(work) == 1
    with pytest.raises(RuntimeError):
        await sqlite.write_sqlite(broken)
    assert await texts(sqlite) == ["plain"]


# A query that SQLite works at for about a second, or until it is stopped.
ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000) SELECT count(*) AS found FROM n"


async def loop_held_s(work: Awaitable[object]) -> float:
    """The longest time for which the event loop did not turn while `work` ran."""
    longest, last = 0.0, time.perf_counter()
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    await task
    return longest


@pytest.mark.parametrize(("kind", "slow"), [("read", False), ("read", True), ("write", False), ("write", True)])
async def test_a_long_query_does_not_hold_the_loop_and_answers(sqlite: SqlDatabase, kind: str, slow: bool) -> None:
    async def work() -> None:
        async with sqlite.read(slow=slow) if kind == "read" else sqlite.write(slow=slow) as conn:
            assert (await conn.execute(select(func.count()).select_from(text(f"({ENDLESS})")))).scalar_one() == 1
            assert (await conn.execute(select(1))).scalar_one() == 1

    took = time.perf_counter()
    held_s = await loop_held_s(work())
    took = time.perf_counter() - took
    assert took > 0.1
    assert held_s < took / 2


async def test_a_long_prepared_query_does_not_hold_the_loop_and_answers(sqlite: SqlDatabase) -> None:
    async def work() -> None:
        assert await sqlite.prepare(select(literal_column("found").label("found")).select_from(text(f"({ENDLESS})")))({}) == [
            {"found": 3000000}
        ]

    took = time.perf_counter()
    held_s = await loop_held_s(work())
    took = time.perf_counter() - took
    assert took > 0.1
    assert held_s < took / 2


async def test_a_query_whose_text_depends_on_its_values_is_not_prepared(sqlite: SqlDatabase) -> None:
    with pytest.raises(ValueError, match="among"):
        sqlite.prepare(select(note).where(note.c.id.in_(bindparam("ids", expanding=True))))


async def test_only_the_query_itself_counts_and_never_what_comes_before_it(sqlite: SqlDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Building a statement, or beginning, may take long on a busy machine: nothing of that is stopped."""
    monkeypatch.setattr("livecore.platform.sqlite.INLINE_S", 0.0)
    monkeypatch.setattr("livecore.platform.sqlite.STEPS", 1)
    async with sqlite.write() as conn:
        await conn.execute(insert(note), [{"id": number, "text": "x"} for number in range(20)])
    for _ in range(3):
        assert len(await texts(sqlite)) == 20
    async with sqlite.write() as conn:
        assert len((await conn.execute(select(note))).all()) == 20


async def test_what_was_written_before_a_long_query_is_kept(sqlite: SqlDatabase) -> None:
    async with sqlite.write() as conn:
        await conn.execute(insert(note).values(id=1, text="before"))
        await conn.execute(select(func.count()).select_from(text(f"({ENDLESS})")))
        await conn.execute(insert(note).values(id=2, text="after"))
    assert await texts(sqlite) == ["before", "after"]


async def test_a_reader_cancelled_in_a_long_query_leaves_its_place_to_others(sqlite: SqlDatabase) -> None:
    async def work(started: asyncio.Event) -> None:
        async with sqlite.read(slow=True) as conn:
            started.set()
            await conn.execute(text(ENDLESS.replace("3000000", "300000")))

    for _ in range(12):  # more than there are readers
        started = asyncio.Event()
        task = asyncio.create_task(work(started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await texts(sqlite) == []


async def test_a_reader_sees_one_state_until_it_ends(sqlite: SqlDatabase) -> None:
    async with sqlite.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(note))).scalar_one() == 0
        async with sqlite.write() as other:
            await other.execute(insert(note).values(id=1, text="meanwhile"))
        assert (await conn.execute(select(func.count()).select_from(note))).scalar_one() == 0
    assert await texts(sqlite) == ["meanwhile"]


async def test_a_reader_changes_nothing(sqlite: SqlDatabase) -> None:
    async with sqlite.read() as conn:
        with pytest.raises(DBAPIError):
            await conn.execute(insert(note).values(id=1, text="one"))
    assert await texts(sqlite) == []
