"""The main process's side of the media plane: which worker has which live, and how it is asked."""

import asyncio
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from livecore.media.control import (
    ERRORS,
    Answer,
    BadOffer,
    MediaError,
    MediaEvent,
    NoPublisher,
    NoSuchSession,
    PatchAnswer,
    PublicationDown,
    PublicationUp,
    WorkerDown,
    WorkerGone,
    WorkerUp,
    event_from_message,
)
from livecore.media.figures import LiveFigures
from livecore.media.sdp import SIZE_LIMIT_BYTES
from livecore.platform import ipc
from livecore.ports import Clock

# A worker restarts in some 300 ms.
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0

log = structlog.get_logger(__name__)


class _Remote:
    """One worker as seen from here. `connection` is None while it is away."""

    def __init__(self, index: int, path: Path) -> None:
        self.index = index
        self.path = path
        self.connection: ipc.Connection | None = None
        self.load: dict[str, float] = {}
        self.counters: dict[str, Any] = {}
        self.lives: set[str] = set()
        self.up: dict[tuple[str, str], PublicationUp] = {}  # also those whose publisher is away for a moment
        self.greeted = asyncio.Event()


class MediaPlane:
    """Args:
    socket_paths: one Unix socket a worker, by worker index.

    `on_event` is called for each event, in the order in which a worker told them; set it before `start`.
    All methods raise `WorkerGone` when the worker that has to be asked is away.
    """

    def __init__(self, socket_paths: Sequence[Path], clock: Clock) -> None:
        self.on_event: Callable[[MediaEvent], None] = lambda _event: None
        self._clock = clock
        self._remotes = [_Remote(index, path) for index, path in enumerate(socket_paths)]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect to the workers, and keep connected. Returns at once; `ready` waits for the first."""
        self._tasks = [asyncio.get_running_loop().create_task(self._keep_up(remote)) for remote in self._remotes]

    async def ready(self, timeout_s: float = 10.0) -> None:
        """Until every worker is connected. Raises WorkerGone when one is not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                for remote in self._remotes:
                    await remote.greeted.wait()
        except TimeoutError as exc:
            raise WorkerGone("a media worker did not answer in time") from exc

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for remote in self._remotes:
            if remote.connection is not None:
                remote.connection.close()

    @property
    def connected(self) -> int:
        """How many workers can be asked now."""
        return sum(remote.connection is not None for remote in self._remotes)

    @property
    def counters(self) -> dict[int, dict[str, Any]]:
        """What each worker last told of itself (every five seconds): see `statistics.of_worker`."""
        return {remote.index: remote.counters for remote in self._remotes if remote.connection is not None and remote.counters}

    # -- requests

    async def publish(
        self,
        live_id: str,
        publication_id: str,
        offer_sdp: str,
        *,
        prefer: str = "h264",
        worker: int | None = None,
        publisher: str | None = None,
    ) -> Answer:
        """Answer a publisher's offer.

        Raises:
            BadOffer, NoCommonCodec, Full.
        """
        _check_size(offer_sdp)
        remote = self._of_live(live_id) or (self._chosen(worker) if worker is not None else self._least_loaded())
        remote.lives.add(live_id)
        message = {
            "t": "publish",
            "live": live_id,
            "publication": publication_id,
            "sdp": offer_sdp,
            "prefer": prefer,
            "account": publisher,
        }
        return Answer(*await self._ask(remote, message))

    async def subscribe(
        self, live_id: str, publication_id: str, offer_sdp: str, *, viewer: str | None = None, max_height: int | None = None
    ) -> Answer:
        """Answer a viewer's offer. `max_height`: no higher picture than so many pixels, where there is a choice.

        Raises:
            NoPublisher (with `retry_after_s`), NoCommonCodec, BadOffer, Full.
        """
        _check_size(offer_sdp)
        remote = self._of_live(live_id)
        if remote is None:
            raise NoPublisher("nothing is published here yet")
        message = {
            "t": "subscribe",
            "live": live_id,
            "publication": publication_id,
            "sdp": offer_sdp,
            "account": viewer,
            "max_height": max_height,
        }
        return Answer(*await self._ask(remote, message))

    async def patch(self, session_id: str, sdp_fragment: str, etag: str | None) -> PatchAnswer:
        """Trickle or ICE restart. `etag`: the value of `If-Match` as it came; None without one.

        Raises:
            StaleTag, NoSuchSession, BadOffer.
        """
        _check_size(sdp_fragment)
        message = {"t": "patch", "session": session_id, "sdp": sdp_fragment, "etag": etag}
        return PatchAnswer(*await self._ask(self._of_session(session_id), message))

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session; a publisher's ends its publication. Raises NoSuchSession."""
        await self._ask(self._of_session(session_id), {"t": "close_session", "session": session_id, "reason": reason})

    async def prefer_layer(self, session_id: str, rid: str | None, max_height: int | None = None) -> None:
        """What a viewer asks for: no better layer than `rid`, none higher than `max_height` pixels; None leaves it to what its path
        carries. Raises NoSuchSession."""
        message = {"t": "prefer_layer", "session": session_id, "rid": rid, "max_height": max_height}
        await self._ask(self._of_session(session_id), message)

    async def layers(self, session_id: str) -> dict[str, Any]:
        """`{layers: [{rid, height, bitrate_bps}], current, rid, max_height}` of a viewer's picture. Raises NoSuchSession."""
        answer: dict[str, Any] = await self._ask(self._of_session(session_id), {"t": "layers", "session": session_id})
        return answer

    async def end_live(self, live_id: str) -> None:
        """End every publication of a live, and with them its viewers' sessions and its recordings."""
        remote = self._of_live(live_id)
        if remote is not None:
            await self._ask(remote, {"t": "end_live", "live": live_id})
            remote.lives.discard(live_id)

    async def cut(self, account_id: str, live_id: str | None, reason: str) -> None:
        """Close what this person watches, in one live or (None) everywhere. Workers that are away have nothing to close."""
        message = {"t": "cut", "account": account_id, "live": live_id, "reason": reason}
        remotes = [remote for remote in self._remotes if remote.connection is not None]
        await asyncio.gather(*(self._ask(remote, message) for remote in remotes))

    async def watchers(self, live_id: str) -> list[str]:
        """The accounts that watch a live by WebRTC."""
        remote = self._of_live(live_id)
        return [] if remote is None else list(await self._ask(remote, {"t": "watchers", "live": live_id}))

    async def start_recording(self, live_id: str, publication_id: str, recording_id: str, outputs: Sequence[str] = ("file",)) -> None:
        """Copy the publication to the recorder from its next key frame on. `outputs`: "file", "hls". Raises NoPublisher."""
        remote = self._of_live(live_id)
        if remote is None:
            raise NoPublisher("nothing is published here yet")
        message = {
            "t": "start_recording",
            "live": live_id,
            "publication": publication_id,
            "recording": recording_id,
            "outputs": list(outputs),
        }
        await self._ask(remote, message)

    async def stats(self, live_id: str) -> LiveFigures:
        remote = self._of_live(live_id)
        if remote is None:
            return {"publications": {}}
        answer: LiveFigures = await self._ask(remote, {"t": "stats", "live": live_id})
        return answer

    # -- which worker

    def _of_live(self, live_id: str) -> _Remote | None:
        return next((remote for remote in self._remotes if live_id in remote.lives), None)

    def _of_session(self, session_id: str) -> _Remote:
        index = session_id.partition("-")[0]
        if not index.isdecimal() or len(index) > 4 or int(index) >= len(self._remotes):
            raise NoSuchSession("no such session")
        return self._remotes[int(index)]

    def _chosen(self, index: int) -> _Remote:
        if not 0 <= index < len(self._remotes):
            raise WorkerGone("there is no such worker")
        return self._remotes[index]

    def _least_loaded(self) -> _Remote:
        present = [remote for remote in self._remotes if remote.connection is not None]
        if not present:
            raise WorkerGone("no media worker is there")
        return min(present, key=lambda r: (round(r.load.get("cpu", 0.0), 1), r.load.get("sessions", 0), len(r.lives)))

    # -- the sockets

    async def _ask(self, remote: _Remote, message: dict[str, Any]) -> Any:
        connection = remote.connection
        if connection is None:
            raise WorkerGone("the media worker is away")
        try:
            return await connection.request(message)
        except ipc.RemoteError as exc:
            raise ERRORS.get(exc.code, MediaError)(exc.detail) from exc
        except ipc.IpcError as exc:
            raise WorkerGone("the media worker went away") from exc

    async def _keep_up(self, remote: _Remote) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            closed = asyncio.Event()
            try:
                await ipc.connect(remote.path, functools.partial(self._make, remote, closed))
            except ipc.IpcError:
                await asyncio.sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
                continue
            retry_s = FIRST_RETRY_S
            await closed.wait()
            self._gone(remote)

    def _make(self, remote: _Remote, closed: asyncio.Event) -> ipc.Connection:
        return ipc.Connection(
            "main",
            lambda connection, message: self._on_message(remote, connection, message),
            on_closed=lambda _connection: closed.set(),
        )

    def _on_message(self, remote: _Remote, connection: ipc.Connection, message: dict[str, Any]) -> None:
        kind = message.get("t")
        if kind == "load":
            remote.load = message["load"]
            return
        if kind == "counters":
            remote.counters = message["counters"]
            return
        if kind == "hello":
            remote.connection, remote.load = connection, message["load"]
            remote.lives = set(message["lives"])
            remote.greeted.set()
            self._tell(WorkerUp(remote.index))
            for up in message["up"]:
                self._on_message(remote, connection, up)
            return
        event = event_from_message(message)
        if event is None:
            log.error("media_event_unknown", kind=str(kind))
            return
        if isinstance(event, PublicationUp):
            remote.lives.add(event.live_id)
            remote.up[event.live_id, event.publication_id] = event
        elif isinstance(event, PublicationDown) and event.reason != "away":
            self._on_down(remote, event)
        self._tell(event)

    def _on_down(self, remote: _Remote, event: PublicationDown) -> None:
        """The live's last publication frees it from its worker."""
        remote.up.pop((event.live_id, event.publication_id), None)
        if not any(live_id == event.live_id for live_id, _ in remote.up):
            remote.lives.discard(event.live_id)

    def _gone(self, remote: _Remote) -> None:
        lives, remote.lives = tuple(sorted(remote.lives)), set()
        remote.connection, remote.up = None, {}
        remote.greeted.clear()
        self._tell(WorkerDown(remote.index, lives))

    def _tell(self, event: MediaEvent) -> None:
        try:
            self.on_event(event)
        except Exception:
            # One listener's fault must not end the connection that all lives of this worker depend on.
            log.exception("media_event_handler_failed", kind=type(event).__name__)


def _check_size(text: str) -> None:
    if len(text) > SIZE_LIMIT_BYTES:
        raise BadOffer("the description is too long")
