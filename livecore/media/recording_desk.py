"""All recordings of the recorder process: opened, fed, paced, asked for key frames and ended. It knows who sends, not how messages come.

Each call is one message or one tick; what has to be said goes to the worker that sends, or to every main process (`tell_mains`).
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from livecore.media.finishing import Finishing
from livecore.media.hls_demand import HlsDemand, linger_s
from livecore.media.intake import Track
from livecore.media.mux import WriteFailed
from livecore.media.open_parts import OpenParts
from livecore.media.recorder_settings import RecorderSettings
from livecore.media.recording import Recording
from livecore.media.recording_files import RECORDING_ID, RecordingDirectory
from livecore.media.stream_desk import StreamDesk
from livecore.platform import ipc

log = structlog.get_logger("livecore.recorder")

# Asking the file system for its free space is cheap, but not free.
DISK_CHECK_INTERVAL_S = 1.0
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


class RecordingDesk:
    """`streams` None: there is no HLS."""

    def __init__(
        self,
        settings: RecorderSettings,
        directory: RecordingDirectory,
        finishing: Finishing,
        streams: StreamDesk | None,
        tell_mains: Callable[[ipc.Message], None],
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._parts = OpenParts(directory, finishing)
        self._streams = streams
        self._tell_mains = tell_mains
        self._running: dict[str, _Running] = {}
        self._disk_checked_at = 0.0
        self.failures: deque[ipc.Message] = deque(maxlen=FAILURES_KEPT)  # told to each main process that comes
        self.drops: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()  # recordings by the reason of their end

    def stats(self) -> dict[str, Any]:
        """`drops` by reason over finished and running recordings, and what is at work."""
        drops = Counter(self.drops)
        for running in self._running.values():
            drops.update(running.recording.counts())
        return {
            "at_once": sum(running.demand is not None and running.demand.is_wanted for running in self._running.values()),
            "running": sum(running.recording.has_file for running in self._running.values()),
            "drops": dict(drops),
            "ended": dict(self.ended),
        }

    # -- what workers send

    def on_open(self, worker: ipc.Connection, message: ipc.Message) -> None:
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

    def on_asked(self, publication: str) -> None:
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

    def on_rtp(self, message: ipc.Message) -> None:
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

    def on_report(self, message: ipc.Message) -> None:
        running = self._running.get(message["r"])
        if running is not None:
            running.recording.report(message["track"], message["ntp"], message["rtp"])

    def on_close(self, message: ipc.Message) -> None:
        running = self._running.get(message["r"])
        if running is not None:
            self._close(running, str(message.get("reason", "closed")))

    def worker_gone(self, worker: ipc.Connection) -> None:
        now = asyncio.get_running_loop().time()
        for running in self._running.values():
            if running.worker is worker:
                running.worker, running.away_since = None, now

    # -- time

    def tick(self, now: float) -> None:
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

    def _ask_for_keys(self, now: float) -> None:
        for running in self._running.values():
            self._ask(running, now)

    def _ask(self, running: _Running, now: float) -> None:
        if running.worker is None:
            return
        for track in running.recording.key_requests(now):
            running.worker.send({"t": "key", "r": running.id, "track": track})

    # -- ends

    def close_all(self, reason: str) -> None:
        for running in list(self._running.values()):
            self._close(running, reason)

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

    def _tell_failed(self, recording_id: str, live: str, publication: str, reason: str) -> None:
        self.failures.append({"t": "failed", "r": recording_id, "live": live, "publication": publication, "reason": reason})
        self._tell_mains(self.failures[-1])


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
