"""The schema, brought up to date when a process starts.

With migrations in `versions/` the database is upgraded to the newest of them; before the first one exists the tables are made
from the metadata. One transaction under a lock that other starting processes wait for: either all of it happened or nothing.
"""

import asyncio
import fcntl
import os
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from livecore.errors import ConfigError
from livecore.platform.database import SqlDatabase
from livecore.platform.migrations import full_text

log = structlog.get_logger("migrations")

HERE = Path(__file__).parent
# Any number that nothing else in the database uses.
_ADVISORY_LOCK = 0x6C697665636F7265


def alembic_config(metadata: MetaData, connection: Connection | None = None) -> Config:
    # Quiet: the log tells of an upgrade, the command of what it wrote.
    config = Config(cmd_opts=Namespace(quiet=True))
    config.set_main_option("script_location", str(HERE))
    # Sorted by time, and readable in a listing.
    config.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    config.attributes["metadata"] = metadata
    config.attributes["connection"] = connection
    return config


async def migrate(db: SqlDatabase, metadata: MetaData) -> None:
    """Raises ConfigError when the database was made by a newer version, or by none that a migration leads from."""
    async with _alone(db), db.write() as connection:
        if db.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})
        await connection.run_sync(_migrate, metadata)


def _migrate(connection: Connection, metadata: MetaData) -> None:
    config = alembic_config(metadata, connection)
    known = ScriptDirectory.from_config(config)
    if not known.get_heads():
        metadata.create_all(connection)
        return
    present = MigrationContext.configure(connection).get_current_heads()
    revisions = {revision.revision for revision in known.walk_revisions()}
    if not set(present) <= revisions:
        raise ConfigError("database_url: this database was made by a newer livecore; start that version, or restore a backup")
    if not present and set(inspect(connection).get_table_names()) & set(metadata.tables):
        # Made from the metadata before there were migrations.
        if difference(connection, metadata):
            raise ConfigError("database_url: this database was made by an unreleased livecore; start with an empty one")
        command.stamp(config, "head")
        return
    if set(present) != set(known.get_heads()):
        log.info("the schema is brought up to date")
        command.upgrade(config, "head")


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Whether the metadata speak of it: the parts of the full-text index are the database's own."""
    return not (name is not None and kind in ("table", "index", "column") and name.startswith(full_text.NAMES))


def difference(connection: Connection, metadata: MetaData) -> list[object]:
    """What a new migration would change: empty when the database is as the metadata say."""
    options = {"compare_type": True, "compare_server_default": True, "include_name": is_described}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, metadata))


async def make_revision(db: SqlDatabase, metadata: MetaData, message: str) -> Path:
    """Write the migration that leads from the newest one to the metadata. `db` is an empty database to work in."""
    if ScriptDirectory.from_config(alembic_config(metadata)).get_heads():
        await migrate(db, metadata)

    def generate(connection: Connection) -> Path:
        script = command.revision(alembic_config(metadata, connection), message=message, autogenerate=True)
        assert script is not None
        assert not isinstance(script, list)
        return Path(script.path)

    async with db.write() as connection:
        return await connection.run_sync(generate)


@asynccontextmanager
async def _alone(db: SqlDatabase) -> AsyncIterator[AsyncConnection | None]:
    """SQLite: hold a lock beside the file, since waiting inside SQLite ends after seconds and a migration may take longer."""
    database = make_url(db.url).database
    if db.dialect != "sqlite" or not database or database == ":memory:":
        yield None
        return
    descriptor = os.open(f"{database}.migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield None
    finally:
        os.close(descriptor)
