"""The load side of the HLS bench: players that block for the next playlist and then fetch the new parts, over connections of their own.

The delay is measured end to end: made-up pictures carry the time of their sending (`rtp_source`), and a few of the players look for it in the parts
that they get.
"""

import asyncio
import re
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bench import rtp_source
from bench.latency import Latencies
from bench.load import Handler, LoadFailed, Progress

REPORT_S = 1.0
_HINT = re.compile(rb'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p(\d+)\.(\d+)\.m4s"')
_PART = re.compile(rb'#EXT-X-PART:[^\n]*URI="(p\d+\.\d+\.m4s)"')
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_RETRY_S = 0.2


class Connection:
    """HTTP/1.1 over one socket, one request at a time; reads no more of an answer than its status and length."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address, limit=4 << 20)
        assert self._reader is not None
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        return int(head[9:12]), body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class Player:
    """`opened`: whether its parts are looked into for the time of sending."""

    def __init__(self, host: str, port: int, place: str, opened: bool) -> None:
        self.playlists = self.parts = self.bytes = self.failed = 0
        self.delays = Latencies()
        self._playlist, self._media = Connection(host, port), Connection(host, port)
        self._place = place
        self._opened = opened

    async def run(self) -> None:
        """Until cancelled: a blocked reload a part, and the part."""
        query = ""
        known = b""
        while True:
            status, text = await self._playlist.get(f"{self._place}/media.m3u8{query}")
            if status != 200:
                self.failed += 1
                query = ""
                await asyncio.sleep(_RETRY_S)
                continue
            self.playlists += 1
            self.bytes += len(text)
            names = _PART.findall(text)
            # What is newer than the last part that was fetched; at first, the newest alone.
            fresh = names[names.index(known) + 1 :] if known in names else names[-1:]
            for name in fresh:
                status, data = await self._media.get(f"{self._place}/{name.decode()}")
                if status == 200:
                    self.parts += 1
                    self.bytes += len(data)
                    if self._opened:
                        self._look(data)
                else:
                    self.failed += 1
            known = names[-1] if names else known
            hint = _HINT.search(text)
            query = f"?_HLS_msn={int(hint[1])}&_HLS_part={int(hint[2])}&_HLS_skip=YES" if hint else ""

    def _look(self, data: bytes) -> None:
        """The youngest picture of the part: how old it is now."""
        at = data.rfind(rtp_source.MARK)
        sent = rtp_source.sent_ns(data[: at + rtp_source.TRAILER_BYTES]) if at >= 0 else None
        if sent is not None:
            self.delays.add((time.time_ns() - sent) / 1e6)

    def close(self) -> None:
        self._playlist.close()
        self._media.close()


class Crowd:
    """The players of one load process."""

    def __init__(self) -> None:
        self.players: list[Player] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def connect(self, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Open so many: each has a signed path of its own where there are tokens enough."""
        places = [await _place(arguments["url"], arguments["path"], token) for token in arguments["tokens"]]
        parts = urlsplit(arguments["url"])
        assert parts.hostname is not None
        for index in range(arguments["viewers"]):
            player = Player(parts.hostname, parts.port or 80, places[index % len(places)], index < arguments["opened"])
            self.players.append(player)
            self.tasks.append(asyncio.create_task(player.run()))
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
        dead = sum(task.done() for task in self.tasks)
        return {key: after[key] - before[key] for key in after} | {
            "seconds": time.monotonic() - began,
            "delay": delays.tell(),
            "dead": dead,
        }

    def _sums(self) -> dict[str, int]:
        return {key: sum(getattr(player, key) for player in self.players) for key in ("playlists", "parts", "bytes", "failed")}

    async def leave(self, arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for player in self.players:
            player.close()
        self.players, self.tasks = [], []
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
