"""37. Deletion on PostgreSQL: after the tables are written anew, none of the database's files holds anything that leads to the person."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.conftest import StartServer
from tests.promises.test_37_delete import delete_at_once, erased, lived, traces
from tests.waiting import until


def left(url: str, words: list[str]) -> list[str]:
    """Words in the files of this database, its catalogue and statistics among them, once what is in memory was written."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(
            "SELECT current_setting('data_directory'), oid::text FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    files = [path for path in (Path(row[0]) / "base" / row[1]).iterdir() if path.is_file()]
    return sorted({word for path in files for word in words if word.encode() in path.read_bytes()})


@pytest.mark.postgres
async def test_37_after_vacuum_full_the_database_files_hold_no_trace(postgres_url: str, start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server(database_url=postgres_url)
    anna, _ = await lived(server, tmp_path)
    words = traces(anna)
    # The search finds what is there; mail and phone are sealed and stand in no file even now.
    assert {anna.id, "zanzibarium"} <= set(left(postgres_url, words))
    await delete_at_once(anna)
    await erased(server, anna)

    def rewritten() -> list[str]:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("VACUUM (FULL, ANALYZE)")
        return left(postgres_url, words)

    async def are_clean() -> bool:
        # It waits for locks of the server, which has this loop.
        return not await asyncio.to_thread(rewritten)

    await until(are_clean, "files without a trace", 40)
