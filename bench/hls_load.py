"""The load side of the HLS bench: players that block for the next playlist and then fetch the new parts, over connections of their own.

The delay is measured end to end: made-up pictures carry the time of their sending (`rtp_source`), and a few of the players look for it in the parts
that they get.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp

from bench import rtp_source
from bench.latency import Latencies
from bench.load import Handler, LoadFailed, Progress

REPORT_S = 1.0
_HINT = re.compile(rb'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"')
_PART = re.compile(rb'#EXT-X-PART:[^\n]*URI="(p(\d+)\.(\d+)\.m4s)"')
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_RETRY_S = 0.2


# One for all connections of a process: what came is looked at before anything else comes.
_SCRATCH = bytearray(1 << 18)
_VIEW = memoryview(_SCRATCH)

# Called with the status and, where it was wanted, the body of an answer.
OnAnswer = Callable[[int, bytes], None]


class Connection(asyncio.BufferedProtocol):
    """HTTP/1.1 over one socket, one request at a time; reads no more of an answer than its status and length.

    `keeps`: whether bodies are wanted; else their bytes are counted and let go.
    """

    def __init__(self, keeps: bool, on_answer: OnAnswer, on_lost: Callable[[], None]) -> None:
        self.received = 0  # of bodies, in bytes
        self._keeps = keeps
        self._on_answer = on_answer
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._head = b""  # of an answer whose head has not come whole
        self._status = 0  # 0 between two answers
        self._left = 0  # of the body
        self._body = b""

    def get(self, path: str) -> None:
        assert self._transport is not None
        self._transport.write(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: bench\r\n\r\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _VIEW

    def buffer_updated(self, nbytes: int) -> None:
        body_at = 0
        if not self._status:
            end = _SCRATCH.find(b"\r\n\r\n", 0, nbytes) if not self._head else -1
            if end < 0:
                self._slow_head(nbytes)
                return
            self._begin(bytes(_VIEW[:end]))
            body_at = end + 4
        self._take(_VIEW[body_at:nbytes])

    def _slow_head(self, nbytes: int) -> None:
        """A head that came in pieces."""
        self._head += _VIEW[:nbytes]
        end = self._head.find(b"\r\n\r\n")
        if end >= 0:
            head, self._head = self._head, b""
            self._begin(head[:end])
            self._take(memoryview(head)[end + 4 :])

    def _begin(self, head: bytes) -> None:
        length = _LENGTH.search(head)
        self._status, self._left, self._body = int(head[9:12]), int(length[1]) if length else 0, b""

    def _take(self, data: memoryview) -> None:
        self._left -= len(data)
        self.received += len(data)
        if self._keeps:
            self._body += data
        if self._left <= 0:
            status, self._status = self._status, 0
            self._on_answer(status, self._body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_lost()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Player:
    """Blocks for each playlist, and fetches what is new in it while the next reload is blocked. `opened`: whether its parts are looked into."""

    def __init__(self, host: str, port: int, place: str, opened: bool) -> None:
        self.playlists = self.parts = self.failed = 0
        self.is_dead = False
        self.delays = Latencies()
        self._address = host, port
        self._place = place
        self._opened = opened
        self._playlist = Connection(True, self._on_playlist, self._on_lost)
        self._media = Connection(opened, self._on_part, self._on_lost)
        self._known: tuple[int, int] | None = None  # the newest part that was fetched or stands in the queue
        self._to_fetch: deque[bytes] = deque()
        self._is_fetching = False
        self._is_closed = False

    @property
    def received(self) -> int:
        return self._playlist.received + self._media.received

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self._playlist, *self._address)
        await loop.create_connection(lambda: self._media, *self._address)
        self._playlist.get(f"{self._place}/media.m3u8")

    def _on_playlist(self, status: int, text: bytes) -> None:
        if self._is_closed:
            return
        hint = _HINT.search(text, max(0, text.rfind(b"#EXT-X-PRELOAD-HINT"))) if status == 200 else None
        if hint is None:
            self.failed += 1
            asyncio.get_running_loop().call_later(_RETRY_S, self._again)
            return
        self.playlists += 1
        self._playlist.get(f"{self._place}/media.m3u8?_HLS_msn={int(hint[1])}&_HLS_part={int(hint[2])}&_HLS_skip=YES")
        self._fetch_new(text)

    def _again(self) -> None:
        if not self._is_closed and not self.is_dead:
            self._playlist.get(f"{self._place}/media.m3u8")

    def _fetch_new(self, text: bytes) -> None:
        """What is newer than the last part; at first, the newest alone. The last lines say it, unless this player is behind."""
        newest = _PART.search(text, max(0, text.rfind(b"#EXT-X-PART:")))
        if newest is None:
            return
        at, known = (int(newest[2]), int(newest[3])), self._known
        self._known = at
        if known is None or at == (known[0], known[1] + 1):
            self._to_fetch.append(newest[1])
        else:
            self._to_fetch += [part[1] for part in _PART.finditer(text) if (int(part[2]), int(part[3])) > known]
        if not self._is_fetching:
            self._fetch()

    def _fetch(self) -> None:
        self._is_fetching = bool(self._to_fetch)
        if self._to_fetch:
            self._media.get(f"{self._place}/{self._to_fetch.popleft().decode()}")

    def _on_part(self, status: int, data: bytes) -> None:
        if status == 200:
            self.parts += 1
            if self._opened:
                self._look(data)
        else:
            self.failed += 1
        if not self._is_closed:
            self._fetch()

    def _on_lost(self) -> None:
        self.is_dead = True

    def _look(self, data: bytes) -> None:
        """The youngest picture of the part: how old it is now."""
        at = data.rfind(rtp_source.MARK)
        sent = rtp_source.sent_ns(data[: at + rtp_source.TRAILER_BYTES]) if at >= 0 else None
        if sent is not None:
            self.delays.add((time.time_ns() - sent) / 1e6)

    def close(self) -> None:
        self._is_closed = True
        self._playlist.close()
        self._media.close()


class Crowd:
    """The players of one load process."""

    def __init__(self) -> None:
        self.players: list[Player] = []

    async def connect(self, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Open so many: each has a signed path of its own where there are tokens enough."""
        places = [await _place(arguments["url"], arguments["path"], token) for token in arguments["tokens"]]
        parts = urlsplit(arguments["url"])
        assert parts.hostname is not None
        for index in range(arguments["viewers"]):
            player = Player(parts.hostname, parts.port or 80, places[index % len(places)], index < arguments["opened"])
            self.players.append(player)
            await player.open()
            if index % 20 == 19:
                await asyncio.sleep(0.05)
        return {"viewers": len(self.players)}

    async def measure(self, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        before = self._sums()
        for player in self.players:
            player.delays = Latencies()
        began = time.monotonic()
        while (left_s := began + arguments["seconds"] - time.monotonic()) > 0:
            await asyncio.sleep(min(REPORT_S, left_s))
            progress({"seconds": time.monotonic() - began, "parts": self._sums()["parts"] - before["parts"]})
        after = self._sums()
        delays = Latencies()
        for player in self.players:
            delays.merge(player.delays.tell())
        dead = sum(player.is_dead for player in self.players)
        return {key: after[key] - before[key] for key in after} | {
            "seconds": time.monotonic() - began,
            "delay": delays.tell(),
            "dead": dead,
        }

    def _sums(self) -> dict[str, int]:
        return {key: sum(getattr(player, key) for player in self.players) for key in ("playlists", "parts", "received", "failed")}

    async def leave(self, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        for player in self.players:
            player.close()
        self.players = []
        return {}


async def _place(url: str, path: str, token: str) -> str:
    """The signed path of one viewer. Raises LoadFailed."""
    async with aiohttp.ClientSession() as http:
        for _ in range(50):
            async with http.get(url + path, headers={"Authorization": f"Bearer {token}"}) as answer:
                text = await answer.text()
                if answer.status == 200:
                    return next(line for line in text.splitlines() if line and not line.startswith("#")).rpartition("/")[0]
            await asyncio.sleep(_RETRY_S)
    raise LoadFailed(f"{path} answers {answer.status}: {text[:200]}")


def handlers() -> dict[str, Handler]:
    crowd = Crowd()
    return {"connect": crowd.connect, "measure": crowd.measure, "leave": crowd.leave}
