"""What `ports.Database` promises, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
import subprocess
import sys

import asyncpg
import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from livecore.among import among, members
from livecore.platform.database import SqlDatabase
from tests.contracts.database.notes import metadata, note, texts
from tests.waiting import until


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
