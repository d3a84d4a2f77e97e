"""Posts by the million, straight into a database: made by the database itself, with the search index built in one go."""

import contextlib
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from livecore.platform.migrations import full_text

WORDS = ("bread", "music", "garden", "travel", "football", "painting", "bicycle", "coffee")
# Between one post and the next: a million posts then cover some two years.
STEP_MS = 60_000

_SQLITE_POSTS = f"""
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < :count)
INSERT INTO post (id, author_id, text, visibility, created_ms, tags, images, version)
SELECT printf('%012x', :now_ms - (n + 1) * {STEP_MS}) || lower(hex(randomblob(10))),
  (SELECT value FROM json_each(:authors) WHERE key = n % json_array_length(:authors)),
  'about ' || (SELECT value FROM json_each(:words) WHERE key = n % json_array_length(:words)) || ' number ' || n || ' #'
  || (SELECT value FROM json_each(:words) WHERE key = n % json_array_length(:words)),
  'everyone', :now_ms - (n + 1) * {STEP_MS},
  (SELECT value FROM json_each(:words) WHERE key = n % json_array_length(:words)), '', 1
FROM number
"""
_POSTGRESQL_POSTS = f"""
INSERT INTO post (id, author_id, text, visibility, created_ms, tags, images, version)
SELECT lpad(to_hex($1::bigint - (n + 1) * {STEP_MS}::bigint), 12, '0') || substr(md5(n::text), 1, 20),
  ($2::text[])[n % array_length($2::text[], 1) + 1],
  'about ' || word || ' number ' || n || ' #' || word, 'everyone', $1::bigint - (n + 1) * {STEP_MS}::bigint, word, '', 1
FROM (SELECT n, ($3::text[])[n % array_length($3::text[], 1) + 1] AS word
  FROM generate_series(0, $4::int - 1) AS n) AS numbered
"""


def seed_sqlite(path: Path, authors: Sequence[str], friends: Sequence[tuple[str, str]], count: int, now_ms: int) -> None:

    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search_fts%'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        given = {"count": count, "now_ms": now_ms, "authors": orjson.dumps(list(authors)).decode(), "words": orjson.dumps(WORDS).decode()}
        connection.execute(_SQLITE_POSTS, given)
        connection.execute("DELETE FROM search_entry")
        for statement in full_text.filling():
            connection.execute(statement)
        connection.execute("INSERT INTO search_fts (search_fts) VALUES ('rebuild')")
        for _, statement in triggers:
            connection.execute(statement)
        connection.executemany("INSERT OR IGNORE INTO friendship VALUES (?, ?, ?)", [(*pair, now_ms) for pair in friends])
        connection.execute("COMMIT")


async def seed_postgresql(url: str, authors: Sequence[str], friends: Sequence[tuple[str, str]], count: int, now_ms: int) -> None:
    # Only who measures PostgreSQL needs its driver.
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute("ALTER TABLE post DISABLE TRIGGER search_fts_post")
        await connection.execute(_POSTGRESQL_POSTS, now_ms, list(authors), list(WORDS), count)
        await connection.execute("DELETE FROM search_entry")
        for statement in full_text.filling():
            await connection.execute(statement)
        await connection.execute("ALTER TABLE post ENABLE TRIGGER search_fts_post")
        pairs = [(*pair, now_ms) for pair in friends]
        await connection.executemany("INSERT INTO friendship VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", pairs)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, int] | None]:
    """A throwaway server: its address and process; None where this machine has no PostgreSQL."""

    # A `postgres` on the path may be a link that stands there without the programs beside it.
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = str(packaged[-1]) if packaged else shutil.which("postgres")
    if found is None:
        yield None
        return
    binaries = Path(found).resolve().parent
    directory = Path(tempfile.mkdtemp(prefix="livecore-bench-pg-"))
    as_user: dict[str, Any] = {}
    if os.getuid() == 0:  # PostgreSQL does not run as root
        user = pwd.getpwnam("postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody")
        os.chown(directory, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    data = directory / "data"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": directory} | as_user
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"], check=True, **quiet
    )
    process = subprocess.Popen(
        [
            binaries / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-k",
            directory,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "shared_buffers=256MB",
        ],
        **quiet,
    )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        ready: list[str | Path] = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
        while subprocess.run(ready, check=False, **quiet).returncode != 0:
            if process.poll() is not None:
                raise OSError("PostgreSQL did not start")
            time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(directory, ignore_errors=True)
