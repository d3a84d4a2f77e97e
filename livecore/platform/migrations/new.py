"""`python -m livecore.platform.migrations.new "message"`: write the migration from the newest one to the tables as they are declared."""

import asyncio
import importlib
import pkgutil
import sys
import tempfile
from pathlib import Path

import livecore
from livecore.data import metadata
from livecore.platform.database import SqlDatabase, database_url
from livecore.platform.migrations import make_revision


def load_tables() -> None:
    """Import every module that declares tables, so that the metadata are whole."""
    for module in pkgutil.walk_packages(livecore.__path__, "livecore."):
        if module.name.rpartition(".")[2] in ("tables", "jobs", "idempotency"):
            importlib.import_module(module.name)


async def write(message: str) -> Path:
    """Answers the file; it is to be read before it is committed."""
    load_tables()
    with tempfile.TemporaryDirectory() as directory:
        db = SqlDatabase(database_url("", Path(directory)))
        try:
            return await make_revision(db, metadata, message)
        finally:
            await db.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m livecore.platform.migrations.new "what the migration does"')
    sys.stdout.write(f"{asyncio.run(write(sys.argv[1]))}\n")
