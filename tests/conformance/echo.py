"""An echo server on livecore's transport, as the official suites of Engine.IO and Socket.IO expect it.

    python -m tests.conformance.echo --port 3000

`/engine.io/` sends every message back; `/socket.io/` has the namespaces "/" and "/custom": it sends `auth` with the
handshake's payload, `message` comes back as `message-back`, `message-with-ack` is acknowledged with its arguments.
"""

import argparse
import asyncio
from typing import Any

from aiohttp import web

from livecore.signaling.engine.server import EngineServer
from livecore.signaling.protocol import EngineBackedServer

# The suites wait for one message after the other and lose the second of two that come in one read: `auth` keeps its distance.
AUTH_DELAY_S = 0.03
# What the suites have written down.
TIMES = {"ping_interval": 0.3, "ping_timeout": 0.2, "max_http_buffer_size": 1_000_000}
CONNECT_TIMEOUT_S = 1.0


def engine_echo(application: web.Application) -> EngineServer:
    engine = EngineServer(**TIMES)

    async def ignore(*_: Any) -> None:
        return

    engine.on("connect", ignore)
    engine.on("disconnect", ignore)
    engine.on("message", engine.send)
    engine.attach(application, "engine.io")
    return engine


def socket_echo(application: web.Application) -> EngineBackedServer:
    server = EngineBackedServer(connect_timeout_s=CONNECT_TIMEOUT_S, namespaces=["/", "/custom"], **TIMES)
    for namespace in ("/", "/custom"):

        async def tell(sid: str, auth: Any, namespace: str) -> None:
            await asyncio.sleep(AUTH_DELAY_S)
            await server.emit("auth", auth or {}, to=sid, namespace=namespace)

        async def connect(sid: str, environ: dict[str, Any], auth: Any = None, namespace: str = namespace) -> None:
            # After the CONNECT's own answer.
            server.start_background_task(tell, sid, auth, namespace)

        async def message(sid: str, *args: Any, namespace: str = namespace) -> None:
            await server.emit("message-back", args, to=sid, namespace=namespace)

        async def message_with_ack(sid: str, *args: Any) -> tuple[Any, ...]:
            return args

        server.on("connect", connect, namespace=namespace)
        server.on("message", message, namespace=namespace)
        server.on("message-with-ack", message_with_ack, namespace=namespace)
    server.attach(application)
    return server


def application() -> web.Application:
    made = web.Application()
    engine, server = engine_echo(made), socket_echo(made)

    async def end(_: web.Application) -> None:
        await engine.shutdown()
        await server.shutdown()

    made.on_shutdown.append(end)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    options = parser.parse_args()
    web.run_app(application(), host=options.host, port=options.port, print=None, access_log=None)
