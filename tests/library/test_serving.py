"""Who carries the bytes: nginx by X-Accel-Redirect, or the store by a signed redirect; who may have them is decided here."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import begin, offset, related, sent, settled, tus
from tests.processes import free_port
from tests.waiting import until

CONFIG = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{ proxy_pass {url}; proxy_http_version 1.1; proxy_set_header Host $host; proxy_request_buffering off; }}
    location /_objects/ {{ internal; alias {objects}/; add_header X-Content-Type-Options nosniff always; }}
  }}
}}
"""


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[object]:
    """Start the stock nginx before a server: `url = await nginx(server_url, objects_directory)`."""
    running: list[subprocess.Popen[bytes]] = []

    async def start(url: str, objects: Path) -> str:
        root, port = tmp_path / "nginx", free_port()
        root.mkdir()
        text = CONFIG.format(root=root, port=port, url=url, objects=objects, user="user root;" if os.getuid() == 0 else "")
        (root / "nginx.conf").write_text(text)
        command = [
            shutil.which("nginx") or "/usr/sbin/nginx",
            "-p",
            str(root),
            "-c",
            str(root / "nginx.conf"),
            "-e",
            str(root / "error.log"),
        ]
        running.append(subprocess.Popen(command))

        async def answers() -> bool:
            try:
                async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                assert running[0].poll() is None, (root / "error.log").read_text()
                return False

        await until(answers, "nginx to answer")
        return f"http://127.0.0.1:{port}"

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


async def test_nginx_sends_the_bytes_that_livecore_allows(start_server: StartServer, nginx: object) -> None:
    server = await start_server(send_files="x-accel", transcode_nice=0)
    anna, ben = await server.person("anna"), await server.person("ben")
    film = media.faststart()
    found = await sent(anna, film)
    front = await nginx(server.url, server.settings.data_dir / "objects")  # type: ignore[operator]
    async with aiohttp.ClientSession(front) as http:
        async with http.get(found["download"]) as answer:
            assert (answer.status, await answer.read()) == (200, film)
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == ("video/mp4", "nosniff")
            assert "X-Accel-Redirect" not in answer.headers
            tag = answer.headers["ETag"]
        async with http.get(found["file"], headers={"Range": "bytes=5-9"}) as answer:
            assert (answer.status, await answer.read()) == (206, film[5:10])
        async with http.get(found["file"], headers={"Range": "bytes=5-9", "If-Range": '"stale"'}) as answer:
            assert (answer.status, await answer.read()) == (200, film)
        async with http.get(found["file"], headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        async with http.get(found["poster"]) as answer:
            assert answer.status == 200
        # The objects themselves cannot be asked for, and a switch holds at the next request.
        async with http.get(f"/_objects/videos/{anna.id}/{found['id']}/original.mp4") as answer:
            assert answer.status == 404
        assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"allow_download": False})).status == 200
        async with http.get(f"/api/v1/videos/{found['id']}/download", headers={"Authorization": f"Bearer {ben.access}"}) as answer:
            assert answer.status == 403
        # Uploads pass through it too.
        server.url = front
        assert (await sent(ben, media.faststart(seconds=0.5)))["status"] == "ready"


async def test_the_store_sends_the_bytes_that_livecore_allows(start_server: StartServer, s3_url: str) -> None:
    server = await start_server(storage_url=s3_url, send_files="redirect", transcode_nice=0)
    anna = await server.person("anna")
    film = media.mp4()
    found = await sent(anna, film)
    answer = await server.call("GET", found["download"])
    assert (answer.status, answer.headers["Cache-Control"]) == (307, "private, no-store")
    async with aiohttp.ClientSession() as http, http.get(answer.headers["Location"], headers={"Range": "bytes=5-9"}) as piece:
        assert (piece.status, await piece.read()) == (206, film[5:10])
    assert (await server.call("GET", found["download"].partition("?")[0])).status == 401
    # Every piece was joined, and nothing of the upload is left.
    assert [key async for key in server.app.storage.list("uploads")] == []


async def test_a_resumed_upload_on_a_remote_store(start_server: StartServer, s3_url: str) -> None:
    server = await start_server(storage_url=s3_url, transcode_nice=0)
    anna = await server.person("anna")
    film = media.mp4(seconds=2.0)
    path = await begin(anna, len(film))
    half = len(film) // 2
    assert (await tus(anna, "PATCH", path, film[:half], Upload_Offset="0")).status == 204
    assert await offset(anna, path) == half
    answer = await tus(anna, "PATCH", path, film[half:], Upload_Offset=str(half))
    found = await settled(anna, related(answer))
    assert (await anna.get(f"/api/v1/videos/{found['id']}/download")).body == film
