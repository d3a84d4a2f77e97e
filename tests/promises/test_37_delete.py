"""37. Deletion: after the grace period nothing is left that leads to the person, and a restart in the middle still finishes."""

import io
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from livecore.data import metadata
from tests.conftest import StartServer
from tests.library.recorded import keep
from tests.people import Person
from tests.rooms.talk import direct, hears, received, say
from tests.serving import Server
from tests.waiting import until


async def lived(server: Server, directory: Path, number: int = 0) -> tuple[Person, Person]:
    """Somebody who used everything there is, and a friend who stays."""
    anna, ben = await server.person(f"annamarker{number or ''}"), await server.person(f"ben{number or ''}")
    await server.befriend(anna, ben)
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(picture, "PNG")
    assert (await anna.put("/api/v1/me/avatar", data=picture.getvalue(), headers={"Content-Type": "image/png"})).status == 200
    assert (await anna.patch("/api/v1/me", {"status_message": "Marker at sea"})).status == 200
    await keep(server, anna, directory, title="Marker film")
    await anna.post("/api/v1/posts", {"text": "Marker post of the Zanzibarium #quetzalcoatlus", "visibility": "everyone"})
    await anna.post("/api/v1/lives", {"title": "Marker live"})
    await anna.post("/api/v1/me/exports")
    one, other = await anna.connect(), await ben.connect()
    talk = await direct(anna, ben)
    await say(one, talk, "Marker words")
    await hears(other, "Marker words")
    await received(other, talk, 1)
    assert (await one.call("presence:set", {"status": "away", "text": "Marker tea"}))["ok"]
    await one.close()
    await other.close()
    return anna, ben


def traces(anna: Person) -> list[str]:
    # The last two as an index of words keeps them: folded.
    words = ["Marker", anna.device["id"], "zanzibarium", "quetzalcoatlus"]
    return [anna.id, anna.email, anna.phone, anna.phone.lstrip("+"), *words]


async def left_in_tables(server: Server, words: list[str]) -> list[str]:
    found = []
    async with server.app.db.read() as conn:
        for table in metadata.sorted_tables:
            for row in (await conn.execute(select(table))).all():
                text = " ".join(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in row)
                found += [f"{table.name}: {word}" for word in words if word in text]
    return sorted(set(found))


def left_in_files(server: Server, words: list[str]) -> list[str]:
    # What was sent before is the sender's affair: without senders it lies in the outbox, which an operator empties.
    files = [path for path in server.settings.data_dir.rglob("*") if path.is_file() and path.name != "outbox.jsonl"]
    named = [str(path) for path in server.settings.data_dir.rglob("*") if words[0] in str(path)]
    return named + [f"{path}: {word}" for path in files for word in words if word.encode() in path.read_bytes()]


async def erased(server: Server, anna: Person) -> None:
    async def nothing_left() -> bool:
        return not await left_in_tables(server, traces(anna)[:4])

    await until(nothing_left, "the account to be erased", 40)


async def delete_at_once(anna: Person) -> None:
    answer = await anna.delete("/api/v1/me", json={"immediately": True, "password": anna.password})
    assert answer.status == 202, answer


@pytest.mark.embedded
async def test_37_after_deletion_nothing_leads_to_the_person(server: Server, tmp_path: Path) -> None:
    anna, ben = await lived(server, tmp_path)
    assert "chosen_status: Marker" in await left_in_tables(server, traces(anna))  # the search finds what is there
    assert (await server.app.presence._statuses.of([anna.id]))[anna.id] == ("away", "Marker tea")
    assert left_in_files(server, traces(anna))
    await delete_at_once(anna)
    await erased(server, anna)
    assert await left_in_tables(server, traces(anna)) == []
    assert anna.id not in server.app.presence._statuses._known
    await until(lambda: server.app.db.checkpoint(), "the journal to be emptied")
    await until(lambda: not left_in_files(server, traces(anna)), "files without a trace")
    # Its name stays taken, and nobody can tell whose it was; the friend's side goes on.
    again = await server.call("POST", "/api/v1/accounts", Person(server, anna.username, 77).sign_up_body(email="x@example.org"))
    assert (again.status, again.type) == (409, "username_taken")
    assert (await ben.get(f"/api/v1/users/{anna.username}")).status == 404
    assert (await ben.get("/api/v1/friends")).json["items"] == []
    assert (await server.call("GET", "/api/v1/me", token=anna.access)).status == 401


async def test_37_there_is_time_to_think_again(server: Server, tmp_path: Path) -> None:
    anna, ben = await lived(server, tmp_path)
    asked = await anna.delete("/api/v1/me", json={})
    assert asked.status == 202, asked
    assert asked.json["erase_at"] > server.clock.at_ms() + 13 * 86400 * 1000
    assert (await ben.get(f"/api/v1/users/{anna.username}")).status == 404
    server.clock.advance(13 * 86400)
    await anna.sign_in()
    assert (await anna.get("/api/v1/me")).status == 200
    assert await server.app.erasure.due_ms(anna.id) is None
    server.clock.advance(5 * 86400)
    await anna.sign_in()
    await ben.sign_in()
    assert (await ben.get(f"/api/v1/users/{anna.username}")).status == 200


async def test_37_after_the_grace_period_it_is_done(server: Server, tmp_path: Path) -> None:
    anna, _ = await lived(server, tmp_path)
    assert (await anna.delete("/api/v1/me", json={})).status == 202
    server.clock.advance(15 * 86400)
    await erased(server, anna)
    answer = await server.call("POST", "/api/v1/sessions", {"login": anna.username, "password": anna.password, "device": anna.device})
    assert answer.status == 401


@pytest.mark.embedded
async def test_37_a_restart_in_the_middle_still_finishes(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "shared"
    server = await start_server(data_dir=directory)
    anna, _ = await lived(server, tmp_path)
    began = []

    async def broken(prefix: str) -> int:
        # As if the process had been killed here: objects are still there, rows partly gone.
        began.append(prefix)
        raise OSError("the disk went away")

    monkeypatch.setattr(server.app.storage, "delete_prefix", broken)
    await delete_at_once(anna)
    await until(lambda: began, "the erasure to have begun")
    await server.stop()
    again = await start_server(data_dir=directory, clock=server.clock)
    # The lease of the job that broke off ends, and its turn comes again.
    again.clock.advance(3600)
    await erased(again, anna)
    assert await left_in_tables(again, traces(anna)) == []
    assert not [path for path in directory.rglob("*") if anna.id in str(path)]
