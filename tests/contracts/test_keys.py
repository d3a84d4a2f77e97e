"""What `ports.Keys` promises, with the file and with a database of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from livecore.errors import Unavailable
from livecore.platform.database import database_url
from livecore.platform.keys import CACHE_S, SqlKeys, key_table
from livecore.ports import KeyDestroyed
from tests.servers import free_port


class Now:
    """Monotonic seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    configured = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    return database_url(configured, tmp_path, "keys.sqlite")


@pytest.fixture
async def keys(url: str) -> AsyncIterator[SqlKeys]:
    made = SqlKeys(url)
    await made.start()
    yield made
    await made.close()


async def material(keys: SqlKeys, scope: str) -> bytes:
    """The key itself, as only the key database has it."""
    async with keys._transaction() as conn:
        found = (await conn.execute(select(key_table.c.material).where(key_table.c.scope == scope))).scalar_one()
    assert isinstance(found, bytes)
    return found


async def test_what_was_sealed_is_opened(keys: SqlKeys) -> None:
    for plaintext in (b"", b"x", b"a longer text " * 1000):
        sealed = await keys.seal("conversation:1:2:a", plaintext, "message.body")
        assert await keys.open("conversation:1:2:a", sealed, "message.body") == plaintext
        assert len(plaintext) < 8 or plaintext not in sealed


async def test_the_same_text_is_sealed_differently_each_time(keys: SqlKeys) -> None:
    assert len({await keys.seal("account:1", b"x", "c") for _ in range(100)}) == 100


async def test_the_context_the_scope_and_every_byte_are_authenticated(keys: SqlKeys) -> None:
    sealed = await keys.seal("account:1", b"text", "account.email")
    await keys.seal("account:2", b"text", "account.email")
    with pytest.raises(ValueError):
        await keys.open("account:1", sealed, "account.phone")
    with pytest.raises(ValueError):
        await keys.open("account:2", sealed, "account.email")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            await keys.open("account:1", bytes(changed), "account.email")
    for short in (b"", sealed[:1], sealed[:13], sealed[:-1]):
        with pytest.raises(ValueError):
            await keys.open("account:1", short, "account.email")


async def test_a_key_lives_on_in_the_next_process(url: str) -> None:
    first = SqlKeys(url)
    await first.start()
    sealed = await first.seal("account:1", b"text", "c")
    blind = first.blind("email", "a@example.org")
    await first.close()
    second = SqlKeys(url)
    await second.start()
    assert await second.open("account:1", sealed, "c") == b"text"
    assert second.blind("email", "a@example.org") == blind
    await second.close()


async def test_two_processes_that_seal_first_agree_on_one_key(url: str) -> None:
    one, other = SqlKeys(url), SqlKeys(url)
    await asyncio.gather(one.start(), other.start())
    sealed = await asyncio.gather(
        *((one if number % 2 else other).seal(f"account:{number // 2}", str(number).encode(), "c") for number in range(40))
    )
    for number in range(40):
        for keys in (one, other):
            assert await keys.open(f"account:{number // 2}", sealed[number], "c") == str(number).encode()
    await one.close()
    await other.close()


async def test_nobody_opens_what_a_destroyed_key_sealed(keys: SqlKeys) -> None:
    sealed = await keys.seal("conversation:1:2:a", b"text", "c")
    other = await keys.seal("conversation:1:2:b", b"other", "c")
    await keys.destroy(["conversation:1:2:a", "conversation:9:9:never"])
    with pytest.raises(KeyDestroyed):
        await keys.open("conversation:1:2:a", sealed, "c")
    assert await keys.open("conversation:1:2:b", other, "c") == b"other"
    await keys.destroy(["conversation:1:2:a"])
    await keys.destroy([])


async def test_another_process_forgets_a_destroyed_key_within_five_seconds(url: str) -> None:
    now = Now()
    here, there = SqlKeys(url), SqlKeys(url, monotonic=now)
    await here.start()
    await there.start()
    sealed = await here.seal("account:1", b"text", "c")
    assert await there.open("account:1", sealed, "c") == b"text"
    await here.destroy(["account:1"])
    assert CACHE_S <= 5
    now.seconds += CACHE_S + 0.001
    with pytest.raises(KeyDestroyed):
        await there.open("account:1", sealed, "c")
    with pytest.raises(KeyDestroyed):
        await there.seal("account:1", b"new", "c")
    await here.close()
    await there.close()


@pytest.mark.parametrize("scope", ["account:1", "hold:1"])
async def test_a_lasting_scope_that_was_destroyed_never_gets_a_new_key(keys: SqlKeys, url: str, scope: str) -> None:
    await keys.seal(scope, b"text", "c")
    await keys.destroy([scope])
    with pytest.raises(KeyDestroyed):
        await keys.seal(scope, b"text", "c")
    await keys.prepare([scope, "account:other"])  # passed over, not refused
    with pytest.raises(KeyDestroyed):
        await keys.seal(scope, b"text", "c")
    await keys.seal("account:other", b"text", "c")
    later = SqlKeys(url)
    await later.start()
    with pytest.raises(KeyDestroyed):
        await later.seal(scope, b"text", "c")
    await later.close()


async def test_a_scope_destroyed_before_it_was_used_stays_without_a_key(keys: SqlKeys) -> None:
    await keys.destroy(["account:late"])
    with pytest.raises(KeyDestroyed):
        await keys.seal("account:late", b"text", "c")


async def test_a_first_seal_and_a_destruction_at_once_leave_no_key(url: str) -> None:
    """Whoever comes first: after both have ended the scope has no key, and nothing that was sealed opens."""
    here, there = SqlKeys(url), SqlKeys(url)
    await here.start()
    await there.start()
    scopes = [f"account:{number}" for number in range(30)]
    await asyncio.gather(*(each for scope in scopes for each in (here.prepare([scope]), there.destroy([scope]))))
    async with here._transaction() as conn:
        left = set((await conn.execute(select(key_table.c.scope))).scalars())
    assert left == {"root"}
    await here.close()
    await there.close()


async def test_prepared_keys_are_the_ones_that_seal(keys: SqlKeys) -> None:
    scopes = [f"conversation:{number}:1:x" for number in range(1200)]
    await keys.prepare(scopes)
    before = await material(keys, scopes[700])
    await keys.prepare(scopes)
    sealed = await keys.seal(scopes[700], b"text", "c")
    assert await material(keys, scopes[700]) == before
    assert await keys.open(scopes[700], sealed, "c") == b"text"
    await keys.destroy(scopes)
    for scope in (scopes[0], scopes[700], scopes[-1]):
        with pytest.raises(KeyDestroyed):
            await keys.open(scope, sealed, "c")


async def test_destroying_the_root_by_name_is_not_possible(keys: SqlKeys) -> None:
    before = keys.blind("email", "a@example.org")
    await keys.destroy(["root"])
    await keys.check()
    assert keys.blind("email", "a@example.org") == before


async def test_a_blind_index_is_keyed_and_of_its_kind(keys: SqlKeys, tmp_path: Path) -> None:
    index = keys.blind("email", "a@example.org")
    assert len(index) == 32
    assert index == keys.blind("email", "a@example.org")
    assert index != keys.blind("phone", "a@example.org")
    assert index != keys.blind("email", "b@example.org")
    elsewhere = SqlKeys(database_url("", tmp_path, "other.sqlite"))
    await elsewhere.start()
    assert elsewhere.blind("email", "a@example.org") != index
    await elsewhere.close()


# -- nothing remains


async def test_of_a_destroyed_key_no_byte_is_left_in_any_file(tmp_path: Path) -> None:
    """Every eight bytes of each destroyed key are looked for in every file of the directory, also by the name that it had."""
    keys = SqlKeys(database_url("", tmp_path, "keys.sqlite"))
    await keys.start()
    scopes = [f"conversation:{number:04}:482913:{number:032x}" for number in range(300)]
    await keys.prepare(["account:kept", "account:gone", "hold:gone", *scopes])
    doomed = ["account:gone", "hold:gone", *scopes[:250]]
    materials = [await material(keys, scope) for scope in doomed]

    def pieces_found() -> int:
        held = b"\x00\x00".join(path.read_bytes() for path in tmp_path.iterdir())
        return sum(key[start : start + 8] in held for key in materials for start in range(0, 25, 8))

    def names_found() -> int:
        held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        return sum(scope.encode() in held for scope in doomed)

    assert pieces_found() == len(materials) * 4, "the scan finds what is there"
    assert names_found() == len(doomed)
    await keys.destroy(doomed)
    # At once, while the process still runs: not only after a clean end.
    assert pieces_found() == 0
    assert names_found() == 0
    copied = tmp_path / "copied-after"
    copied.mkdir()
    for path in list(tmp_path.glob("keys.sqlite*")):
        shutil.copy(path, copied)
    later = SqlKeys(database_url("", copied, "keys.sqlite"))
    await later.start()
    with pytest.raises(KeyDestroyed):
        await later.seal("account:gone", b"", "c")
    await later.seal("account:kept", b"", "c")
    await later.close()
    await keys.close()


@pytest.mark.postgres
async def test_of_a_destroyed_key_no_row_is_left_in_the_key_database(postgres_url: str, tmp_path: Path) -> None:
    keys = SqlKeys(database_url(postgres_url, tmp_path))
    await keys.start()
    await keys.prepare(["account:gone", "account:kept"])
    await keys.destroy(["account:gone"])
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT scope FROM key ORDER BY scope").fetchall() == [("account:kept",), ("root",)]
        assert connection.execute("SELECT count(*) FROM destroyed").fetchone() == (1,)
    await keys.close()


async def test_destroyed_keys_leave_the_memory_of_the_process_that_destroyed_them(keys: SqlKeys) -> None:
    await keys.seal("account:1", b"text", "c")
    assert "account:1" in keys._ciphers
    await keys.destroy(["account:1"])
    assert "account:1" not in keys._ciphers


# -- absence


@pytest.mark.postgres
async def test_without_its_database_nothing_is_sealed() -> None:
    keys = SqlKeys(database_url(f"postgresql://postgres@127.0.0.1:{free_port()}/keys", Path()))
    with pytest.raises(Unavailable):
        await keys.start()
    with pytest.raises(Unavailable):
        await keys.seal("account:1", b"text", "c")
    with pytest.raises(Unavailable):
        await keys.destroy(["account:1"])
    with pytest.raises(Unavailable):
        await keys.check()
    await keys.close()
