"""A plain Socket.IO server with rooms, as a stock python-socketio application: what the bench measures by address.

`python -m tests.bench.room_server` tells its port as a line and serves until its standard input ends.
"""

import asyncio
import sys
from typing import Any

import socketio
from aiohttp import web


def application() -> web.Application:
    server = socketio.AsyncServer(async_mode="aiohttp")

    @server.on("join")
    async def join(sid: str, room: str) -> None:
        await server.enter_room(sid, room)

    @server.on("say")
    async def say(_sid: str, data: dict[str, Any]) -> None:
        await server.emit("say", data, room=data["room"])

    app = web.Application()
    server.attach(app)
    return app


async def main() -> None:
    runner = web.AppRunner(application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
