"""Keys in a small SQLite file (or a database of their own), destroyed for good; keeps the promise of `ports.Keys`.

The file is in rollback-journal mode with `secure_delete`, so that a destroyed key's bytes are overwritten in
the file, and the journal is truncated at each commit. A destroyed scope whose name may come again (`account:`,
`hold:`, `claim:`) leaves a keyed hash of its name as a tombstone, so that no late writer makes a new key under an old name.
"""

import asyncio
import hashlib
import hmac
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from livecore import errors
from livecore.platform.postgres import PostgresPool
from livecore.platform.sqlite import SqliteFile
from livecore.ports import KeyDestroyed

KEYS_NAME = "keys.sqlite"
KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = b"\x01"
# Ciphers kept in memory: an active conversation's key is used often, 20,000 of them take some 10 MB.
CACHE_KEYS = 20_000
# Another process may destroy a key: what is cached is asked for anew after this.
CACHE_S = 5.0
ROOT = "root"
# Any number that nothing else in the key database uses.
_ADVISORY_LOCK = 0x6C6976656B657973
# The file keeps its journal apart and empties it at each commit: a log of old pages would keep destroyed keys.
PRAGMAS = ("journal_mode=TRUNCATE", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")
# Names that are not made for one key; the others carry an id of their own and never come again.
LASTING_SCOPES = ("account:", "hold:", "claim:")

key_metadata = MetaData()
key_table = Table(
    "key",
    key_metadata,
    Column("scope", String(120), primary_key=True),
    Column("material", LargeBinary(KEY_BYTES), nullable=False),
)
destroyed_table = Table(
    "destroyed",
    key_metadata,
    Column("scope_hash", LargeBinary(32), primary_key=True),
)


@contextmanager
def _absences() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        raise errors.Unavailable("The key store does not answer.") from exc


class SqlKeys:
    """Raises `errors.Unavailable` when the key database does not answer: nothing is then sealed or opened."""

    def __init__(self, url: str, *, monotonic: Any = None) -> None:
        parsed = make_url(url)
        self._is_sqlite = parsed.get_backend_name() == "sqlite"
        self._file: SqliteFile | None = None
        self._pool: PostgresPool | None = None
        self._engine: AsyncEngine | None = None
        if self._is_sqlite:
            assert parsed.database is not None
            self._file = SqliteFile(parsed.database, PRAGMAS)
        else:
            self._pool = PostgresPool(url, 4, pool_pre_ping=True)
            self._engine = self._pool.engine
        self._ciphers: OrderedDict[str, tuple[AESGCM, float]] = OrderedDict()
        self._now = monotonic or asyncio.get_running_loop().time
        self._root = b""
        self._turn = asyncio.Lock()

    def _transaction(self) -> AbstractAsyncContextManager[Any]:
        if self._file is not None:
            return self._file.transaction()
        assert self._engine is not None
        return self._engine.begin()

    async def start(self) -> None:
        """Make the tables and the root key (for blind indexes and tombstones)."""
        with _absences():
            async with self._transaction() as conn:
                await self._alone(conn)  # several processes start at once, and PostgreSQL does not make a table twice
                await conn.run_sync(key_metadata.create_all)
                root = {"scope": ROOT, "material": os.urandom(KEY_BYTES)}
                await conn.execute(self._insert(key_table).values(root).on_conflict_do_nothing())
                self._root = (await conn.execute(select(key_table.c.material).where(key_table.c.scope == ROOT))).scalar_one()

    async def _alone(self, conn: Any) -> None:
        """Wait for other processes until the end of this transaction; SQLite's transactions are alone anyway."""
        if not self._is_sqlite:
            await conn.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _ADVISORY_LOCK})

    def _insert(self, table: Table) -> Any:
        return sqlite.insert(table) if self._is_sqlite else postgresql.insert(table)

    def _tombstone(self, scope: str) -> bytes:
        return hmac.digest(self._root, b"destroyed:" + scope.encode(), hashlib.sha256)

    async def _load(self, scopes: list[str], *, create: bool) -> dict[str, AESGCM]:
        """Ciphers of those scopes that have a key; with `create`, keys are made where none was and none was destroyed."""
        with _absences():
            async with self._turn, self._transaction() as conn:
                return await self._load_in(conn, scopes, create)

    async def _load_in(self, conn: Any, scopes: list[str], create: bool) -> dict[str, AESGCM]:
        found: dict[str, bytes] = {}
        for start in range(0, len(scopes), 500):
            part = scopes[start : start + 500]
            rows = await conn.execute(select(key_table).where(key_table.c.scope.in_(part)))
            found.update({row.scope: row.material for row in rows})
        missing = [scope for scope in scopes if scope not in found]
        if create and missing:
            graves = {self._tombstone(scope): scope for scope in missing if scope.startswith(LASTING_SCOPES)}
            if graves:
                # Between looking for a tombstone and making the key nobody may destroy the scope.
                await self._alone(conn)
            gone: set[str] = set()
            hashes = list(graves)
            for start in range(0, len(hashes), 500):
                rows = await conn.execute(
                    select(destroyed_table.c.scope_hash).where(destroyed_table.c.scope_hash.in_(hashes[start : start + 500]))
                )
                gone.update(graves[row.scope_hash] for row in rows)
            made = [{"scope": scope, "material": os.urandom(KEY_BYTES)} for scope in missing if scope not in gone]
            if made:
                await conn.execute(self._insert(key_table).on_conflict_do_nothing(), made)
                # Another process may have been first: what the table says counts.
                rows = await conn.execute(select(key_table).where(key_table.c.scope.in_([row["scope"] for row in made])))
                found.update({row.scope: row.material for row in rows})
        now = self._now()
        ciphers = {scope: AESGCM(material) for scope, material in found.items()}
        for scope, cipher in ciphers.items():
            self._ciphers[scope] = (cipher, now)
            self._ciphers.move_to_end(scope)
        while len(self._ciphers) > CACHE_KEYS:
            self._ciphers.popitem(last=False)
        return ciphers

    def _cached(self, scope: str) -> AESGCM | None:
        entry = self._ciphers.get(scope)
        if entry is None or self._now() - entry[1] > CACHE_S:
            return None
        return entry[0]

    async def _cipher(self, scope: str, *, create: bool) -> AESGCM:
        cipher = self._cached(scope)
        if cipher is None:
            cipher = (await self._load([scope], create=create)).get(scope)
        if cipher is None:
            self._ciphers.pop(scope, None)
            raise KeyDestroyed(scope)
        return cipher

    async def seal(self, scope: str, plaintext: bytes, context: str) -> bytes:
        cipher = await self._cipher(scope, create=True)
        nonce = os.urandom(NONCE_BYTES)
        return _VERSION + nonce + cipher.encrypt(nonce, plaintext, context.encode())

    async def open(self, scope: str, sealed: bytes, context: str) -> bytes:
        cipher = await self._cipher(scope, create=False)
        if sealed[:1] != _VERSION:
            raise ValueError("sealed by another version")
        try:
            return cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], context.encode())
        except InvalidTag as exc:
            raise ValueError("the sealed bytes or their context were changed") from exc

    async def prepare(self, scopes: Iterable[str]) -> None:
        missing = [scope for scope in dict.fromkeys(scopes) if self._cached(scope) is None]
        if missing:
            await self._load(missing, create=True)

    async def destroy(self, scopes: Iterable[str]) -> None:
        wanted = [scope for scope in dict.fromkeys(scopes) if scope != ROOT]
        if not wanted:
            return
        with _absences():
            async with self._turn, self._transaction() as conn:
                lasting = [scope for scope in wanted if scope.startswith(LASTING_SCOPES)]
                if lasting:
                    await self._alone(conn)
                    await conn.execute(
                        self._insert(destroyed_table).on_conflict_do_nothing(),
                        [{"scope_hash": self._tombstone(scope)} for scope in lasting],
                    )
                for start in range(0, len(wanted), 500):
                    await conn.execute(key_table.delete().where(key_table.c.scope.in_(wanted[start : start + 500])))
        for scope in wanted:
            self._ciphers.pop(scope, None)

    def blind(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._root, f"blind:{kind}:{value}".encode(), hashlib.sha256)

    async def check(self) -> None:
        """Whether the key database answers, for `/readyz`. Raises Unavailable."""
        await self._load([ROOT], create=False)

    async def close(self) -> None:
        self._ciphers.clear()
        if self._file is not None:
            self._file.close()
        if self._pool is not None:
            await self._pool.close()
