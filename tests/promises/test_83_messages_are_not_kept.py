"""83. Message non-retention: "we do not retain our users' messages in the ordinary course"."""

import itertools
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.conftest import StartServer
from tests.people import Listener, Person
from tests.processes import Program
from tests.rooms.talk import bodies, direct, group, hears, nothing_held, received, rows, say, synced
from tests.serving import Server
from tests.waiting import until

MARKER = "marker-7c1f-violet-elephant"


def files_with(directory: Path, marker: str) -> list[str]:
    """Files under the directory that hold the marker in any of the usual encodings."""
    forms = [marker.encode(), marker.encode("utf-16-le"), marker.encode().hex().encode()]
    return [str(path) for path in directory.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in forms)]


def sealed_blobs(data_dir: Path) -> list[tuple[str, bytes]]:
    """Every held body with its context, from the database as it lies there."""
    with sqlite3.connect(data_dir / "livecore.sqlite") as connection:
        found = connection.execute("SELECT conversation_id, id, sealed FROM message").fetchall()
    return [(f"message:{conversation}:{id}", sealed) for conversation, id, sealed in found]


def keys_left(data_dir: Path) -> list[bytes]:
    with sqlite3.connect(data_dir / "keys.sqlite") as connection:
        return [row[0] for row in connection.execute("SELECT material FROM key")]


def opens(key: bytes, sealed: bytes, context: str) -> bool:
    try:
        AESGCM(key).decrypt(sealed[1:13], sealed[13:], context.encode())
    except InvalidTag:
        return False
    return True


async def friends(server: Server, *names: str) -> list[Person]:
    people = [await server.person(name) for name in names]
    for one, other in itertools.combinations(people, 2):
        await server.befriend(one, other)
    return people


async def exchange(people: list[Person], sockets: list[Listener]) -> None:
    """Messages with the marker, alone and in a group, edited and reacted to; all delivered and acknowledged."""
    talk = await direct(people[0], people[1])
    team = await group(people[0], *people[1:])
    sent = await say(sockets[0], talk, f"{MARKER} direct")
    await say(sockets[0], team, f"{MARKER} group")
    assert (await sockets[0].call("message:edit", {"conversation": talk, "id": sent["id"], "body": f"{MARKER} edited"}))["ok"]
    await hears(sockets[1], f"{MARKER} direct", f"{MARKER} group")
    await until(lambda: sockets[1].heard("message:edited"))
    await received(sockets[1], talk, 2)
    for socket in sockets[1:]:
        await until(lambda socket=socket: [one for one in socket.heard("message:new") if one["conversation"] == team])
        await received(socket, team, 1)


@pytest.mark.embedded
async def test_83_after_the_last_acknowledgement_no_table_file_or_log_holds_the_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], start_server: StartServer
) -> None:
    server = await start_server(data_dir=tmp_path / "data")
    people = await friends(server, "anna", "ben", "carl")
    sockets = [await person.connect() for person in people]
    await exchange(people, sockets)
    await nothing_held(server)

    async def journal_is_empty() -> bool:
        journal = tmp_path / "data" / "livecore.sqlite-wal"
        return not journal.exists() or journal.stat().st_size == 0 or await rows(server, "message") == 0

    await until(journal_is_empty)
    assert files_with(tmp_path, MARKER) == []
    out, err = capfd.readouterr()
    assert MARKER not in out + err


@pytest.mark.embedded
async def test_83_what_lay_in_files_cannot_be_unsealed_with_what_is_left(tmp_path: Path, start_server: StartServer) -> None:
    """A copy of every file taken while the message was held, against every key that is left after its delivery."""
    data = tmp_path / "data"
    server = await start_server(data_dir=data)
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, MARKER)
    await hears(b, MARKER)
    copied = sealed_blobs(data)
    assert len(copied) == 1
    assert any(opens(key, sealed, context) for key in keys_left(data) for context, sealed in copied)
    assert files_with(data, MARKER) == []  # not even while it is held
    await received(b, talk, 1)
    await nothing_held(server)
    assert not any(opens(key, sealed, context) for key in keys_left(data) for context, sealed in copied)
    material = list(data.glob("keys.sqlite*"))
    raw = b"".join(path.read_bytes() for path in material)
    candidates = (raw[start : start + 32] for start in range(len(raw) - 31))
    assert not any(opens(key, sealed, context) for key in candidates for context, sealed in copied)


async def test_83_an_offline_recipient_gets_it_within_the_time_and_never_after(start_server: StartServer) -> None:
    server = await start_server()
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    await say(a, talk, "in time")
    server.clock.advance(timedelta(days=29).total_seconds())
    await ben.sign_in()
    b = await ben.connect()
    held = await synced(b, talk)
    assert bodies(held["messages"]) == ["in time"]
    await b.close()
    server.clock.advance(timedelta(days=2).total_seconds())
    await ben.sign_in()
    b = await ben.connect()
    late = await synced(b, talk)
    assert late["messages"] == []
    assert late["reset"] is True
    await server.app.rooms.expiry.run()
    await nothing_held(server)


async def test_83_a_kill_between_delivery_and_the_end_of_the_key_leaves_no_key(tmp_path: Path) -> None:
    """The program killed right after the acknowledgement; its next start finishes what was due."""
    program = Program(tmp_path / "data")
    try:
        await program.start()
        people = await friends(program, "anna", "ben", "carl")
        sockets = [await person.connect() for person in people]
        await exchange(people, sockets)
        await program.kill()
        before = sealed_blobs(program.data_dir)
        assert before == []
        await program.start()

        def keys_gone() -> bool:
            with sqlite3.connect(program.data_dir / "keys.sqlite") as connection:
                return connection.execute("SELECT count(*) FROM key WHERE scope LIKE 'conversation:%'").fetchone()[0] == 0

        await until(keys_gone, "keys of delivered messages to go")
        await program.stop()
        assert files_with(tmp_path, MARKER) == []
    finally:
        await program.stop()
