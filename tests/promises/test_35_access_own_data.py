"""35. Access to one's own data: an archive with everything that is kept, listed table by table."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from livecore.data import Personal, metadata
from tests.library.recorded import keep
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def export_of(person: Person) -> tuple[dict[str, Any], zipfile.ZipFile]:
    asked = await person.post("/api/v1/me/exports")
    assert asked.status in (200, 202), asked

    async def ready() -> dict[str, Any] | None:
        one: dict[str, Any] = (await person.get(f"/api/v1/me/exports/{asked.json['id']}")).json
        assert one["state"] != "failed", one
        return one if one["state"] == "ready" else None

    export = await until(ready, "the export to be ready")
    # The link works by itself: no token is sent along.
    archive = await person.server.call("GET", export["download"])
    assert archive.status == 200, archive
    assert archive.headers["Content-Type"] == "application/zip"
    return export, zipfile.ZipFile(io.BytesIO(archive.body))


async def test_35_everything_kept_is_in_the_archive_and_the_manifest_lists_every_table(server: Server, tmp_path: Path) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(picture, "PNG")
    assert (await anna.put("/api/v1/me/avatar", data=picture.getvalue(), headers={"Content-Type": "image/png"})).status == 200
    assert (await anna.patch("/api/v1/me", {"status_message": "At the sea"})).status == 200
    video = await keep(server, anna, tmp_path)
    await anna.post("/api/v1/posts", {"text": "First post", "visibility": "friends"})
    socket = await anna.connect()
    assert (await socket.call("presence:set", {"status": "away", "text": "Cooking soup"}))["ok"]
    await socket.close()
    _, archive = await export_of(anna)
    names = set(archive.namelist())
    manifest = json.loads(archive.read("manifest.json"))

    listed = json.dumps(manifest)
    personal = [table for table in metadata.sorted_tables if isinstance(table.info.get("personal"), Personal)]
    assert len(personal) > 20
    assert [table.name for table in personal if f'"{table.name}"' not in listed] == []

    everything = b"".join(archive.read(name) for name in names if name.endswith(".json")).decode()
    for mine in (anna.email, anna.phone, "Anna Example", "1990-05-17", "At the sea", "First post", "Cooking soup", video):
        assert mine in everything, mine
    for hidden in (anna.password, "$argon2id$", anna.access, anna.refresh, ben.email, ben.phone, ben.password):
        assert hidden not in everything, hidden
    media = [name for name in names if not name.endswith(".json")]
    assert any(name.endswith((".webm", ".mp4")) for name in media), names
    assert any("avatar" in name for name in media), names


async def test_35_a_second_request_within_a_day_answers_the_same_export(server: Server) -> None:
    anna = await server.person("anna")
    first, _ = await export_of(anna)
    again = await anna.post("/api/v1/me/exports")
    assert (again.status, again.json["id"]) == (200, first["id"])
    server.clock.advance(25 * 3600)
    await anna.sign_in()
    assert (await anna.post("/api/v1/me/exports")).json["id"] != first["id"]


async def test_35_the_link_expires_and_is_nobody_elses(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    export, _ = await export_of(anna)
    assert (await ben.get(f"/api/v1/me/exports/{export['id']}")).status == 404
    assert (await ben.get(f"/api/v1/me/exports/{export['id']}/download")).status == 404
    assert (await server.call("GET", f"/api/v1/me/exports/{export['id']}/download")).status == 401
    server.clock.advance(server.settings.export_link_s + 60)
    assert (await server.call("GET", export["download"])).status in (403, 410)
    await anna.sign_in()
    assert (await anna.get(f"/api/v1/me/exports/{export['id']}/download")).status == 410
