"""The recorder process: packets come over a Unix socket from the media workers; files and segments go out to the main processes.

From a media worker (role `media-…`): `open`, `rtp`, `sr`, `close`; to it: `key` (a key frame is wanted) and `failed`.
To a main process (role `main`): `finished` for each part, again at each connection until it answers `taken`, after which
the file is deleted; and `hls_state`, `hls`, `hls_gone` for streams. docs/recording.md and docs/hls.md describe each message.

The process writes by itself, with no thread between: a slow disk slows the reading of its sockets, and the workers drop what
they cannot send (`Connection.dropped`), so that no queue here grows.
"""

import asyncio
import resource
import signal
import time
from typing import Any

import structlog
import uvloop

from livecore.media.finishing import Finishing, at_ms
from livecore.media.recorder_settings import RecorderSettings
from livecore.media.recording_desk import RecordingDesk
from livecore.media.recording_files import RecordingDirectory
from livecore.media.stream_desk import StreamDesk
from livecore.platform import ipc

log = structlog.get_logger("livecore.recorder")

# Lateness is half a second, and what is late is seen at the next packet too. Time passes with the packets that come: a timer of its own
# would wake the process once more, so that of `IDLE_TICK_S`, for when nothing comes, is longer than packets wait for one another.
TICK_S = 0.35
IDLE_TICK_S = 1.0
PURGE_INTERVAL_S = 3600.0


class Recorder:
    """The process: its sockets, its time and its end; what is recorded is the desk's (`recording_desk`). Lives on one event loop."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._settings = settings
        self._directory = RecordingDirectory(settings.directory)
        self._finishing = Finishing(self._directory, self._tell_mains)
        self._streams: StreamDesk | None = None
        if settings.segments_directory is not None:
            self._streams = StreamDesk(
                settings.segments_directory,
                settings.segments,
                settings.window_s,
                settings.keep_ended_s,
                settings.resume_s,
                self._tell_mains,
            )
        self._connections: set[ipc.Connection] = set()
        self._recordings = RecordingDesk(settings, self._directory, self._finishing, self._streams, self._tell_mains)
        self._stopping = asyncio.Event()
        self._tick_handle: asyncio.TimerHandle | None = None
        self._ticked_at = 0.0
        self._idle_since = 0.0  # since when nobody is connected
        self._purged_at = 0.0
        self._told_at = 0.0  # when all that waits was last told

    async def run(self) -> int:
        """Serve until stopped or left alone; every file is finished when this returns."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        self._finishing.scan()
        server = await ipc.serve(self._settings.socket_path, self._connection)
        finishing = asyncio.create_task(self._finishing.run())
        log.info("recorder_ready", left_behind=self._finishing.unfinished, finished=self._finishing.waiting)
        # The first connection may take as long as the other processes take to start.
        self._idle_since = loop.time() + self._settings.idle_exit_s
        self._tick(loop.time())
        await self._stopping.wait()
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        server.close()
        self._recordings.close_all("shutdown")
        await self._finishing.join()
        finishing.cancel()
        self._tell_segments()
        for connection in list(self._connections):
            connection.close()
        self._settings.socket_path.unlink(missing_ok=True)
        log.info("recorder_stopped", waiting=self._finishing.waiting)
        return 0

    # -- connections

    def _connection(self) -> ipc.Connection:
        return ipc.Connection("recorder", self._on_message, self._on_ready, self._on_closed)

    def _on_ready(self, connection: ipc.Connection) -> None:
        self._connections.add(connection)
        if connection.peer_role == "main":
            for message in (*self._finishing.announcements(), *self._recordings.failures):
                connection.send(message)
            if self._streams is not None:
                self._streams.greet(connection)

    def _on_closed(self, connection: ipc.Connection) -> None:
        self._connections.discard(connection)
        self._recordings.worker_gone(connection)

    def _on_message(self, connection: ipc.Connection, message: ipc.Message) -> None:
        recordings = self._recordings
        try:
            match message.get("t"):
                case "rtp":
                    recordings.on_rtp(message)
                    self._tick_if_due()
                case "sr":
                    recordings.on_report(message)
                case "open":
                    recordings.on_open(connection, message)
                case "close":
                    recordings.on_close(message)
                case "asked":
                    recordings.on_asked(str(message["publication"]))
                case "taken":
                    self._finishing.taken(message)
                case "stats":
                    connection.answer(message, self.stats())
                case _:
                    recordings.drops["unknown_message"] += 1
        except (KeyError, TypeError, ValueError, IndexError) as malformed:
            # The peers are ours, so this is a fault: said once a message, and the others go on.
            recordings.drops["malformed_message"] += 1
            log.warning("recorder_malformed_message", kind=str(message.get("t"))[:20], error=type(malformed).__name__)
        except OSError as refused:
            recordings.drops["disk_refused"] += 1
            log.error("recorder_disk", error=refused.strerror)
        self._tell_segments()

    def _tell_segments(self) -> None:
        if self._streams is not None:
            self._streams.flush()

    def stats(self) -> dict[str, Any]:
        """Counters for /metrics."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            **self._recordings.stats(),
            "finishing": self._finishing.unfinished,
            "waiting": self._finishing.waiting,
            "cpu_s": round(time.process_time(), 3),
            "memory_bytes": usage.ru_maxrss * 1024,
            **(
                self._streams.stats()
                if self._streams is not None
                else {"streams": 0, "streams_failed": 0, "segments": 0, "parts": 0, "segment_bytes": 0}
            ),
        }

    # -- time

    def _on_timer(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tick(now)
        self._tell_segments()
        if self._connections:
            self._idle_since = now
        elif now - self._idle_since > self._settings.idle_exit_s:
            self._stopping.set()

    def _tick_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._ticked_at >= TICK_S:
            self._tick(now)

    def _tick(self, now: float) -> None:
        self._ticked_at = now
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        self._tick_handle = asyncio.get_running_loop().call_later(IDLE_TICK_S, self._on_timer)
        self._recordings.tick(now)
        if now - self._told_at > self._settings.retell_s:
            self._told_at = now
            for message in self._finishing.announcements():
                self._tell_mains(message)
        if now - self._purged_at > PURGE_INTERVAL_S:
            self._purged_at = now
            self._directory.purge(at_ms())
        if self._streams is not None:
            self._streams.sweep(now)

    # -- main processes

    def _tell_mains(self, message: ipc.Message) -> None:
        for connection in self._connections:
            if connection.peer_role == "main":
                connection.send(message)


def run(settings: RecorderSettings) -> int:
    """Run the process until SIGTERM or until nobody is connected. Answers the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Recorder(settings).run())
