"""Composition of lives with the media plane and the recorder: what one tells, the other hears.

Each main process connects to the media workers and the recorder of its machine over Unix sockets. Their events
arrive here as plain calls on `Course`; a failed step is logged and, for a finished recording, told again by the
recorder at the next connect.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import structlog

from livecore import errors
from livecore.lives.course import Course
from livecore.media.client import MediaPlane
from livecore.media.control import (
    LayersWanted,
    MediaError,
    MediaEvent,
    PublicationDown,
    PublicationUp,
    SessionClosed,
    SpeakerChanged,
    ViewerChanged,
    WorkerDown,
)
from livecore.media.origin import Origin
from livecore.platform import ipc

log = structlog.get_logger("live_plane")

# How often a recorder that is away is looked for; it starts within a second of its end.
RECONNECT_S = 0.5
SWEEP_S = 5.0
# Why a viewer's session ended that the room does not tell anyway.
CLOSED_FOR_VIEWER = ("too_slow", "codec_changed")
WAITING_SWEEP_S = 1.0
# Events that wait while the database is slow; more than a thousand lives do not change state at once here.
EVENT_QUEUE = 4096


class LivePlane:
    def __init__(self, media: MediaPlane, recorder_socket: Path, origin: Origin, counters_s: float) -> None:
        self.recorder_stats: dict[str, Any] = {}  # as the recorder last told; empty while it is away
        self._media = media
        self._origin = origin
        self._recorder_socket = recorder_socket
        self._counters_s = counters_s
        self._course: Course | None = None  # None until `start`
        self._tasks: list[asyncio.Task[None]] = []
        self._events: asyncio.Queue[MediaEvent] = asyncio.Queue(EVENT_QUEUE)

    async def start(self, course: Course) -> None:
        self._course = course
        await self._guarded(course.all_away(), "begin")
        self._media.on_event = self._queue
        await self._media.start()
        for work, name in (
            (self._dispatch(), "live events"),
            (self._hear_recorder(), "recorder"),
            (self._sweep(), "live sweep"),
            (self._release_waiting(), "hls sweep"),
        ):
            self._tasks.append(asyncio.create_task(work, name=name))

    def _queue(self, event: MediaEvent) -> None:
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            log.error("live event dropped", kind=type(event).__name__)

    async def _dispatch(self) -> None:
        while True:
            event = await self._events.get()
            await self._guarded(self._handle(event), type(event).__name__)

    async def _handle(self, event: MediaEvent) -> None:
        assert self._course is not None
        if isinstance(event, PublicationUp):
            await self._course.publication_up(event.live_id, event.publication_id, event.video_codec)
        elif isinstance(event, PublicationDown):
            if event.reason == "away":
                await self._course.publication_away(event.live_id, event.publication_id)
            else:
                await self._course.publication_down(event.live_id, event.publication_id)
        elif isinstance(event, LayersWanted):
            await self._course.layers_wanted(event.live_id, event.publication_id, event.account_id, event.rids, event.scalability)
        elif isinstance(event, SpeakerChanged):
            await self._course.speaker_changed(event.live_id, event.publication_id)
        elif isinstance(event, ViewerChanged):
            reason = "too_slow" if event.state == "paused" else None
            await self._course.viewer_changed(event.live_id, event.publication_id, event.account_id, event.state, reason)
        elif isinstance(event, SessionClosed) and event.kind == "watch" and event.reason in CLOSED_FOR_VIEWER:
            await self._course.viewer_changed(event.live_id, event.publication_id, event.account_id, "closed", event.reason)
        elif isinstance(event, WorkerDown):
            log.warning("media worker away", worker=event.index, lives=len(event.live_ids))
            await self._course.all_away(event.live_ids)

    async def _guarded(self, step: Awaitable[Any], what: str) -> Any:
        """One failed step must not end the course of all other lives."""
        try:
            return await step
        except (errors.Problem, MediaError, ipc.IpcError, OSError) as exc:
            log.warning("live step failed", step=what, reason=str(exc))
            return None

    async def _sweep(self) -> None:
        while True:
            assert self._course is not None
            await self._guarded(self._course.sweep(), "sweep")
            await asyncio.sleep(SWEEP_S)

    async def _release_waiting(self) -> None:
        """Who has waited for a part for too long is answered."""
        while True:
            await asyncio.sleep(WAITING_SWEEP_S)
            self._origin.sweep(time.monotonic())

    async def _ask_stats(self, connection: ipc.Connection) -> None:
        while True:
            with contextlib.suppress(ipc.IpcError, ipc.RemoteError):
                self.recorder_stats = await connection.request({"t": "stats"})
            await asyncio.sleep(self._counters_s)

    async def _hear_recorder(self) -> None:
        """Stay connected to the recorder; a finished file is answered with `taken` once it is in the library."""
        while True:
            finished: asyncio.Queue[ipc.Message] = asyncio.Queue(EVENT_QUEUE)
            closed = asyncio.Event()

            def hear(_connection: ipc.Connection, message: ipc.Message, queue: asyncio.Queue[ipc.Message] = finished) -> None:
                kind = str(message.get("t"))
                if kind.startswith("hls"):
                    self._origin.on_message(message)
                elif kind in ("finished", "failed"):
                    queue.put_nowait(message)

            def gone(_connection: ipc.Connection, event: asyncio.Event = closed) -> None:
                event.set()

            try:
                connection = await ipc.connect(self._recorder_socket, lambda: ipc.Connection("main", hear, on_closed=gone))
            except ipc.IpcError:
                await asyncio.sleep(RECONNECT_S)
                continue
            self._origin.to_recorder = connection.send
            end = asyncio.create_task(closed.wait())
            stats = asyncio.create_task(self._ask_stats(connection))
            try:
                while not closed.is_set():
                    get = asyncio.create_task(finished.get())
                    await asyncio.wait({get, end}, return_when=asyncio.FIRST_COMPLETED)
                    if not get.done():
                        get.cancel()
                        break
                    message = get.result()
                    assert self._course is not None
                    if message["t"] == "failed":
                        await self._guarded(self._course.recording_failed(message), "recording")
                    elif await self._guarded(self._course.recording_finished(message), "recording"):
                        connection.send({"t": "taken", "recording": message["recording"], "part": message.get("part", 0)})
            finally:
                end.cancel()
                stats.cancel()
                self.recorder_stats = {}
                connection.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._media.close()


class GuardedMedia:
    """The media plane as lives see it (`ports.MediaControl`): closing what is gone already is no error, and a worker that is
    away has closed everything by itself."""

    def __init__(self, media: MediaPlane) -> None:
        self._media = media

    async def end_live(self, live_id: str) -> None:
        await self._ask(self._media.end_live(live_id))

    async def cut(self, account_id: str, live_id: str | None, reason: str) -> None:
        await self._ask(self._media.cut(account_id, live_id, reason))

    async def watchers(self, live_id: str) -> list[str]:
        try:
            return await self._media.watchers(live_id)
        except MediaError as exc:
            # A worker that is away shows nobody anything.
            log.warning("media request failed", reason=exc.code)
            return []

    async def start_recording(self, live_id: str, publication_id: str, recording_id: str, outputs: Sequence[str]) -> None:
        await self._ask(self._media.start_recording(live_id, publication_id, recording_id, outputs))

    async def _ask(self, request: Awaitable[Any]) -> None:
        try:
            await request
        except MediaError as exc:
            log.warning("media request failed", reason=exc.code)
