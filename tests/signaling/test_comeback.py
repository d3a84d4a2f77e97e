"""Connection state recovery with the stock JavaScript client (`socket.recovered`), and its rules over a raw WebSocket."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio
from aiohttp import ClientSession, ClientWebSocketResponse

from tests.people import Person
from tests.rooms.talk import direct, friends, group, say
from tests.serving import Server
from tests.signaling.test_javascript_client import DEMO, Browser
from tests.waiting import until

SCRIPT = """
const { io } = require("socket.io-client");
const [url, token, transports] = process.argv.slice(1);
const out = (word, data) => console.log(JSON.stringify([word, data ?? null]));
const socket = io(url, {
  auth: { token, recover: true }, transports: transports.split(","), reconnectionDelay: 600, randomizationFactor: 0,
});
socket.on("connect_error", (error) => out("connect_error", error.data));
socket.on("disconnect", (reason) => out("disconnect", reason));
socket.on("connect", () => out("connect", { recovered: socket.recovered, id: socket.id }));
for (const event of ["message:new", "message:deleted"]) socket.on(event, (message) => out(event, message.body));
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  if (line === "drop") socket.io.engine.close();
  if (line === "leave") socket.disconnect().connect();
});
"""


class Recovering(Browser):
    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())


@asynccontextmanager
async def stock_client(person: Person, transports: str) -> AsyncIterator[Recovering]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here; `make setup` brings one")
    pipe = asyncio.subprocess.PIPE
    arguments = [node, "-e", SCRIPT, person.server.url, person.access, transports]
    client = Recovering(await asyncio.create_subprocess_exec(*arguments, cwd=DEMO, stdin=pipe, stdout=pipe, stderr=pipe))
    try:
        yield client
    finally:
        await client.end()


@pytest.mark.parametrize("transports", ["websocket", "polling"])
async def test_the_stock_client_is_recovered_with_what_it_missed_once_and_in_order(server: Server, transports: str) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    async with stock_client(ben, transports) as client:
        word, first = await client.line()
        assert (word, first["recovered"]) == ("connect", False)  # type: ignore[index]
        await say(a, talk, "heard")
        assert await client.line() == ("message:new", "heard")
        client.tell("drop")
        assert (await client.line())[0] == "disconnect"
        taken_back = await say(a, talk, "taken back")
        await say(a, talk, "missed")
        assert (await a.call("message:delete", {"conversation": talk, "id": taken_back["id"]}))["ok"]
        word, again = await client.line()
        assert (word, again) == ("connect", {"recovered": True, "id": first["id"]})  # type: ignore[index]
        assert await client.line() == ("message:new", "missed")
        assert (await client.line())[0] == "message:deleted"
        await say(a, talk, "new")
        assert await client.line() == ("message:new", "new")
        client.tell("leave")
        assert (await client.line())[0] == "disconnect"
        word, left = await client.line()
        assert (word, left["recovered"]) == ("connect", False)  # type: ignore[index]


class Raw:
    """A Socket.IO client that says what it likes in its CONNECT."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws
        self.offset: str | None = None
        self.heard: list[tuple[str, Any]] = []
        self._reading: asyncio.Task[None] | None = None

    async def packet(self) -> str:
        while True:
            text = str((await self.ws.receive(timeout=10)).data)
            if text != "2":
                return text
            await self.ws.send_str("3")

    async def connect(self, auth: dict[str, Any]) -> dict[str, Any]:
        await self.packet()
        await self.ws.send_str("40" + json.dumps(auth))
        told = await self.packet()
        assert told.startswith("40"), told
        self._reading = asyncio.create_task(self._read())
        return dict(json.loads(told[2:]))

    async def _read(self) -> None:
        while True:
            text = await self.packet()
            if text.startswith("42"):
                event, data, *offset = json.loads(text[2:])
                self.heard.append((event, data))
                self.offset = offset[0] if offset else self.offset

    def bodies(self) -> list[str]:
        return [data["body"] for event, data in self.heard if event in ("message:new", "live:message")]

    async def drop(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.gather(self._reading or asyncio.sleep(0), return_exceptions=True)
        # Of the transport alone: nothing is said in the namespace.
        await self.ws.close()


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def raw(http: ClientSession, server: Server) -> Raw:
    return Raw(await http.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket"))


async def gone(server: Server, sid: str) -> None:
    await until(lambda: server.app.registry.get(sid) is None, "the connection to end")


async def test_without_asking_nothing_changes(server: Server, http: ClientSession) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    plain = await raw(http, server)
    assert list(await plain.connect({"token": ben.access})) == ["sid"]
    await say(await anna.connect(), talk, "hello")
    await until(lambda: plain.bodies() == ["hello"])
    assert plain.offset is None
    assert not server.app.registry.recovery.listening
    await plain.drop()


async def test_a_block_and_another_session_get_nothing_played_back(server: Server, http: ClientSession) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    first = await raw(http, server)
    hello = await first.connect({"token": ben.access, "recover": True})
    await say(a, talk, "heard")
    await until(lambda: first.offset)
    await first.drop()
    await gone(server, hello["sid"])
    await say(a, talk, "before the block")
    # Anna knows the name and the place, and is not Ben.
    thief = await raw(http, server)
    stolen = await thief.connect({"token": anna.access, "recover": True, "pid": hello["pid"], "offset": first.offset})
    assert stolen["pid"] != hello["pid"]
    assert (await ben.put("/api/v1/blocks/anna")).status < 300
    back = await raw(http, server)
    again = await back.connect({"token": ben.access, "recover": True, "pid": hello["pid"], "offset": first.offset})
    assert again == hello
    assert (await ben.get(f"/api/v1/conversations/{talk}")).status in (200, 404)
    assert (back.bodies(), thief.bodies()) == ([], [])
    await back.drop()
    await thief.drop()


async def test_who_is_blocked_gets_the_blockers_words_played_back_as_if_connected(server: Server, http: ClientSession) -> None:
    """In a group a block keeps the blocked one's words from the blocker, and shows in nothing else: not in what a comeback lacks."""
    anna, ben, cara = await friends(server, "anna", "ben", "cara")
    talk = await group(cara, anna, ben)
    assert (await anna.put("/api/v1/blocks/ben")).status == 204
    for person, heard, missed in (
        (ben, ["anna one", "cara one"], ["anna two", "cara two"]),
        (anna, ["cara one"], ["cara two"]),
    ):
        others = {one.username: await one.connect() for one in (anna, ben, cara) if one is not person}
        client = await raw(http, server)
        hello = await client.connect({"token": person.access, "recover": True})
        for round_number, word in enumerate(("one", "two")):
            for name, listener in others.items():
                await say(listener, talk, f"{name} {word}", f"{person.username} {name} {word}")
            if not round_number:
                await until(lambda client=client, heard=heard: client.bodies() == heard)
                await client.drop()
                await gone(server, hello["sid"])
        back = await raw(http, server)
        assert await back.connect({"token": person.access, "recover": True, "pid": hello["pid"], "offset": client.offset}) == hello
        await until(lambda back=back, missed=missed: back.bodies() == missed)
        await back.drop()


async def test_a_live_is_entered_again_with_the_lines_that_were_said(server: Server, http: ClientSession) -> None:
    anna, ben = await friends(server, "anna", "ben")
    made = await anna.post("/api/v1/lives", {"title": "Evening", "visibility": "everyone", "record": False})
    live = made.json["id"]
    a = await anna.connect()
    assert (await a.call("live:join", {"live": live}))["ok"]
    first = await raw(http, server)
    hello = await first.connect({"token": ben.access, "recover": True})
    await first.ws.send_str(f'420["live:join",{{"live":"{live}"}}]')
    await until(lambda: server.app.registry.live_size(live) == 2)
    assert (await a.call("live:say", {"live": live, "body": "one"}))["ok"]
    await until(lambda: first.bodies() == ["one"])
    await first.drop()
    await gone(server, hello["sid"])
    for body in ("two", "three"):
        assert (await a.call("live:say", {"live": live, "body": body}))["ok"]
    back = await raw(http, server)
    assert await back.connect({"token": ben.access, "recover": True, "pid": hello["pid"], "offset": first.offset}) == hello
    assert (await a.call("live:say", {"live": live, "body": "four"}))["ok"]
    await until(lambda: back.bodies() == ["two", "three", "four"])
    await back.drop()
    await gone(server, hello["sid"])
    # Put out while away: the name comes back, the room does not.
    assert (await a.call("live:say", {"live": live, "body": "five"}))["ok"]
    assert (await anna.post(f"/api/v1/lives/{live}/restrictions", {"username": "ben", "kind": "banned", "on": True})).status == 204
    last = await raw(http, server)
    assert await last.connect({"token": ben.access, "recover": True, "pid": hello["pid"], "offset": back.offset}) == hello
    assert server.app.registry.live_size(live) == 1
    assert last.bodies() == []
    await last.drop()


async def test_the_python_client_may_ask_too(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    heard: list[tuple[Any, ...]] = []
    client.on("message:new", lambda *args: heard.append(args))
    await client.connect(server.url, auth={"token": ben.access, "recover": True}, transports=["websocket"])
    await say(await anna.connect(), talk, "hello")
    await until(lambda: heard)
    message, offset = heard[0]
    assert (message["body"], offset.count(".")) == ("hello", 1)
    await client.disconnect()
