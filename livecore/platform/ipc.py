"""Messages between the processes of one livecore: length-prefixed msgpack maps over Unix stream sockets.

Frame: 4 bytes big-endian body length, then a msgpack map. The first frame each way is a hello
`{"ipc": VERSION, "role": str}`; a peer of another version is refused. A frame over `FRAME_LIMIT_BYTES` or
that is not a map ends the connection: the peer is one of ours, so it is a fault, not an input.

Back-pressure: `send` never blocks. When more than `BACKLOG_LIMIT_BYTES` wait for a peer that does not read,
`send` answers False, the frame is dropped and counted in `dropped`; callers decide what a lost frame means.
"""

import asyncio
import itertools
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import msgpack

VERSION = 1
# The largest frame is a batch of 128 media packets with their headers; anything larger is a fault.
FRAME_LIMIT_BYTES = 1 << 20
# Four seconds of a 6 Mb/s publication: a peer that is further behind is not coming back in time to matter.
BACKLOG_LIMIT_BYTES = 4 << 20
# A local process that does not greet within this time is not ours.
HELLO_TIMEOUT_S = 5.0
# A control request crosses one Unix socket and does no I/O on the other side.
REQUEST_TIMEOUT_S = 5.0

_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


class IpcError(ConnectionError):
    """The peer spoke another version, sent a malformed frame, went away or did not answer in time."""


class RemoteError(Exception):
    """The peer answered a request with an error. `code` is a short word, `detail` says more."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


Handler = Callable[["Connection", Message], Awaitable[None] | None]


class Connection(asyncio.Protocol):
    """One end of a Unix socket. Requests carry `"id"`, their answers `"re"` with `"ok"` or `"error"`.

    Args:
        role: what this end is ("main", "media-0", "recorder"), told in the hello.
        on_message: called for each frame that is not an answer; may be a coroutine function. Frames are
            handled in order of arrival; a coroutine is awaited before the next frame is looked at.
        on_closed: called once when the connection ends.
    """

    def __init__(
        self,
        role: str,
        on_message: Handler,
        on_ready: Callable[["Connection"], None] | None = None,
        on_closed: Callable[["Connection"], None] | None = None,
    ) -> None:
        self.role = role
        self.peer_role: str | None = None  # None until the peer's hello
        self.dropped = 0
        self._on_message = on_message
        self._on_ready = on_ready
        self._on_closed = on_closed
        self._transport: asyncio.Transport | None = None
        self._buffer = b""  # the beginning of a frame whose rest has not come
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(4096)
        self._hello_timer: asyncio.TimerHandle | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep the interface without inheriting it.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=BACKLOG_LIMIT_BYTES)
        self._write({"ipc": VERSION, "role": self.role})
        loop = asyncio.get_running_loop()
        self._hello_timer = loop.call_later(HELLO_TIMEOUT_S, self._fail, "no hello")

    def data_received(self, data: bytes) -> None:
        # Frames mostly come whole: they are read where they lie.
        view = memoryview(self._buffer + data if self._buffer else data)
        offset, size = 0, len(view)
        while size - offset >= 4:
            (length,) = _LENGTH.unpack_from(view, offset)
            if length > FRAME_LIMIT_BYTES:
                self._fail("frame too large")
                return
            if size - offset - 4 < length:
                break
            start, offset = offset + 4, offset + 4 + length
            try:
                message = msgpack.unpackb(view[start:offset], strict_map_key=False)
            except ValueError:
                self._fail("not msgpack")
                return
            if not isinstance(message, dict):
                self._fail("not a map")
                return
            self._receive(message)
        self._buffer = bytes(view[offset:])

    def _receive(self, message: Message) -> None:
        if self.peer_role is None:
            if message.get("ipc") != VERSION:
                self._fail(f"version {message.get('ipc')!r}, not {VERSION}")
                return
            self.peer_role = str(message.get("role", ""))
            if self._hello_timer:
                self._hello_timer.cancel()
            if not self.ready.done():
                self.ready.set_result(None)
            if self._on_ready:
                self._on_ready(self)
            return
        if "re" in message:
            future = self._waiting.pop(message["re"], None)
            if future and not future.done():
                if "error" in message:
                    error = message["error"]
                    future.set_exception(RemoteError(str(error.get("code", "error")), str(error.get("detail", ""))))
                else:
                    future.set_result(message.get("ok"))
            return
        if not self._tasks:
            outcome = self._on_message(self, message)
            if outcome is not None:
                self._start(outcome)
            return
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            self._fail("inbox full")

    def _start(self, awaitable: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._drain(awaitable))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, first: Awaitable[None]) -> None:
        await first
        while not self._inbox.empty():
            outcome = self._on_message(self, self._inbox.get_nowait())
            if outcome is not None:
                await outcome

    def connection_lost(self, exc: Exception | None) -> None:
        if self._hello_timer:
            self._hello_timer.cancel()
        if not self.ready.done():
            self.ready.set_exception(IpcError("closed before its hello"))
            self.ready.exception()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(IpcError("the peer went away"))
        self._waiting.clear()
        self._transport = None
        if self._on_closed:
            self._on_closed(self)

    def _fail(self, why: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(IpcError(why))
            self.ready.exception()
        self.close()

    def _write(self, message: Message) -> None:
        assert self._transport is not None
        body = msgpack.packb(message)
        self._transport.write(_LENGTH.pack(len(body)) + body)

    def send(self, message: Message) -> bool:
        """Send one frame; False when the peer is gone or too far behind (the frame is dropped)."""
        if not self.is_open or self._transport is None:
            return False
        if self._transport.get_write_buffer_size() > BACKLOG_LIMIT_BYTES:
            self.dropped += 1
            return False
        self._write(message)
        return True

    async def request(self, message: Message, timeout_s: float = REQUEST_TIMEOUT_S) -> Any:
        """Send a frame and wait for its answer. Raises IpcError (gone, slow) or RemoteError (refused)."""
        request_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            if not self.send({**message, "id": request_id}):
                raise IpcError("the peer is gone or does not read")
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as exc:
            raise IpcError(f"no answer within {timeout_s} s") from exc
        finally:
            self._waiting.pop(request_id, None)

    def answer(self, request: Message, ok: Any = None) -> bool:
        return self.send({"re": request["id"], "ok": ok})

    def refuse(self, request: Message, code: str, detail: str = "") -> bool:
        return self.send({"re": request["id"], "error": {"code": code, "detail": detail}})

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def serve(path: Path, make: Callable[[], Connection]) -> asyncio.Server:
    """Listen on a Unix socket that only this user may open; a stale file from a dead process is replaced."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    server = await asyncio.get_running_loop().create_unix_server(make, str(path))
    path.chmod(0o600)
    return server


async def connect(path: Path, make: Callable[[], Connection], timeout_s: float = HELLO_TIMEOUT_S) -> Connection:
    """Connect and exchange hellos. Raises IpcError when nobody listens or the versions differ."""
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await asyncio.get_running_loop().create_unix_connection(make, str(path))
            await connection.ready
    except (OSError, TimeoutError) as exc:
        raise IpcError(f"{path.name}: {exc or 'timed out'}") from exc
    return connection
