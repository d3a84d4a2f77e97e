"""The clients that people have: tuspy, and tus-js-client run by Node; interrupted by a server that is killed, and resumed."""

import asyncio
import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from tusclient import client as tuspy

from tests.conftest import StartProgram
from tests.library import media
from tests.library.sending import offset, related, sent, settled, tus
from tests.people import Person
from tests.serving import Server
from tests.waiting import until

DEMO = Path(__file__).parents[2] / "clients" / "web-demo"
FILM = media.mp4(seconds=2.0)
SCRIPT = """
import { createReadStream, readFileSync, statSync } from "node:fs";
import * as tus from "tus-js-client";
const [url, token, file, chunk, parallel, resume] = process.argv.slice(1);
const upload = new tus.Upload(Number(parallel) > 1 ? readFileSync(file) : createReadStream(file), {
  endpoint: `${url}/uploads`,
  uploadUrl: resume || undefined,
  uploadSize: Number(parallel) > 1 ? null : statSync(file).size,
  chunkSize: Number(chunk),
  parallelUploads: Number(parallel),
  headers: { Authorization: `Bearer ${token}` },
  metadata: { purpose: "video", filename: "film.mp4", filetype: "video/mp4", title: "By tus-js-client" },
  retryDelays: [0, 200, 500, 1000, 2000, 4000, 8000],
  onChunkComplete: (_size, accepted) => console.log(accepted, upload.url),
  onError: (error) => (console.error(String(error)), process.exit(1)),
  onSuccess: () => console.log(upload.url),
});
upload.start();
"""


async def javascript(
    server: Server, anna: Person, file: Path, chunk: int, *, parallel: int = 1, resume: str = ""
) -> asyncio.subprocess.Process:
    node = shutil.which("node") or "node"
    arguments = [server.url, anna.access, file, chunk, parallel, resume]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        node, "--input-type=module", "-e", SCRIPT, *map(str, arguments), cwd=DEMO, stdout=pipe, stderr=pipe
    )


async def ended(process: asyncio.subprocess.Process) -> str:
    """The upload's path, which the script prints last."""
    output, complaint = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, complaint.decode()
    return "/uploads/" + output.decode().split()[-1].rpartition("/")[2]


async def check(anna: Person, path: str) -> dict[str, Any]:
    found = await settled(anna, related(await tus(anna, "HEAD", path)))
    assert found["sha256"] == hashlib.sha256(FILM).hexdigest()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(FILM)
    return path


@pytest.mark.filterwarnings("ignore")
async def test_tuspy_sends_is_interrupted_and_goes_on(server: Server, file: Path) -> None:
    anna = await server.person("anna")
    client = tuspy.TusClient(f"{server.url}/uploads", headers={"Authorization": f"Bearer {anna.access}"})

    def begin() -> str:
        uploader = client.uploader(
            str(file), chunk_size=10_000, metadata={"filename": "film.mp4", "purpose": "video"}, upload_checksum=True
        )
        uploader.upload(stop_at=20_000)
        return str(uploader.url)

    def finish(url: str) -> int:
        uploader = client.uploader(str(file), url=url, chunk_size=30_000)
        assert uploader.offset == 20_000
        uploader.upload()
        return int(uploader.offset)

    url = await asyncio.to_thread(begin)
    assert await asyncio.to_thread(finish, url) == len(FILM)
    await check(anna, "/uploads/" + url.rpartition("/")[2])


async def test_tus_js_client_goes_on_after_its_own_end_and_in_parallel(server: Server, file: Path) -> None:
    anna = await server.person("anna")
    killed = await javascript(server, anna, file, 2_000)
    assert killed.stdout is not None
    accepted, url = (await asyncio.wait_for(killed.stdout.readline(), 60)).decode().split()
    # Wherever the next chunk is by now.
    killed.kill()
    await killed.wait()
    path = "/uploads/" + url.rpartition("/")[2]
    assert int(accepted) <= await offset(anna, path) < len(FILM)
    assert await ended(await javascript(server, anna, file, 20_000, resume=server.url + path)) == path
    assert (await check(anna, path))["title"] == "By tus-js-client"
    # Four partial uploads, joined by the server.
    joined = await ended(await javascript(server, anna, file, 10_000, parallel=4))
    assert (await tus(anna, "HEAD", joined)).headers["Upload-Concat"].count("/uploads/") == 4
    await check(anna, joined)


async def test_both_clients_go_on_by_themselves_when_the_server_is_killed(program: StartProgram, file: Path) -> None:
    serving = await program()
    anna = await serving.person("anna")
    client = tuspy.TusClient(f"{serving.url}/uploads", headers={"Authorization": f"Bearer {anna.access}"})
    said = {"filename": "film.mp4", "purpose": "video"}
    uploader = client.uploader(file_stream=io.BytesIO(FILM), chunk_size=2_000, metadata=said, retries=600, retry_delay=0.1)
    await asyncio.to_thread(uploader.upload, stop_at=2_000)
    process = await javascript(serving, anna, file, 2_000)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 30)
    await serving.kill()
    # Nobody answers the next chunk of either.
    other = asyncio.create_task(asyncio.to_thread(uploader.upload))
    await serving.start()
    await asyncio.wait_for(process.stdout.readline(), 30)
    await serving.kill()
    await serving.start()
    await check(anna, await ended(process))
    await asyncio.wait_for(other, 60)
    await check(anna, "/uploads/" + str(uploader.url).rpartition("/")[2])


async def test_many_senders_at_once_each_get_their_own(server: Server) -> None:
    people = [await server.person(f"sender{number}") for number in range(4)]
    films = [media.faststart(seconds=0.4, size=f"{64 + 16 * number}x64") for number in range(4)]

    async def one(person: Person, film: bytes) -> None:
        assert (await sent(person, film))["sha256"] == hashlib.sha256(film).hexdigest()

    await asyncio.gather(*(one(person, film) for person, film in zip(people, films, strict=True)))
    await until(server.app.jobs.idle, "jobs to end")
