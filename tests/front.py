"""The stock nginx in front of a server, configured as docs/operations.md says: what an operator copies is what is tested."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import aiohttp

from tests.processes import free_port
from tests.waiting import until

OPERATIONS = Path(__file__).parents[1] / "docs" / "operations.md"

CONFIG = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log; worker_processes 1;
{user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
  upstream livecore {{ server {upstream}; keepalive 16; }}
  {beside}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    proxy_http_version 1.1;
    location / {{ proxy_pass http://livecore; proxy_set_header Host $host; proxy_request_buffering off; }}
    {locations}
  }}
}}
"""


def documented(heading: str) -> str:
    """The nginx configuration that stands under a heading of docs/operations.md."""
    section = re.split(r"^#+ ", OPERATIONS.read_text().partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = re.search(r"```nginx\n(.*?)```", section, re.DOTALL)
    assert found is not None, heading
    return found[1]


class Front:
    """An nginx of its own. `beside` stands in its `http`, `locations` in its `server`; `url` is where it answers."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, server_url: str, locations: str, *, beside: str = "") -> str:
        self.root.mkdir()
        port, config = free_port(), self.root / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""
        upstream = server_url.removeprefix("http://")
        config.write_text(CONFIG.format(root=self.root, port=port, upstream=upstream, user=user, locations=locations, beside=beside))
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self._process = subprocess.Popen([nginx, "-p", str(self.root), "-c", str(config), "-e", str(self.root / "error.log")])
        self.url = f"http://127.0.0.1:{port}"
        await until(self._answers, "nginx to answer")
        return self.url

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            assert self._process is not None
            assert self._process.poll() is None, (self.root / "error.log").read_text()
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
