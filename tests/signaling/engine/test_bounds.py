"""Clients that do not keep up: each buffer has an end, and reaching it costs nobody else anything."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession, web

from livecore.signaling.engine.server import EngineServer
from tests.waiting import until

BUFFER_BYTES = 64 * 1024
CHUNK = "x" * 16_000


@dataclass
class Scene:
    engine: EngineServer
    url: str
    counted: list[tuple[str, str]] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)  # messages are handled while it is set


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene(EngineServer(buffer_bytes=BUFFER_BYTES, on_count=lambda *what: made.counted.append(what)), "")

    async def connect(_sid: str, _environ: dict[str, Any]) -> None:
        return

    async def disconnect(sid: str, reason: str) -> None:
        made.ended.append((sid, reason))

    async def message(_sid: str, data: Any) -> None:
        await made.gate.wait()
        made.taken.append(data)

    made.gate.set()
    made.engine.on("connect", connect)
    made.engine.on("disconnect", disconnect)
    made.engine.on("message", message)
    application = web.Application()
    made.engine.attach(application, "engine.io")
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = "http://{}:{}/engine.io/?EIO=4".format(*runner.addresses[0][:2])
    yield made
    await made.engine.shutdown()
    await runner.cleanup()


async def raw_websocket(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that reads only what it is told to."""
    address, _, path = url.removeprefix("http://").partition("/")
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        f"GET /{path}&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert b"101" in await reader.readline()
    return reader, writer


async def test_a_websocket_that_is_not_read_is_cut_off(scene: Scene) -> None:
    _reader, writer = await raw_websocket(scene.url)
    slow = next(iter(scene.engine.sockets))
    async with ClientSession() as http, http.ws_connect(f"{scene.url}&transport=websocket") as other:
        await other.receive_str()
        sent = 0
        while slow in scene.engine.sockets and sent < 50_000_000:
            await scene.engine.send(slow, CHUNK)
            sent += len(CHUNK)
            await asyncio.sleep(0)
        assert scene.counted == [("cut", "too_slow")]
        assert sent < 20_000_000
        [quick] = scene.engine.sockets
        await scene.engine.send(quick, "still here")
        assert await other.receive_str() == "4still here"
    writer.close()
    await until(lambda: [sid for sid, _ in scene.ended if sid == slow], "its end to be told")


async def test_a_poll_that_does_not_come_is_waited_for_up_to_the_buffer(scene: Scene) -> None:
    async with ClientSession() as http:
        async with http.get(f"{scene.url}&transport=polling") as opened:
            assert opened.status == 200
        [sid] = scene.engine.sockets
        for _ in range(BUFFER_BYTES // len(CHUNK)):
            await scene.engine.send(sid, CHUNK)
        assert sid in scene.engine.sockets
        await scene.engine.send(sid, CHUNK)
        assert sid not in scene.engine.sockets
        assert scene.counted == [("cut", "too_slow")]


async def test_a_sender_that_is_not_served_is_held_back_and_loses_nothing(scene: Scene) -> None:
    scene.gate.clear()
    async with ClientSession() as http, http.ws_connect(f"{scene.url}&transport=websocket") as ws:
        await ws.receive_str()
        sending = asyncio.create_task(_send_many(ws, 400))
        [session] = scene.engine.sockets.values()
        await until(lambda: session.inbox_bytes > 1 << 20, "the inbox to fill")
        for _ in range(50):
            await asyncio.sleep(0)
        assert session.inbox_bytes < 3 << 20
        assert not sending.done()
        scene.gate.set()
        await sending
        await until(lambda: len(scene.taken) == 400, "everything to be taken")
        assert [text.partition(":")[0] for text in scene.taken] == [str(number) for number in range(400)]


async def _send_many(ws: Any, count: int) -> None:
    for number in range(count):
        await ws.send_str(f"4{number}:{CHUNK * 2}")


async def test_a_sender_of_endless_small_messages_is_cut_off(scene: Scene) -> None:
    scene.gate.clear()
    async with ClientSession() as http, http.ws_connect(f"{scene.url}&transport=websocket") as ws:
        await ws.receive_str()
        for _ in range(1100):
            await ws.send_str("4x")
        await until(lambda: ("cut", "too_fast") in scene.counted)
        scene.gate.set()
