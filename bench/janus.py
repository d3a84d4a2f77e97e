"""Janus from Debian's package, for `livecore bench peers`: started with a configuration of its own, and WHEP before its REST interface.

The streaming plugin takes plain RTP on a UDP port and sends it to each viewer over DTLS and SRTP. Viewers speak WHEP to a small
bridge here, which passes offers and answers on as JSEP; media never touches the bridge.
"""

import asyncio
import contextlib
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bench import processes
from bench.load import LoadFailed

READY_S = 20.0
MOUNTPOINT = 1
AUDIO_TYPE, VIDEO_TYPE = 111, 100
_CONFIGURATION = """
general: {{
  plugins_folder = "{plugins}"
  transports_folder = "{transports}"
  events_folder = "{root}/none"
  loggers_folder = "{root}/none"
  configs_folder = "{root}"
  debug_level = 2
  session_timeout = 0
}}
certificates: {{ }}
media: {{ rtp_port_range = "30000-50000" }}
nat: {{ ice_lite = true  ice_enforce_list = "127.0.0.1"  ice_ignore_list = "" }}
plugins: {{ disable = "{unused_plugins}" }}
transports: {{ disable = "{unused_transports}" }}
"""
_HTTP = """
general: {{ json = "compact"  base_path = "/janus"  http = true  port = {port}  ip = "127.0.0.1"  https = false }}
admin: {{ admin_http = false }}
"""
_STREAMING = """
bench: {{
  type = "rtp"
  id = {mountpoint}
  description = "bench"
  media = (
    {{ type = "audio" mid = "a" label = "a" port = {audio_port} pt = {audio_type} codec = "opus" }},
    {{ type = "video" mid = "v" label = "v" port = {video_port} pt = {video_type} codec = "vp8" }}
  )
}}
"""


class JanusMissing(LoadFailed):
    """Its package is not installed."""


@dataclass
class Janus:
    """`rtp`: (host, audio port, video port) where it takes plain RTP. `whep`: the bridge's address. `pid`: of its process."""

    pid: int
    rtp: tuple[str, int, int]
    whep: str


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.asynccontextmanager
async def running(cores: set[int]) -> AsyncIterator[Janus]:
    """Start one on free ports and the bridge before it; stop both. Raises JanusMissing or LoadFailed."""
    program = shutil.which("janus")
    libraries = next(Path("/usr/lib").glob("*/janus"), None)
    if program is None or libraries is None:
        raise JanusMissing("janus is not installed: apt-get install janus")
    root = Path(tempfile.mkdtemp(prefix="livecore-janus-"))
    port, audio_port, video_port = _free_port(socket.SOCK_STREAM), _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_DGRAM)
    plugins, transports = libraries / "plugins", libraries / "transports"
    (root / "none").mkdir()
    (root / "janus.jcfg").write_text(
        _CONFIGURATION.format(
            root=root,
            plugins=plugins,
            transports=transports,
            unused_plugins=",".join(path.name for path in plugins.glob("*.so") if "streaming" not in path.name),
            unused_transports=",".join(path.name for path in transports.glob("*.so") if "http" not in path.name),
        )
    )
    (root / "janus.transport.http.jcfg").write_text(_HTTP.format(port=port))
    (root / "janus.plugin.streaming.jcfg").write_text(
        _STREAMING.format(mountpoint=MOUNTPOINT, audio_port=audio_port, video_port=video_port, audio_type=AUDIO_TYPE, video_type=VIDEO_TYPE)
    )
    log = root / "janus.log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            program, "-F", str(root), "-C", str(root / "janus.jcfg"), stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink
        )
    processes.pin(process.pid, cores)
    runner: web.AppRunner | None = None
    try:
        bridge = Bridge(f"http://127.0.0.1:{port}/janus")
        await bridge.start(process, log)
        application = web.Application()
        application.router.add_post("/whep", bridge.watch)
        application.router.add_delete("/whep/{session}", bridge.leave)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        own_port = runner.addresses[0][1]
        yield Janus(process.pid, ("127.0.0.1", audio_port, video_port), f"http://127.0.0.1:{own_port}/whep")
    finally:
        if runner is not None:
            await bridge.close()
            await runner.cleanup()
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
        if process.returncode is None:
            process.kill()
            await process.wait()
        shutil.rmtree(root, ignore_errors=True)


def as_answer(janus_offer: str, viewer_offer: str) -> str:
    """The plugin offers, and so does the viewer: Janus' own sections again, with the viewer's credentials, as an answer."""
    ours = dict(line[2:].split(":", 1) for line in viewer_offer.splitlines() if line.startswith(("a=ice-", "a=fingerprint:")))
    left_out = ("a=ssrc", "a=msid", "a=candidate", "a=end-of-candidates", "a=extmap-allow-mixed", "a=ice-lite")
    lines: list[str] = []
    for line in janus_offer.splitlines():
        name = line[2:].split(":", 1)[0]
        if line.startswith("a=") and name in ours and name != "ice-options":
            lines.append(f"a={name}:{ours[name]}")
        elif line == "a=sendonly":
            lines.append("a=recvonly")
        elif line.startswith("a=setup:"):
            lines.append("a=setup:active")
        elif not line.startswith(left_out):
            lines.append(line)
        if line.startswith("a=mid:"):
            # Checks begin with a candidate; the one that counts is found by the viewer's own check.
            lines += ["a=candidate:1 1 udp 1 127.0.0.1 9 typ host", "a=end-of-candidates"]
    return "\r\n".join(lines) + "\r\n"


def for_viewer(janus_offer: str) -> str:
    """The plugin's offer as the answer that a viewer waits for: the viewer shakes hands first."""
    return janus_offer.replace("a=setup:actpass", "a=setup:passive")


class Bridge:
    """WHEP on one side, Janus' REST interface on the other."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def start(self, process: asyncio.subprocess.Process, log: Path) -> None:
        deadline = asyncio.get_running_loop().time() + READY_S
        while True:
            try:
                async with self._http.get(f"{self._url}/info") as response:
                    await response.read()
                    return
            except aiohttp.ClientError:
                if process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                    await self._http.close()
                    last = log.read_text(errors="replace").strip().splitlines()[-3:]
                    raise LoadFailed("janus did not start: " + " | ".join(last)) from None
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self._http.close()

    async def watch(self, request: web.Request) -> web.Response:
        offer = await request.text()
        session = (await self._call("", {"janus": "create"}))["data"]["id"]
        handle = (await self._call(f"/{session}", {"janus": "attach", "plugin": "janus.plugin.streaming"}))["data"]["id"]
        path = f"/{session}/{handle}"
        await self._call(path, {"janus": "message", "body": {"request": "watch", "id": MOUNTPOINT}})
        theirs = (await self._event(session))["sdp"]
        answer = {"type": "answer", "sdp": as_answer(theirs, offer)}
        await self._call(path, {"janus": "message", "body": {"request": "start"}, "jsep": answer})
        return web.Response(status=201, text=for_viewer(theirs), content_type="application/sdp", headers={"Location": f"/whep/{session}"})

    async def leave(self, request: web.Request) -> web.Response:
        name = request.match_info["session"]
        await self._call(f"/{name}", {"janus": "destroy"})
        return web.Response(status=200)

    async def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(self._url + path, json=body | {"transaction": secrets.token_hex(6)}) as response:
            answer: dict[str, Any] = await response.json()
        if answer.get("janus") == "error":
            raise LoadFailed(f"janus: {answer['error']['reason']}")
        return answer

    async def _event(self, session: int) -> dict[str, Any]:
        """The description that comes with the plugin's next event."""
        while True:
            async with self._http.get(f"{self._url}/{session}", params={"maxev": "1"}) as response:
                event: dict[str, Any] = await response.json()
            if event.get("jsep"):
                return dict(event["jsep"])
            told = event.get("plugindata", {}).get("data", {})
            if "error" in told:
                raise LoadFailed(f"janus: {told['error']}")
