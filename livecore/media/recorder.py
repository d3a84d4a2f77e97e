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
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import uvloop

from livecore.media.finishing import Finishing, at_ms
from livecore.media.hls_demand import HlsDemand, linger_s
from livecore.media.intake import Track
from livecore.media.mux import WriteFailed
from livecore.media.open_parts import OpenParts
from livecore.media.recording import Recording
from livecore.media.recording_files import RECORDING_ID, RecordingDirectory
from livecore.media.segmenter import SegmentSettings
from livecore.media.settings import MESSAGE_S
from livecore.media.stream_desk import StreamDesk
from livecore.platform import ipc

log = structlog.get_logger("livecore.recorder")

# Lateness is half a second, and what is late is seen at the next packet too. Time passes with the packets that come: a timer of its own
# would wake the process once more, so that of `IDLE_TICK_S`, for when nothing comes, is longer than packets wait for one another.
TICK_S = 0.35
IDLE_TICK_S = 1.0
# Asking the file system for its free space is cheap, but not free.
DISK_CHECK_INTERVAL_S = 1.0
PURGE_INTERVAL_S = 3600.0
# A main process whose database was away for a moment could not take a file: it is told again.
RETELL_INTERVAL_S = 30.0


@dataclass(frozen=True)
class RecorderSettings:
    """How the process runs.

    Attributes:
        socket_path: where it listens.
        directory: where files are written; only this process writes there.
        log_format: "console" or "json", for the logs that the composition sets up.
        reorder_wait_s: how long a missing packet is waited for: three round trips of a bad mobile network.
        message_s: how long media workers hold packets back at most; what is missing may wait there.
        resume_s: how long a recording stays open after its worker went away.
        idle_exit_s: with no connection for so long, the process finishes its files and ends.
        retell_s: a finished file that nobody took is told again this often.
        reserve_bytes: recordings end when the disk has less than this free, so that the rest of the platform lives on.
        part_limit_s: a longer recording rotates into a next part.
        segments_directory: where segments for HLS are written; None: there is no HLS.
        segments: how they are cut.
        window_s: how far back a viewer of HLS may go.
        keep_ended_s: how long an ended stream can still be watched.
        unplayed_s: a stream for whose playlist nobody asked for so long is made from longer messages; None: as `hls_demand` says.
    """

    socket_path: Path
    directory: Path
    log_format: str = "console"
    reorder_wait_s: float = 0.5
    message_s: float = MESSAGE_S
    resume_s: float = 30.0
    idle_exit_s: float = 10.0
    retell_s: float = RETELL_INTERVAL_S
    reserve_bytes: int = 256 << 20
    part_limit_s: float = 12 * 3600.0
    segments_directory: Path | None = None
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    window_s: float = 1800.0
    keep_ended_s: float = 300.0
    unplayed_s: float | None = None


# A main process that is away meanwhile hears of these when it is back.
FAILURES_KEPT = 200


@dataclass(slots=True)
class _Running:
    id: str
    live: str
    publication: str
    recording: Recording
    worker: ipc.Connection | None  # None while its worker is away
    demand: HlsDemand | None  # None: there are no segments that could be waited for
    away_since: float = 0.0


class Recorder:
    """All recordings of the process. Lives on one event loop."""

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
        self._running: dict[str, _Running] = {}
        self._parts = OpenParts(self._directory, self._finishing)
        self._stopping = asyncio.Event()
        self._tick_handle: asyncio.TimerHandle | None = None
        self._ticked_at = 0.0
        self._idle_since = 0.0  # since when nobody is connected
        self._disk_checked_at = 0.0
        self._purged_at = 0.0
        self._told_at = 0.0  # when all that waits was last told
        self._failures: deque[ipc.Message] = deque(maxlen=FAILURES_KEPT)  # told to each main process that comes
        self.drops: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()  # recordings by the reason of their end

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
        for running in list(self._running.values()):
            self._close(running, "shutdown")
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
            for message in (*self._finishing.announcements(), *self._failures):
                connection.send(message)
            if self._streams is not None:
                self._streams.greet(connection)

    def _on_closed(self, connection: ipc.Connection) -> None:
        self._connections.discard(connection)
        now = asyncio.get_running_loop().time()
        for running in self._running.values():
            if running.worker is connection:
                running.worker, running.away_since = None, now

    def _on_message(self, connection: ipc.Connection, message: ipc.Message) -> None:
        try:
            match message.get("t"):
                case "rtp":
                    self._on_rtp(message)
                case "sr":
                    self._on_report(message)
                case "open":
                    self._on_open(connection, message)
                case "close":
                    running = self._running.get(message["r"])
                    if running is not None:
                        self._close(running, str(message.get("reason", "closed")))
                case "asked":
                    self._on_asked(str(message["publication"]))
                case "taken":
                    self._finishing.taken(message)
                case "stats":
                    connection.answer(message, self.stats())
                case _:
                    self.drops["unknown_message"] += 1
        except (KeyError, TypeError, ValueError, IndexError) as malformed:
            # The peers are ours, so this is a fault: said once a message, and the others go on.
            self.drops["malformed_message"] += 1
            log.warning("recorder_malformed_message", kind=str(message.get("t"))[:20], error=type(malformed).__name__)
        except OSError as refused:
            self.drops["disk_refused"] += 1
            log.error("recorder_disk", error=refused.strerror)
        self._tell_segments()

    def _tell_segments(self) -> None:
        if self._streams is not None:
            self._streams.flush()

    def stats(self) -> dict[str, Any]:
        """Counters for /metrics: `drops` by reason over finished and running recordings, and what is at work."""
        drops = Counter(self.drops)
        for running in self._running.values():
            drops.update(running.recording.counts())
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "at_once": sum(running.demand is not None and running.demand.is_wanted for running in self._running.values()),
            "running": sum(running.recording.has_file for running in self._running.values()),
            "finishing": self._finishing.unfinished,
            "waiting": self._finishing.waiting,
            "drops": dict(drops),
            "ended": dict(self.ended),
            "cpu_s": round(time.process_time(), 3),
            "memory_bytes": usage.ru_maxrss * 1024,
            **(
                self._streams.stats()
                if self._streams is not None
                else {"streams": 0, "streams_failed": 0, "segments": 0, "parts": 0, "segment_bytes": 0}
            ),
        }

    # -- what workers send

    def _on_open(self, worker: ipc.Connection, message: ipc.Message) -> None:
        recording_id, now = str(message["r"]), asyncio.get_running_loop().time()
        if not RECORDING_ID.fullmatch(recording_id):
            raise ValueError("recording id")
        try:
            tracks = [_track(entry) for entry in message["tracks"]]
            running = self._running.get(recording_id)
            if running is not None:
                running.worker = worker
                if running.demand is not None:
                    # Its tap begins anew too.
                    running.demand = self._demand()
                    running.recording.pace(True)
                running.recording.reopen(tracks, now)
            else:
                self._start(worker, recording_id, message, tracks)
        except ValueError as refused:
            worker.send({"t": "failed", "r": recording_id, "reason": "not_recordable"})
            log.warning("recording_refused", recording=recording_id, why=str(refused))
        except WriteFailed as failed:
            self._fail(recording_id, failed.reason)
        self._ask_for_keys(now)

    def _start(self, worker: ipc.Connection, recording_id: str, message: ipc.Message, tracks: list[Track]) -> None:
        """`outputs` of an opening: "file", "hls"; a file alone when it does not say."""
        live, publication = str(message["live"]), str(message["publication"])
        outputs = message.get("outputs", ["file"])
        wants_file = "file" in outputs
        if wants_file and self._directory.free_bytes() < self._settings.reserve_bytes:
            self._tell_failed(recording_id, live, publication, "disk_full")
            log.warning("recording_refused", recording=recording_id, why="disk_full")
            wants_file = False
        segmenter = None
        if "hls" in outputs and self._streams is not None:
            segmenter = self._streams.segmenter(live, publication)
        if not wants_file and segmenter is None:
            worker.send({"t": "failed", "r": recording_id, "reason": "disk_full" if "file" in outputs else "no_output"})
            return
        parts = self._parts.of(recording_id, live, publication)
        recording = Recording(
            tracks,
            parts.open if wants_file else None,
            parts.closed if wants_file else None,
            self._settings.reorder_wait_s,
            self._settings.part_limit_s,
            self._directory.next_part(recording_id),
            segmenter,
            self._settings.message_s,
        )
        demand = self._demand() if "hls" in outputs else None
        recording.pace(demand is not None)
        self._running[recording_id] = _Running(recording_id, live, publication, recording, worker, demand)
        log.info("recording_started", recording=recording_id, live=live)

    def _demand(self) -> HlsDemand:
        wait_s = self._settings.unplayed_s
        return HlsDemand(linger_s(self._settings.segments.target_s) if wait_s is None else wait_s, asyncio.get_running_loop().time())

    def _on_asked(self, publication: str) -> None:
        """A main process: somebody plays this by HLS."""
        now = asyncio.get_running_loop().time()
        for running in self._running.values():
            if running.publication == publication and running.demand is not None:
                running.demand.asked(now)
                self._pace(running, now)

    def _pace(self, running: _Running, now: float) -> None:
        is_at_once = running.demand.turn(now) if running.demand is not None else None
        if is_at_once is None:
            return
        running.recording.pace(is_at_once)
        if running.worker is not None:
            running.worker.send({"t": "pace", "r": running.id, "at_once": is_at_once})

    def _on_rtp(self, message: ipc.Message) -> None:
        running = self._running.get(message["r"])
        if running is None:
            self.drops["not_open"] += len(message["p"])
            return
        now = asyncio.get_running_loop().time()
        try:
            running.recording.runs(message["p"], now)
        except WriteFailed as failed:
            self._fail(running.id, failed.reason)
            if running.id not in self._running:
                return
        self._ask(running, now)
        if now - self._ticked_at >= TICK_S:
            self._tick(now)

    def _on_report(self, message: ipc.Message) -> None:
        running = self._running.get(message["r"])
        if running is not None:
            running.recording.report(message["track"], message["ntp"], message["rtp"])

    # -- time

    def _on_timer(self) -> None:
        now = asyncio.get_running_loop().time()
        self._tick(now)
        self._tell_segments()
        if self._connections:
            self._idle_since = now
        elif now - self._idle_since > self._settings.idle_exit_s:
            self._stopping.set()

    def _tick(self, now: float) -> None:
        self._ticked_at = now
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        self._tick_handle = asyncio.get_running_loop().call_later(IDLE_TICK_S, self._on_timer)
        for running in list(self._running.values()):
            try:
                running.recording.tick(now)
            except WriteFailed as failed:
                self._fail(running.id, failed.reason)
                continue
            if running.worker is None and now - running.away_since > self._settings.resume_s:
                self._close(running, "publisher_lost")
            else:
                self._pace(running, now)
        self._ask_for_keys(now)
        if self._running and now - self._disk_checked_at > DISK_CHECK_INTERVAL_S:
            self._disk_checked_at = now
            if self._directory.free_bytes() < self._settings.reserve_bytes:
                for running in list(self._running.values()):
                    if running.recording.has_file:
                        self._fail(running.id, "disk_full")
        if now - self._told_at > self._settings.retell_s:
            self._told_at = now
            for message in self._finishing.announcements():
                self._tell_mains(message)
        if now - self._purged_at > PURGE_INTERVAL_S:
            self._purged_at = now
            self._directory.purge(at_ms())
        if self._streams is not None:
            self._streams.sweep(now)

    def _ask_for_keys(self, now: float) -> None:
        for running in self._running.values():
            self._ask(running, now)

    def _ask(self, running: _Running, now: float) -> None:
        if running.worker is None:
            return
        for track in running.recording.key_requests(now):
            running.worker.send({"t": "key", "r": running.id, "track": track})

    # -- ends

    def _close(self, running: _Running, reason: str) -> None:
        try:
            running.recording.close(asyncio.get_running_loop().time(), reason)
        except WriteFailed as failed:
            self._fail(running.id, failed.reason)
        self._forget(running)
        self.ended[reason] += 1
        log.info("recording_closed", recording=running.id, reason=reason, drops=dict(running.recording.drops))

    def _fail(self, recording_id: str, reason: str) -> None:
        """The file ends with a reason; what was written stays, and the live goes on, its segments too."""
        running = self._running.get(recording_id)
        if running is None:
            return
        running.recording.abandon(reason)
        self.ended[reason] += 1
        log.warning("recording_failed", recording=recording_id, reason=reason)
        self._tell_failed(recording_id, running.live, running.publication, reason)
        if running.recording.segmenter is not None:
            return
        self._forget(running)
        if running.worker is not None:
            running.worker.send({"t": "failed", "r": recording_id, "reason": reason})

    def _forget(self, running: _Running) -> None:
        if self._running.pop(running.id, None) is not None:
            self.drops.update(running.recording.drops)

    # -- main processes

    def _tell_failed(self, recording_id: str, live: str, publication: str, reason: str) -> None:
        self._failures.append({"t": "failed", "r": recording_id, "live": live, "publication": publication, "reason": reason})
        self._tell_mains(self._failures[-1])

    def _tell_mains(self, message: ipc.Message) -> None:
        for connection in self._connections:
            if connection.peer_role == "main":
                connection.send(message)


def _track(entry: dict[str, Any]) -> Track:
    track = Track(
        number=int(entry["track"]),
        kind=str(entry["kind"]),
        codec=str(entry["codec"]).lower(),
        clock=int(entry["clock"]),
        channels=int(entry.get("channels") or 0),
        format_parameters=str(entry.get("fmtp") or ""),
    )
    track.check()
    return track


def run(settings: RecorderSettings) -> int:
    """Run the process until SIGTERM or until nobody is connected. Answers the exit status."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Recorder(settings).run())
