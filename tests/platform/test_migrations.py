"""The schema at a start: made, upgraded, refused; on both databases."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Column, Connection, Index, Integer, MetaData, String, Table, inspect, text

from livecore.data import metadata as real_metadata
from livecore.errors import ConfigError
from livecore.platform import migrations
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.migrations import alembic_config, difference, make_revision, migrate
from livecore.platform.migrations.new import load_tables, write


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    configured = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return database_url(configured, tmp_path)


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqlDatabase]:
    made = SqlDatabase(url)
    yield made
    await made.close()


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of migrations of this test's own, still empty."""
    here = tmp_path / "migrations"
    shutil.copytree(migrations.HERE, here, ignore=shutil.ignore_patterns("versions", "__pycache__"))
    (here / "versions").mkdir()
    monkeypatch.setattr(migrations, "HERE", here)
    return here / "versions"


def first() -> MetaData:
    metadata = MetaData(naming_convention=real_metadata.naming_convention)
    Table("person", metadata, Column("id", String(32), primary_key=True), Column("handle", String(30), nullable=False, unique=True))
    return metadata


def second() -> MetaData:
    """The first with a column, an index and a table more, and a column that may be empty now."""
    metadata = MetaData(naming_convention=real_metadata.naming_convention)
    Table(
        "person",
        metadata,
        Column("id", String(32), primary_key=True),
        Column("handle", String(30), unique=True),
        Column("height_cm", Integer),
        Index("ix_person_height_cm", "height_cm"),
    )
    Table("thing", metadata, Column("id", String(32), primary_key=True))
    return metadata


async def differs(db: SqlDatabase, metadata: MetaData) -> list[object]:
    async with db.write() as conn:
        return await conn.run_sync(difference, metadata)


async def write_migrations(tmp_path: Path, *steps: MetaData) -> None:
    """One migration for each step, written on an empty SQLite database as the command does it."""
    for number, metadata in enumerate(steps):
        db = SqlDatabase(database_url("", tmp_path, f"written{number}.sqlite"))
        await make_revision(db, metadata, f"step {number}")
        await db.close()


async def test_the_schema_that_a_start_makes_is_the_one_that_is_declared(db: SqlDatabase) -> None:
    """Through the migrations that ship, where there are any."""
    load_tables()
    await migrate(db, real_metadata)
    assert await differs(db, real_metadata) == []
    await migrate(db, real_metadata)
    assert await differs(db, real_metadata) == []


async def test_what_was_said_under_videos_lives_on_with_posts(db: SqlDatabase) -> None:
    def lead_to(revision: str) -> Callable[[Connection], None]:
        return lambda connection: command.upgrade(alembic_config(real_metadata, connection), revision)

    async with db.write() as conn:
        await conn.run_sync(lead_to("c603c6745c58"))
        await conn.execute(
            text("INSERT INTO video_comment (id, video_id, author_id, text, created_ms) VALUES ('c', 'v', 'a', 'walrus', 1)")
        )
        await conn.execute(text("INSERT INTO video_like (video_id, account_id, created_ms) VALUES ('v', 'a', 2)"))
        await conn.execute(text("INSERT INTO comment_like (comment_id, account_id, video_id, created_ms) VALUES ('c', 'b', 'v', 3)"))
        await conn.execute(
            text("INSERT INTO post (id, author_id, text, visibility, created_ms, version) VALUES ('p', 'a', 'seal', 'everyone', 4, 1)")
        )
        await conn.execute(
            text(
                "INSERT INTO content_share (id, kind, content_id, actor_id, channel, created_ms, idempotency) "
                "VALUES ('s', 'post', 'p', 'b', 'link', 5, 's')"
            )
        )
    await migrate(db, real_metadata)
    async with db.write() as conn:
        assert (await conn.execute(text("SELECT kind, content_id, author_id, text FROM content_comment"))).all() == [
            ("video", "v", "a", "walrus")
        ]
        assert (await conn.execute(text("SELECT kind, content_id, account_id FROM content_like"))).all() == [("video", "v", "a")]
        assert (await conn.execute(text("SELECT comment_id, account_id, content_id FROM comment_like"))).all() == [("c", "b", "v")]
        assert (await conn.execute(text("SELECT likes, comments, shares FROM post"))).all() == [(0, 0, 1)]
        await conn.execute(text("UPDATE post SET text = 'gull'"))
        assert (await conn.execute(text("SELECT text FROM search_entry"))).all() == [("gull",)]


async def test_the_command_writes_a_migration_that_makes_every_table(db: SqlDatabase, versions: Path) -> None:
    path = await write("first tables")
    assert path.parent == versions
    await migrate(db, real_metadata)
    assert await differs(db, real_metadata) == []


async def test_every_table_that_is_declared_is_loaded() -> None:
    load_tables()
    assert "job" in real_metadata.tables
    assert "account" in real_metadata.tables


async def test_a_difference_is_found(db: SqlDatabase) -> None:
    async with db.write() as conn:
        await conn.run_sync(first().create_all)
    assert await differs(db, first()) == []
    assert len(await differs(db, second())) >= 4


async def test_before_the_first_migration_tables_are_made_as_declared(db: SqlDatabase, versions: Path) -> None:
    await migrate(db, first())
    assert await differs(db, first()) == []


async def test_an_empty_database_is_led_through_every_migration(db: SqlDatabase, versions: Path, tmp_path: Path) -> None:
    await write_migrations(tmp_path, first(), second())
    assert len(list(versions.glob("*.py"))) == 2
    await migrate(db, second())
    assert await differs(db, second()) == []


async def test_rows_live_on_through_a_migration(db: SqlDatabase, versions: Path, tmp_path: Path) -> None:
    await write_migrations(tmp_path, first())
    await migrate(db, first())
    async with db.write() as conn:
        await conn.execute(text("INSERT INTO person (id, handle) VALUES ('1', 'anna')"))
    other = SqlDatabase(database_url("", tmp_path, "later.sqlite"))
    await make_revision(other, second(), "the second step")
    await other.close()
    await migrate(db, second())
    assert await differs(db, second()) == []
    async with db.read() as conn:
        assert (await conn.execute(text("SELECT id, handle, height_cm FROM person"))).all() == [("1", "anna", None)]


async def test_a_migration_that_fails_leaves_the_schema_as_it_was(db: SqlDatabase, versions: Path, tmp_path: Path) -> None:
    await write_migrations(tmp_path, first())
    await migrate(db, first())
    (newest,) = versions.glob("*.py")
    revision = next(line.split('"')[1] for line in newest.read_text().replace("'", '"').splitlines() if line.startswith("revision"))
    (versions / "broken.py").write_text(
        f'revision = "broken"\ndown_revision = "{revision}"\nbranch_labels = depends_on = None\n\n\n'
        'def upgrade():\n    from alembic import op\n    op.execute("CREATE TABLE half (id INTEGER)")\n    raise RuntimeError("in the middle")\n'
    )
    with pytest.raises(RuntimeError, match="in the middle"):
        await migrate(db, first())
    async with db.read() as conn:
        tables = await conn.run_sync(lambda sync: inspect(sync).get_table_names())
    assert "half" not in tables
    (versions / "broken.py").unlink()
    await migrate(db, first())
    assert await differs(db, first()) == []


async def test_processes_that_start_at_once_migrate_once(url: str, versions: Path, tmp_path: Path) -> None:
    await write_migrations(tmp_path, first(), second())
    processes = [SqlDatabase(url) for _ in range(4)]
    await asyncio.gather(*(migrate(db, second()) for db in processes))
    assert await differs(processes[0], second()) == []
    for db in processes:
        await db.close()


async def test_processes_that_start_at_once_make_tables_once(url: str, versions: Path) -> None:
    processes = [SqlDatabase(url) for _ in range(4)]
    await asyncio.gather(*(migrate(db, first()) for db in processes))
    assert await differs(processes[0], first()) == []
    for db in processes:
        await db.close()


async def test_a_database_of_a_newer_version_is_refused(db: SqlDatabase, versions: Path, tmp_path: Path) -> None:
    await write_migrations(tmp_path, first())
    await migrate(db, first())
    async with db.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = 'of the future'"))
    with pytest.raises(ConfigError, match="newer"):
        await migrate(db, first())


async def test_tables_made_before_the_first_migration_are_taken_over_when_they_are_equal(
    db: SqlDatabase, versions: Path, tmp_path: Path
) -> None:
    await migrate(db, first())
    await write_migrations(tmp_path, first())
    await migrate(db, first())
    async with db.read() as conn:
        assert len((await conn.execute(text("SELECT version_num FROM alembic_version"))).all()) == 1


async def test_tables_made_before_the_first_migration_are_refused_when_they_differ(db: SqlDatabase, versions: Path, tmp_path: Path) -> None:
    await migrate(db, first())
    await write_migrations(tmp_path, second())
    with pytest.raises(ConfigError, match="unreleased"):
        await migrate(db, second())
