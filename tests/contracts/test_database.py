"""What `ports.Database` promises, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import asyncpg
import psycopg
import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from livecore.among import among, members
from livecore.errors import Unavailable
from livecore.platform.database import SqlDatabase, database_url
from tests.servers import PostgresServer, free_port
from tests.waiting import until

metadata = MetaData()
note = Table("note", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("text", String(200), nullable=False))


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


async def texts(db: SqlDatabase) -> list[str]:
    async with db.read() as conn:
        return list((await conn.execute(select(note.c.text).order_by(note.c.id))).scalars())


async def test_a_write_is_seen_when_it_has_ended_and_not_before(db: SqlDatabase) -> None:
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="one"))
        assert await texts(db) == []  # and the reader was not made to wait
    assert await texts(db) == ["one"]


async def test_a_write_that_raises_leaves_nothing(db: SqlDatabase) -> None:
    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            await conn.execute(insert(note).values(id=1, text="one"))
            raise RuntimeError
    assert await texts(db) == []
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="again"))
    assert await texts(db) == ["again"]


async def test_a_write_that_is_cancelled_leaves_nothing_and_blocks_nobody(db: SqlDatabase) -> None:
    inside = asyncio.Event()

    async def writer() -> None:
        async with db.write() as conn:
            await conn.execute(insert(note).values(id=1, text="one"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(writer())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="next"))
    assert await texts(db) == ["next"]


async def test_cancelling_in_the_middle_of_statements_never_loses_the_writer(db: SqlDatabase) -> None:
    async def writer(number: int) -> None:
        async with db.write() as conn:
            await conn.execute(insert(note).values(id=number, text="kept or not"))
            await conn.execute(select(func.count()).select_from(note))

    for number in range(40):
        task = asyncio.create_task(writer(number))
        for _ in range(number % 12):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5), db.write() as conn:
        await conn.execute(insert(note).values(id=1000, text="last"))
    assert (await texts(db))[-1] == "last"


async def test_fifty_writers_at_once_lose_no_update(db: SqlDatabase) -> None:
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=0, text=""))

    async def add() -> None:
        async with db.write() as conn:
            await conn.execute(update(note).where(note.c.id == 0).values(text=note.c.text + "x"))

    await asyncio.gather(*(add() for _ in range(50)))
    assert await texts(db) == ["x" * 50]


async def test_many_readers_wait_their_turn(db: SqlDatabase) -> None:
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=0, text="x"))
    answers = await asyncio.gather(*(texts(db) for _ in range(60)))
    assert answers == [["x"]] * 60


async def test_what_waits_for_the_commit_runs_after_it(db: SqlDatabase) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        seen.append(await texts(db))
        async with db.write() as conn:  # it may write again: the transaction is over
            await conn.execute(insert(note).values(id=2, text="two"))

    async with db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="one"))
        db.after_commit(conn, look)
        assert seen == []
    assert seen == [["one"]]
    assert await texts(db) == ["one", "two"]


async def test_what_waits_for_the_commit_never_runs_after_a_rollback(db: SqlDatabase) -> None:
    ran: list[bool] = []

    async def note_it() -> None:
        ran.append(True)

    with pytest.raises(RuntimeError):
        async with db.write() as conn:
            db.after_commit(conn, note_it)
            raise RuntimeError
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            db.after_commit(conn, note_it)
            await conn.execute(insert(note), [{"id": 1, "text": "a"}, {"id": 1, "text": "b"}])
    async with db.write() as conn:
        await conn.execute(insert(note).values(id=1, text="one"))
    assert ran == []


sample = Table(
    "sample",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("bytes", LargeBinary, nullable=True),
    Column("share", Float, nullable=True),
)


async def test_a_prepared_query_gives_what_the_same_query_gives_and_sees_each_commit(db: SqlDatabase) -> None:
    rows = [
        {"id": key, "is_on": key < "c", "facts": {"key": [key]}, "bytes": key.encode() if key < "d" else None, "share": 0.5}
        for key in "abcde"
    ]
    columns = sample.c
    query = select(sample, (columns.id + "!").label("loud")).where(among(db.dialect, columns.id, "ids"), columns.is_on != bindparam("off"))
    query = query.where(columns.id != "a").order_by(columns.id.desc()).limit(bindparam("limit", type_=Integer))
    ask = db.prepare(query)
    given = {"ids": members(db.dialect, list("abcdf")), "off": False, "limit": 2}
    assert await ask(given) == []
    async with db.write() as conn:
        await conn.execute(insert(sample), rows)
        assert await ask(given) == []
    assert await ask(given) == [rows[1] | {"loud": "b!"}]
    async with db.read() as conn:
        for off in (False, True):
            for limit in (1, 5):
                given |= {"off": off, "limit": limit}
                assert await ask(given) == [dict(row) for row in (await conn.execute(query, given)).mappings()]
    async with db.write() as conn:
        await conn.execute(sample.delete())
    assert await asyncio.gather(*(ask(given) for _ in range(60))) == [[]] * 60


async def test_a_prepared_query_that_is_wrong_is_our_fault_and_spoils_nothing(db: SqlDatabase) -> None:
    ask = db.prepare(select(text("nothing")).select_from(text("nowhere")))
    for _ in range(20):
        with pytest.raises((sqlite3.Error, asyncpg.PostgresError)):
            await ask({})
    assert await texts(db) == []


async def test_a_wrong_statement_is_our_fault_and_not_an_absence(db: SqlDatabase) -> None:
    for block in (db.read, db.write):
        with pytest.raises(DBAPIError):
            async with block() as conn:
                await conn.execute(text("SELECT nothing FROM nowhere"))


async def test_a_value_of_a_wrong_kind_is_our_fault_and_not_an_absence(db: SqlDatabase) -> None:
    with pytest.raises(DBAPIError):
        async with db.write() as conn:
            await conn.execute(text("INSERT INTO note (id, text) VALUES (:id, :text)"), {"id": object(), "text": "x"})


async def test_an_error_does_not_repeat_the_values(db: SqlDatabase) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as conn:
            await conn.execute(insert(note), [{"id": 1, "text": "somebody's secret"}, {"id": 1, "text": "somebody's secret"}])
    assert "secret" not in str(caught.value)


async def test_it_says_that_it_answers(db: SqlDatabase) -> None:
    await db.check()


# Writes rows one after the other and tells each that was committed.
_WRITER = """
import asyncio, sys
from sqlalchemy import text
from livecore.platform.database import SqlDatabase

async def run():
    db = SqlDatabase(sys.argv[1])
    number = 0
    while True:
        number += 1
        async with db.write() as conn:
            await conn.execute(text("INSERT INTO note (id, text) VALUES (:id, 'x')"), {"id": number})
        print(number, flush=True)

asyncio.run(run())
"""


async def test_what_was_answered_survives_the_kill_of_the_process(db: SqlDatabase) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, db.url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        answered = 0
        while answered < 20:
            answered = int(await asyncio.to_thread(writer.stdout.readline))
        writer.kill()
        answered = int((writer.stdout.read().split() or [answered])[-1])
    # The server may still be busy with the last transaction of the one that is gone.
    await until(lambda: _holds(db, answered), "the answered rows")
    assert len(await texts(db)) in (answered, answered + 1)


async def _holds(db: SqlDatabase, count: int) -> bool:
    return len(await texts(db)) >= count


# -- SQLite


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


# -- PostgreSQL


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
