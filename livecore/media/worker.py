"""The media worker's process: one UDP port for media, one Unix socket for the main processes, one loop.

Requests (maps over `platform.ipc`, see `control`): `publish`, `subscribe`, `patch`, `close_session`, `prefer_layer`, `layers`, `end_live`, `cut`,
`watchers`, `start_recording`, `stats`. Events go to every main process; a newly connected one is first told what is
published (`hello`). With no main process for a while, or on SIGTERM, everything is closed, recordings are finished, and the
process ends.
"""

import asyncio
import contextlib
import gc
import random
import signal
import sys
import time
from typing import Any

import structlog
import uvloop

from livecore import native
from livecore.media import statistics
from livecore.media.control import TOLD_ONCE, MediaError, WorkerEvent, event_to_message
from livecore.media.demux import Demultiplexer
from livecore.media.endpoint import Endpoint
from livecore.media.inbox import NativeInbox
from livecore.media.opening import Doorway
from livecore.media.recorder_link import RecorderLink
from livecore.media.router import Router
from livecore.media.senders import make_sender
from livecore.media.settings import WorkerSettings
from livecore.media.tcp import TcpEndpoint
from livecore.media.transport import generate_certificate
from livecore.platform import ipc

__all__ = ["Worker", "WorkerSettings", "run"]

TICK_S = 0.02
# Without a session nothing is due within a second but what this process says of itself.
IDLE_TICK_S = 0.5
# The last events are a few kilobytes; a main process that does not read them by then is gone itself.
FAREWELL_S = 1.0
# How often main processes are told the load by which they choose a worker.
LOAD_INTERVAL_S = 1.0
# Packets live for a drain or for the cache's seconds: frequent young collections find nothing and cost a third of the time.
GC_THRESHOLD = 50_000

log = structlog.get_logger(__name__)


class Worker:
    """The process's parts, wired. `stopped` is set when it has ended everything."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.stopped = asyncio.Event()
        library = native.load(settings.native)
        inbox = NativeInbox(library, settings.session_limit) if library is not None else None
        self.demux = Demultiplexer(inbox)
        self.endpoint = Endpoint(
            settings.udp_host,
            settings.udp_port,
            self.demux.on_datagram,
            self._drained,
            self._backlog,
            settings.backlog_limit,
            settings.rest_s,
            inbox,
        )
        hosts = settings.advertised_hosts or (self.endpoint.host,)
        self.tcp: TcpEndpoint | None = None
        if settings.tcp_port is not None:
            wanted = settings.tcp_port or self.endpoint.port
            self.tcp = TcpEndpoint(settings.udp_host, wanted, self.demux.on_datagram, self._drained)
            if self.tcp.port is None and not settings.tcp_port:
                self.tcp = TcpEndpoint(settings.udp_host, 0, self.demux.on_datagram, self._drained)
        self._link: RecorderLink | None = None
        if settings.recorder_socket is not None:
            self._link = RecorderLink(settings.recorder_socket, f"media-{settings.index}", self._recorder_ready, self._from_recorder)
        addresses, tcp_port = [(host, self.endpoint.port) for host in hosts], self.tcp.port if self.tcp is not None else None
        rng = random.SystemRandom()
        doorway = Doorway(settings, generate_certificate(), self.demux, self.endpoint, addresses, tcp_port, rng)
        to_recorder = self._link.send if self._link else _no_recorder
        sender = make_sender(library, self.endpoint)
        self.router = Router(settings, doorway, self._emit, to_recorder, rng, sender)
        self._mains: set[ipc.Connection] = set()
        self._left_alone = asyncio.Event()  # set while no main process is connected
        self._left_alone.set()
        self._server: asyncio.Server | None = None
        self._orphaned_at: float | None = time.monotonic()  # None while a main process is connected
        self._load_due = self._counters_due = 0.0
        self._cpu_before = (time.monotonic(), time.process_time())
        self._flush_handle: asyncio.TimerHandle | None = None  # set while part of a frame is held, or a burst is paced
        self._flush_at = 0.0
        self._tick_handle: asyncio.TimerHandle | None = None
        self._is_idle = False  # ticks come at the slow pace

    async def start(self) -> None:
        self._server = await ipc.serve(self.settings.socket_path, self._make_connection)
        self.endpoint.start()
        if self.tcp is not None:
            if self.tcp.port is None:
                log.error("media_tcp_port_taken", port=self.settings.tcp_port)
            await self.tcp.start()
        if self._link is not None:
            self._link.start()
        self._tick()
        log.info(
            "media_worker_started",
            index=self.settings.index,
            udp_port=self.endpoint.port,
            offload=self.endpoint.offload,
            native=native.load(self.settings.native) is not None,
        )

    async def stop(self, reason: str) -> None:
        """Close all transports, finish recordings, and set `stopped`."""
        if self.stopped.is_set():
            return
        log.info("media_worker_stopping", index=self.settings.index, reason=reason)
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        self.router.close(reason, time.monotonic())
        if self._link is not None:
            await self._link.close()
        for connection in list(self._mains):
            connection.close()
        if self._server is not None:
            self._server.close()
        self.endpoint.close()
        if self.tcp is not None:
            self.tcp.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._left_alone.wait()
        self.settings.socket_path.unlink(missing_ok=True)
        self.stopped.set()

    # -- media

    def _drained(self, now: float) -> None:
        held_until = self.router.flush(now)
        if held_until is not None and (self._flush_handle is None or held_until < self._flush_at):
            if self._flush_handle is not None:
                self._flush_handle.cancel()
            self._flush_at = held_until
            self._flush_handle = asyncio.get_running_loop().call_later(max(0.0, held_until - now), self._flush_held)

    def _flush_held(self) -> None:
        self._flush_handle = None
        self._drained(time.monotonic())

    def _backlog(self) -> int:
        return self.router.backlog()

    def _tick(self) -> None:
        now = time.monotonic()
        self._is_idle = not self.router.sessions
        self._tick_handle = asyncio.get_running_loop().call_later(IDLE_TICK_S if self._is_idle else TICK_S, self._tick)
        self.router.on_tick(now)
        self.demux.on_tick(now)
        if now >= self._load_due:
            self._load_due = now + LOAD_INTERVAL_S
            self._tell_load(now)
        if now >= self._counters_due:
            self._counters_due = now + self.settings.counters_s
            counters = {"t": "counters", "counters": statistics.of_worker(self.router, self.demux, self.endpoint, now, self.tcp)}
            for connection in self._mains:
                connection.send(counters)
        if self._orphaned_at is not None and now - self._orphaned_at > self.settings.orphan_s:
            self._orphaned_at = None
            self._stopping = asyncio.get_running_loop().create_task(self.stop("no_main_process"))

    # -- main processes

    def _make_connection(self) -> ipc.Connection:
        return ipc.Connection(f"media-{self.settings.index}", self._on_message, on_ready=self._main_ready, on_closed=self._main_closed)

    def _main_ready(self, connection: ipc.Connection) -> None:
        self._mains.add(connection)
        self._orphaned_at = None
        self._left_alone.clear()
        connection.send(
            {
                "t": "hello",
                "index": self.settings.index,
                "load": self._load(),
                "up": [event_to_message(event) for event in self.router.ups()],
                "lives": self.router.live_ids(),
            }
        )

    def _main_closed(self, connection: ipc.Connection) -> None:
        self._mains.discard(connection)
        if not self._mains:
            self._orphaned_at = time.monotonic()
            self._left_alone.set()

    def _emit(self, event: WorkerEvent) -> None:
        message = event_to_message(event)
        once = isinstance(event, TOLD_ONCE)
        for connection in list(self._mains)[: 1 if once else None]:
            connection.send(message)

    def _load(self) -> dict[str, float]:
        return {"sessions": len(self.router.sessions), "cpu": self._cpu}

    _cpu = 0.0

    def _tell_load(self, now: float) -> None:
        cpu = time.process_time()
        before, cpu_before = self._cpu_before
        self._cpu_before = now, cpu
        self._cpu = round((cpu - cpu_before) / max(0.001, now - before), 3)
        self.router.pressure.on_load(self._cpu, late=self.router.age_limit.take())
        for connection in self._mains:
            connection.send({"t": "load", "load": self._load()})

    def _on_message(self, connection: ipc.Connection, message: ipc.Message) -> None:
        try:
            answer = self._perform(str(message.get("t")), message, time.monotonic())
        except MediaError as exc:
            connection.refuse(message, exc.code, str(exc))
            return
        except KeyError as exc:
            log.error("control_message_malformed", message=str(message.get("t")), missing=str(exc))
            connection.close()
            return
        if self._is_idle and self.router.sessions and self._tick_handle is not None:
            self._tick_handle.cancel()
            self._tick()
        if "id" in message:
            connection.answer(message, answer)

    def _perform(self, kind: str, m: ipc.Message, now: float) -> Any:
        router = self.router
        if kind == "publish":
            answer = router.publish(m["live"], m["publication"], m["sdp"], m["prefer"], m["account"], now)
            return [answer.sdp, answer.session_id, answer.etag]
        if kind == "subscribe":
            answer = router.subscribe(m["live"], m["publication"], m["sdp"], m["account"], now, m.get("max_height"))
            return [answer.sdp, answer.session_id, answer.etag]
        if kind == "patch":
            patched = router.patch(m["session"], m["sdp"], m["etag"])
            return [patched.status, patched.body, patched.etag]
        if kind == "close_session":
            return router.close_session(m["session"], m["reason"], now)
        if kind == "prefer_layer":
            return router.prefer_layer(m["session"], m["rid"], m.get("max_height"))
        if kind == "layers":
            return statistics.of_layers(router.viewer(m["session"]), now)
        if kind == "end_live":
            return router.end_live(m["live"], now)
        if kind == "cut":
            return router.cut(m["account"], m["live"], m["reason"], now)
        if kind == "watchers":
            return router.watchers(m["live"])
        if kind == "start_recording":
            return router.start_recording(m["live"], m["publication"], m["recording"], m["outputs"], now)
        if kind == "stats":
            return statistics.of_live(router, m["live"], now)
        raise KeyError(kind)

    # -- the recorder

    def _recorder_ready(self) -> None:
        self.router.recordings.on_ready(time.monotonic())

    def _from_recorder(self, message: dict[str, Any]) -> None:
        recording, now = str(message.get("r")), time.monotonic()
        if message.get("t") == "key":
            self.router.recordings.on_key_wanted(recording, int(message.get("track", 0)), now)
        elif message.get("t") == "pace":
            self.router.recordings.on_pace(recording, bool(message.get("at_once")))
        elif message.get("t") == "failed":
            self.router.recordings.on_failed(recording, str(message.get("reason", "failed")))


def _no_recorder(_message: dict[str, Any]) -> bool:
    return False


async def _main(settings: WorkerSettings) -> None:
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    stopping: list[asyncio.Task[None]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stopping.append(loop.create_task(worker.stop("shutdown"))))
    await worker.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)
    await worker.stopped.wait()
    await asyncio.gather(*stopping)


def run(settings: WorkerSettings) -> int:
    """Blocks until the worker has ended; the process's exit status."""
    if sys.platform == "linux":
        uvloop.run(_main(settings))
    else:
        asyncio.run(_main(settings))
    return 0
