"""nginx that takes a file by PUT, to be measured by the same tool: what any server has to do with the bytes of an upload.

It writes a request's body into a file and renames that into place; it neither flushes it to the disk nor notes how far it came,
so that nothing can be resumed.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from bench import processes
from bench.load import LoadFailed
from bench.serving import Server

READY_S = 20.0
STOP_S = 5.0
# A buffer as large as livecore's own write: with nginx's default of 16 KiB it would make sixty times the calls.
CONFIG = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {root}/body; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    client_body_buffer_size 1m;
    root {root}/files;
    location / {{ dav_methods PUT DELETE; }}
  }}
}}
"""


@contextlib.asynccontextmanager
async def nginx(cores: set[int]) -> AsyncIterator[Server]:
    """Start it, wait until it answers, stop it and remove what it took. Raises LoadFailed naming what is missing."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    if program is None:
        raise LoadFailed("nginx is not installed: Debian's nginx-light has it")
    root = Path(tempfile.mkdtemp(prefix="livecore-bench-nginx-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (root / "files").mkdir()
    (root / "nginx.conf").write_text(CONFIG.format(root=root, port=port, user="user root;" if os.getuid() == 0 else ""))
    words = ("-p", root, "-c", root / "nginx.conf", "-e", root / "error.log")
    process = await asyncio.create_subprocess_exec(program, *map(str, words), stdin=asyncio.subprocess.DEVNULL, start_new_session=True)
    processes.pin(process.pid, cores)
    try:
        await _ready(f"http://127.0.0.1:{port}", root / "error.log")
        yield Server(f"http://127.0.0.1:{port}", [process.pid])
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        shutil.rmtree(root, ignore_errors=True)


async def _ready(url: str, log: Path) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(url):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
    raise LoadFailed(f"nginx did not start: {log.read_text(errors='replace')[-200:] if log.exists() else 'it said nothing'}")
