"""The main process: REST, Socket.IO, signalling and the web demo, around one `App`."""

import asyncio
import contextlib
import gc
import os
import signal
import socket

import structlog
import uvloop
from aiohttp import web

from livecore.app import App
from livecore.config import Settings
from livecore.errors import ConfigError, Unavailable
from livecore.platform import logs
from livecore.platform.addresses import local_addresses
from livecore.platform.tls import server_context
from livecore.serve import EXIT_CANNOT_SERVE

log = structlog.get_logger("serve")

# The garbage collector's first threshold once everything lives: fan-out makes garbage in bursts, and a
# collection at the usual 700 would cost a third of the time (see docs/capacity.md).
GC_THRESHOLD = 50_000


def own_url(settings: Settings, port: int) -> str:
    host = settings.host if settings.host not in ("0.0.0.0", "::", "") else local_addresses()[0]
    if host == "127.0.0.1":
        host = "localhost"
    return f"{'http' if settings.tls == 'off' else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


async def _metrics_site(app: App, port: int) -> web.AppRunner:
    async def answer(_request: web.Request) -> web.Response:
        body, content_type = app.metrics.render()
        return web.Response(body=body, headers={"Content-Type": content_type})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def _main(settings: Settings, index: int, ready_fd: int | None) -> None:
    app = App(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(app.close)
        application = await app.start()
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        tls = server_context(settings.tls, settings.data_dir / "tls")
        sock = _listen(settings.host, settings.port, settings.processes > 1)
        await web.SockSite(runner, sock, ssl_context=tls, backlog=4096).start()
        url = own_url(settings, sock.getsockname()[1])
        await app.listening(url)
        if settings.metrics_port and index == 0:
            stack.push_async_callback((await _metrics_site(app, settings.metrics_port)).cleanup)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 50)
        log.info("serving", url=url, process=index)
        if ready_fd is not None:
            os.write(ready_fd, f"{url}\n".encode())
            os.close(ready_fd)
        await stop.wait()
        log.info("draining", process=index)
        await app.drain()


def _listen(host: str, port: int, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.setblocking(False)
    return sock


def run(settings: Settings, index: int, ready_fd: int | None) -> int:
    logs.configure(settings)
    try:
        uvloop.run(_main(settings, index, ready_fd))
    except ConfigError as exc:
        log.error("cannot serve", reason=str(exc))
        return EXIT_CANNOT_SERVE
    except Unavailable as exc:
        # An engine may be back in a moment: the supervisor tries again, at the first start for a minute.
        log.error("cannot serve yet", reason=str(exc))
        return 1
    except OSError as exc:
        if exc.errno is None or not exc.strerror:
            raise
        log.error("cannot serve", host=settings.host, port=settings.port, reason=exc.strerror)
        return EXIT_CANNOT_SERVE
    return 0
