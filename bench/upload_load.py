"""The load of `livecore bench upload`: a client of tus, or of a plain PUT, that makes its bytes as it sends them."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp

from bench.load import Handler, Progress

_TUS = {"Tus-Resumable": "1.0.0"}
_PART_TYPE = "application/offset+octet-stream"
# The head of an MP4 and a box that says nothing: a film to the server until somebody decodes it.
_HEAD = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\1mdat"
_CHUNK = bytes(range(256)) * 1024


def _bytes(start: int, size: int, count: Callable[[int], None] | None = None) -> AsyncIterator[bytes]:
    """The bytes of the file from `start` on; `count` is told those that were asked for."""

    async def made() -> AsyncIterator[bytes]:
        left = size
        if start == 0:
            first = (_HEAD + _CHUNK)[: min(len(_CHUNK), left)]
            left -= len(first)
            yield first
            if count is not None:
                count(len(first))
        while left:
            piece = _CHUNK[: min(len(_CHUNK), left)]
            left -= len(piece)
            yield piece
            if count is not None:
                count(len(piece))

    return made()


async def _checksum(start: int, size: int) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    async for piece in _bytes(start, size):
        digest.update(piece)
    return f"sha1 {base64.b64encode(digest.digest()).decode()}"


# Bytes made between two words of how far it is.
_TELL_BYTES = 64 << 20

# (client, a file's number, tells bytes that were sent): the status of a refusal, or 0.
_One = Callable[[aiohttp.ClientSession, int, Callable[[int], None]], Awaitable[int]]


async def _all(arguments: dict[str, Any], progress: Progress, one: _One) -> dict[str, Any]:
    """Send `at_once` files together. CPU seconds are the load's own."""
    sent = told = 0

    def count(size: int) -> None:
        nonlocal sent, told
        sent += size
        if sent - told >= _TELL_BYTES:
            told = sent
            progress({"mib": sent / (1 << 20)})

    started, cpu = time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession(arguments["url"], timeout=aiohttp.ClientTimeout(total=None)) as http:
        refusals = await asyncio.gather(*(one(http, number, count) for number in range(arguments["at_once"])))
    return {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "refused": max(refusals)}


async def _send(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    total = arguments["bytes"]
    headers = _TUS | {"Authorization": f"Bearer {arguments['token']}"}

    async def one(http: aiohttp.ClientSession, _number: int, count: Callable[[int], None]) -> int:
        said = f"purpose {base64.b64encode(b'video').decode()}"
        # One byte more than is sent: it is never whole, and nobody begins to look at it.
        create = {"Upload-Length": str(total + 1), "Upload-Metadata": said}
        async with http.post("/uploads", headers=headers | create) as answer:
            if answer.status != 201:
                return answer.status
            path = answer.headers["Location"]
        offset, part = 0, arguments["part_bytes"] or total
        while offset < total:
            size = min(part, total - offset)
            asked = {"Upload-Offset": str(offset), "Content-Type": _PART_TYPE, "Content-Length": str(size)}
            if arguments["checksum"]:
                asked["Upload-Checksum"] = await _checksum(offset, size)
            async with http.patch(path, headers=headers | asked, data=_bytes(offset, size, count)) as answer:
                if answer.status != 204:
                    return answer.status
            offset += size
        async with http.delete(path, headers=headers):
            return 0

    return await _all(arguments, progress, one)


async def _put(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    total = arguments["bytes"]

    async def one(http: aiohttp.ClientSession, number: int, count: Callable[[int], None]) -> int:
        async with http.put(f"/{number}", headers={"Content-Length": str(total)}, data=_bytes(0, total, count)) as answer:
            if answer.status not in (201, 204):
                return answer.status
        async with http.delete(f"/{number}"):
            return 0

    return await _all(arguments, progress, one)


def handlers() -> dict[str, Handler]:
    return {"send": _send, "put": _put}
