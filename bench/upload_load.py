"""The load of `livecore bench upload`: a tus client that makes its bytes as it sends them."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from bench.load import Handler, Progress

_TUS = {"Tus-Resumable": "1.0.0"}
_PART_TYPE = "application/offset+octet-stream"
# The head of an MP4 and a box that says nothing: a film to the server until somebody decodes it.
_HEAD = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\1mdat"
_CHUNK = bytes(range(256)) * 1024


def _bytes(start: int, size: int) -> AsyncIterator[bytes]:
    async def made() -> AsyncIterator[bytes]:
        left = size
        if start == 0:
            first = (_HEAD + _CHUNK)[: min(len(_CHUNK), left)]
            left -= len(first)
            yield first
        while left:
            piece = _CHUNK[: min(len(_CHUNK), left)]
            left -= len(piece)
            yield piece

    return made()


async def _checksum(start: int, size: int) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    async for piece in _bytes(start, size):
        digest.update(piece)
    return f"sha1 {base64.b64encode(digest.digest()).decode()}"


async def _send(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    total, at_once, sent, refused = arguments["bytes"], arguments["at_once"], 0, 0
    headers = _TUS | {"Authorization": f"Bearer {arguments['token']}"}
    timeout = aiohttp.ClientTimeout(total=None)

    async def one(http: aiohttp.ClientSession) -> None:
        nonlocal sent, refused
        said = f"purpose {base64.b64encode(b'video').decode()}"
        # One byte more than is sent: it is never whole, and nobody begins to look at it.
        create = {"Upload-Length": str(total + 1), "Upload-Metadata": said}
        async with http.post("/uploads", headers=headers | create) as answer:
            if answer.status != 201:
                refused = answer.status
                return
            path = answer.headers["Location"]
        offset, part = 0, arguments["part_bytes"] or total
        while offset < total:
            size = min(part, total - offset)
            asked = {"Upload-Offset": str(offset), "Content-Type": _PART_TYPE, "Content-Length": str(size)}
            if arguments["checksum"]:
                asked["Upload-Checksum"] = await _checksum(offset, size)
            async with http.patch(path, headers=headers | asked, data=_bytes(offset, size)) as answer:
                if answer.status != 204:
                    refused = answer.status
                    return
            offset += size
            sent += size
            progress({"mib": sent / (1 << 20)})
        async with http.delete(path, headers=headers):
            pass

    started, cpu = time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession(arguments["url"], timeout=timeout) as http:
        await asyncio.gather(*(one(http) for _ in range(at_once)))
    return {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - cpu, "refused": refused}


def handlers() -> dict[str, Handler]:
    return {"send": _send}
