"""An upload goes on at another server than it began at: on another machine (PostgreSQL, Redis, S3), or in another process (files)."""

import asyncio
import contextlib
import hashlib
import struct
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from livecore.library.upload_tables import upload
from livecore.library.uploads import COMMIT_BYTES
from tests.conftest import StartProgram, StartServer
from tests.library import media
from tests.library.sending import PART, begin, offset, related, send, settled, tus
from tests.people import Person
from tests.serving import Server
from tests.waiting import until

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

MIB = 1 << 20


def large(mib: int) -> bytes:
    """A film with a box in it that says nothing, of so many MiB that differ."""
    film = media.faststart()
    filling = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() * (MIB // 32) for number in range(mib))
    return film + struct.pack(">I4s", 8 + len(filling), b"free") + filling


async def begun(server: Server, me: Person, path: str, start: int, data: bytes, promised: int) -> asyncio.StreamWriter:
    """The head of a PATCH and some of its bytes; the rest never comes."""
    _, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = (
        f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {me.access}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {start}\r\n"
        f"Content-Type: {PART}\r\nContent-Length: {promised}\r\n\r\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()
    return writer


async def record(server: Server, path: str) -> tuple[int, str | None]:
    """(bytes recorded, who holds the upload), without becoming the holder."""
    async with server.app.db.read() as conn:
        query = select(upload.c.received_bytes, upload.c.holder).where(upload.c.id == path.rpartition("/")[2])
        return tuple((await conn.execute(query)).one())  # type: ignore[return-value]


@pytest.mark.deep
async def test_another_machine_goes_on_where_a_killed_one_was(
    distributed: dict[str, str], program: StartProgram, start_server: StartServer
) -> None:
    film = large(COMMIT_BYTES // MIB + 3)
    share = {"upload_quota_bytes": len(film) + len(film) // 2, "transcode_nice": 0, "job_lease_s": 2}
    here = await program(**distributed, **share)
    anna = await here.person("anna")
    path = await begin(anna, len(film))
    there = await start_server(**distributed, **share)
    writer = await begun(here, anna, path, 0, film[: COMMIT_BYTES + 2 * MIB], len(film))

    async def is_recorded() -> bool:
        at, holder = await record(there, path)
        return at >= COMMIT_BYTES and holder is not None

    await until(is_recorded, "the first bytes to be recorded")
    await here.kill()
    writer.close()
    held = (await record(there, path))[1]
    assert held is not None
    anna.server = there
    at = await offset(anna, path)
    assert COMMIT_BYTES <= at < len(film)
    # What it counts against the account's share is once its length: there is room for half as much, and for no more.
    assert (await tus(anna, "POST", "/uploads", Upload_Length=str(len(film) // 2 + 1))).status == 507
    other = await begin(anna, len(film) // 2)
    assert (await tus(anna, "DELETE", other)).status == 204
    answer = await tus(anna, "PATCH", path, film[at:], Upload_Offset=str(at))
    assert answer.status == 204, answer
    assert (await record(there, path))[1] is None
    found = await settled(anna, related(answer))
    assert found["sha256"] == hashlib.sha256(film).hexdigest()
    assert (await anna.get(f"/api/v1/videos/{found['id']}/download")).body == film
    refused = await tus(anna, "POST", "/uploads", Upload_Length=str(len(film)))
    assert (refused.status, refused.json["used_bytes"]) == (507, len(film))
    # Pieces that the dead one had put and never recorded went with the rest.
    assert [item.key async for item in there.app.storage.list("uploads")] == []


@pytest.mark.parametrize("kept_in", ["objects", "files"])
async def test_a_request_whose_client_is_silent_gives_way_to_one_in_another_process(
    distributed: dict[str, str], start_server: StartServer, tmp_path: Path, kept_in: str
) -> None:
    engines = distributed if kept_in == "objects" else distributed | {"storage_url": ""}
    here, there = [await start_server(data_dir=tmp_path / "shared", **engines) for _ in range(2)]
    anna = await here.person("anna")
    film = media.faststart()
    path = await begin(anna, len(film))
    writer = await begun(here, anna, path, 0, film[:5000], len(film))
    await until(lambda: len(here.app.uploads.turns) == 1, "the first request to be read")
    anna.server = there
    at = await offset(anna, path)
    answer = await tus(anna, "PATCH", path, film[at:], Upload_Offset=str(at))
    assert answer.status == 204, answer
    await until(lambda: len(here.app.uploads.turns) == 0, "the first request to end")
    writer.close()
    found = await settled(anna, related(answer))
    assert found["sha256"] == hashlib.sha256(film).hexdigest()


@pytest.mark.deep
async def test_what_a_killed_machine_was_making_is_made_by_another(
    distributed: dict[str, str], program: StartProgram, start_server: StartServer
) -> None:
    lease = {"transcode_nice": 0, "job_lease_s": 2}
    here = await program(**distributed, **lease)
    anna = await here.person("anna")
    film = media.avi(seconds=2.0, size="320x180")
    address = await send(anna, film)

    def transcodes() -> bool:
        for process in here.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "livecore.library.work.rendition" in process.cmdline():
                    return True
        return False

    await until(transcodes, "a child that transcodes", 60)
    await here.kill()
    anna.server = there = await start_server(**distributed, **lease)
    found = await settled(anna, address, patience_s=120)
    assert (await there.call("GET", found["hls"])).status == 200
    assert (await anna.get(f"/api/v1/videos/{found['id']}/download")).body == film
