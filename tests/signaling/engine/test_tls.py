"""Over TLS nothing is written beside the transport, whichever loop runs: plain bytes would end the connection, or tell what was sealed."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession, web

from livecore.native import FanOut
from livecore.platform.tls import server_context
from livecore.signaling.broadcast import Room
from livecore.signaling.encoding import Encoded
from livecore.signaling.engine.server import EngineServer
from livecore.signaling.link import EngineLink
from livecore.signaling.registry import Connection
from tests.signaling.test_broadcast import principal


async def scene(context: ssl.SSLContext | None) -> tuple[int, list[str]]:
    """The descriptor of a client's socket as rooms see it, and what the client heard of a room."""
    engine = EngineServer()

    async def nothing(*_: object) -> None:
        return

    for event in ("connect", "disconnect", "message"):
        engine.on(event, nothing)
    application = web.Application()
    engine.attach(application, "engine.io")
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    host, port = runner.addresses[0][:2]
    try:
        async with ClientSession() as http:
            url = f"{'http' if context is None else 'https'}://{host}:{port}/engine.io/?EIO=4&transport=websocket"
            async with http.ws_connect(url, ssl=False) as ws:
                await ws.receive_str()
                [session] = engine.sockets.values()
                link = EngineLink(None, session, session.sid, False)  # type: ignore[arg-type]  # nothing here is cut
                member = Connection(session.sid, principal("ben"), link, "")
                room = Room(0.0, lambda _account: [member], FanOut("auto"))
                room.add(member, "ben")
                for number in range(3):
                    room.send(Encoded("live:message", {"n": number}))
                heard = [(await ws.receive_str(timeout=5)) for _ in range(3)]
                return link.descriptor(), heard
    finally:
        await engine.shutdown()
        await runner.cleanup()


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("is_tls", [True, False], ids=["tls", "plain"])
def test_a_room_reaches_a_client_and_never_beside_tls(
    make_loop: Callable[[], asyncio.AbstractEventLoop], is_tls: bool, tmp_path: Path
) -> None:
    context = server_context("auto", tmp_path) if is_tls else None
    with asyncio.Runner(loop_factory=make_loop) as runner:
        descriptor, heard = runner.run(scene(context))
    assert heard == [f'42["live:message",{{"n":{number}}}]' for number in range(3)]
    assert (descriptor == -1) is is_tls
