"""The stock JavaScript client, as a browser has it, run by Node."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.rooms.talk import direct, friends, hears, received, say
from tests.serving import Server

DEMO = Path(__file__).parents[2] / "clients" / "web-demo"
SCRIPT = """
const { io } = require("socket.io-client");
const [url, token, conversation, transports] = process.argv.slice(1);
const out = (word, data) => console.log(JSON.stringify([word, data ?? null]));
const socket = io(url, { auth: { token }, transports: transports.split(","), reconnection: false });
socket.on("connect_error", (error) => (out("connect_error", error.data), process.exit(0)));
socket.on("disconnect", (reason) => (out("disconnect", reason), process.exit(0)));
socket.on("connect", async () => {
  out("connect", socket.io.engine.transport.name);
  for (let n = 0; n < 3; n++) out("ack", await socket.emitWithAck("message:send", { conversation, client_id: `js${n}`, body: `from js ${n}` }));
  out("bad", await socket.emitWithAck("message:send", {}));
  out("sync", await socket.emitWithAck("sync", {}));
});
socket.on("message:new", async (message) => {
  out("message:new", message.body);
  out("received", await socket.emitWithAck("message:received", { conversation, seq: message.seq }));
});
"""


class Browser:
    """One run of the script; `line()` is the next thing it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> tuple[str, object]:
        assert self._process.stdout is not None
        raw = await asyncio.wait_for(self._process.stdout.readline(), 20)
        assert raw, await self._process.stderr.read() if self._process.stderr else b""
        word, data = json.loads(raw)
        return word, data

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


async def run(url: str, token: str, conversation: str, transports: str) -> Browser:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here; `make setup` brings one")
    arguments = [node, "-e", SCRIPT, url, token, conversation, transports]
    pipe = asyncio.subprocess.PIPE
    return Browser(await asyncio.create_subprocess_exec(*arguments, cwd=DEMO, stdout=pipe, stderr=pipe))


@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
async def test_the_stock_client_sends_hears_and_acknowledges(server: Server, transports: str) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    b = await ben.connect()
    browser = await run(server.url, anna.access, talk, transports)
    try:
        assert (await browser.line())[0] == "connect"
        for seq in (1, 2, 3):
            word, answer = await browser.line()
            assert isinstance(answer, dict)
            assert (word, answer["ok"], answer["data"]["seq"]) == ("ack", True, seq)
        word, answer = await browser.line()
        assert isinstance(answer, dict)
        assert (word, answer["ok"], answer["error"]["status"]) == ("bad", False, 422)
        word, answer = await browser.line()
        assert isinstance(answer, dict)
        assert (word, answer["data"][talk]["upto"]) == ("sync", 3)
        await hears(b, "from js 0", "from js 1", "from js 2")
        await received(b, talk, 3)
        await say(b, talk, "to js")
        assert await _next(browser, "message:new") == "to js"
        assert await _next(browser, "received") == {"ok": True, "data": {}}
        await server.app.gateway.drain()
        assert await _next(browser, "disconnect") == "io server disconnect"
    finally:
        await browser.end()


async def test_the_stock_client_is_told_why_it_is_refused(server: Server) -> None:
    browser = await run(server.url, "wrong", "", "websocket")
    try:
        word, problem = await browser.line()
        assert isinstance(problem, dict)
        assert (word, problem["type"], problem["status"]) == ("connect_error", "/problems/unauthorised", 401)
    finally:
        await browser.end()


async def _next(browser: Browser, wanted: str) -> object:
    while True:
        word, data = await browser.line()
        if word == wanted:
            return data
        assert word in ("message:receipt", "message:new", "received"), word
