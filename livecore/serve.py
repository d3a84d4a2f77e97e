"""What each process of a livecore does: the main process speaks HTTP, media workers forward, the recorder writes.

The supervisor hands settings over in the environment, so that a child sees exactly what its parent resolved.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys

import structlog
import uvloop
from aiohttp import web

from livecore.app import App
from livecore.config import Settings
from livecore.errors import ConfigError, Unavailable
from livecore.platform import logs
from livecore.platform.tls import local_addresses, server_context

log = structlog.get_logger("serve")

# A main process that cannot bind its port or read its certificate will not be able to in a moment either.
EXIT_CANNOT_SERVE = 3
SETTINGS_VARIABLE = "LIVECORE_RESOLVED_SETTINGS"
_PR_SET_PDEATHSIG = 1
# The garbage collector's first threshold once everything lives: fan-out makes garbage in bursts, and a
# collection at the usual 700 would cost a third of the time (see docs/capacity.md).
GC_THRESHOLD = 50_000


def settings_from_parent() -> Settings:
    return Settings.model_validate_json(os.environ[SETTINGS_VARIABLE])


def end_with_parent() -> None:
    """Have the kernel send SIGTERM when the supervisor is gone (Linux), so that nobody serves unsupervised."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def advertised_hosts(settings: Settings) -> tuple[str, ...]:
    """Addresses that peers are told: as set, or loopback alone when only loopback is served, else this machine's."""
    if settings.media_host:
        return tuple(host.strip() for host in settings.media_host.split(",") if host.strip())
    if settings.host in ("127.0.0.1", "localhost", "::1"):
        return ("127.0.0.1",)
    if settings.host in ("0.0.0.0", "::", ""):
        return tuple(local_addresses())
    return (settings.host,)


def media_bind_host(settings: Settings) -> str:
    """Where the media sockets are bound: both families with one socket, where an IPv6 address is told to peers."""
    hosts = advertised_hosts(settings)
    if hosts == ("127.0.0.1",):
        return "127.0.0.1"
    return "::" if any(":" in host for host in hosts) and socket.has_ipv6 else "0.0.0.0"


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


def run_main(settings: Settings, index: int, ready_fd: int | None) -> int:
    logs.configure(settings)
    try:
        uvloop.run(_main(settings, index, ready_fd))
    except ConfigError as exc:
        log.error("cannot serve", reason=str(exc))
        return EXIT_CANNOT_SERVE
    except Unavailable as exc:
        # An engine may be back in a moment: the supervisor tries again.
        log.error("cannot serve yet", reason=str(exc))
        return 1
    except OSError as exc:
        if exc.errno is None or not exc.strerror:
            raise
        log.error("cannot serve", host=settings.host, port=settings.port, reason=exc.strerror)
        return EXIT_CANNOT_SERVE
    return 0


def run_media(settings: Settings, index: int) -> int:
    from livecore.media.worker import WorkerSettings, run

    logs.configure(settings)
    return run(
        WorkerSettings(
            index=index,
            socket_path=settings.media_socket(index),
            udp_host=media_bind_host(settings),
            udp_port=settings.media_port + index if settings.media_port else 0,
            tcp_port=(settings.media_port + index if settings.media_port else 0) if settings.media_tcp else None,
            advertised_hosts=advertised_hosts(settings),
            recorder_socket=settings.recorder_socket,
            log_format=settings.log_format,
            native=settings.native,
            resume_s=settings.media_resume_s,
            start_bitrate_kbps=settings.media_start_kbps,
            session_limit=settings.media_sessions,
            publication_limit=settings.media_publications,
            consent_s=settings.media_consent_s,
            connect_s=settings.media_connect_s,
            orphan_s=settings.media_orphan_s,
        )
    )


def run_recorder(settings: Settings) -> int:
    from livecore.media.recorder import RecorderSettings, run
    from livecore.media.segmenter import SegmentSettings

    logs.configure(settings)
    return run(
        RecorderSettings(
            socket_path=settings.recorder_socket,
            directory=settings.recordings_dir,
            log_format=settings.log_format,
            part_limit_s=settings.recording_max_s,
            segments_directory=settings.hls_dir if settings.hls else None,
            segments=SegmentSettings(settings.hls_part_s, settings.hls_segment_s),
            window_s=settings.hls_window_s,
            keep_ended_s=settings.hls_ended_s,
        )
    )
