"""Sending an object of the store over HTTP: whole, in part, or not at all because the client has it."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol
from urllib.parse import quote

from aiohttp import web

from livecore import errors
from livecore.ports import StoredObject
from livecore.rest.api import Call
from livecore.rest.ranges import NotModified, Pieces, Stored, client_has, decide

# A store's own address for an object: a player asks anew for each range, so that a takedown holds within minutes.
REDIRECT_S = 300

# So often a request follows an object that others keep replacing, before it says that there is none.
REPLACED_LIMIT = 3
_GONE = "The file is not there any more."

# Of media, unless the caller says otherwise. Asked again each time: what was taken down must not live on in a cache.
NOT_KEPT = {
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Source(Protocol):
    """What sending needs of a store: `ports.Storage`, or one that opens what is sealed."""

    async def head(self, key: str) -> StoredObject: ...

    def stream(self, key: str, start: int = 0, end: int | None = None, *, etag: str | None = None) -> AsyncGenerator[bytes, None]: ...


async def send_object(
    call: Call, key: str, stored: Stored, media_type: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """Answer a GET or HEAD for the object under `key`: with its bytes, or by naming it to whom `send_files` says that they carry them.

    Raises:
        errors.NotFound: the store has no such object.
        errors.StaleTag, errors.RangeUnsatisfiable: as `ranges.decide` says.
    """
    elsewhere = await _elsewhere(call, key, media_type, _common(stored, headers))
    if elsewhere is not None:
        return elsewhere
    return await send_from(call.request, call.app.storage, key, stored, media_type, headers)


async def send_named(call: Call, key: str, etag: str, media_type: str, headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """As `send_object`, where only the store knows size and time; it is not asked when the client has these bytes."""
    if client_has(call.request.headers, etag):
        return web.Response(status=304, headers={**NOT_KEPT, "ETag": f'"{etag}"', **(headers or {})})
    storage = call.app.storage
    found = await _found(storage, key)
    elsewhere = await _elsewhere(call, key, media_type, _common(_named(found, etag), headers))
    if elsewhere is not None:
        return elsewhere
    return await send_by_name(call.request, storage, key, etag, media_type, headers, found)


async def send_by_name(
    request: web.Request,
    storage: Source,
    key: str,
    etag: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
    found: StoredObject | None = None,
) -> web.StreamResponse:
    """As `send_named`, by livecore itself: what takes the object's place before its first bytes are there is sent instead, whole."""
    for _ in range(REPLACED_LIMIT):
        found = found or await _found(storage, key)
        try:
            return await _answer(request, storage, key, _named(found, etag), found.etag, media_type, headers)
        except KeyError:
            found = None
    raise errors.NotFound(_GONE)


async def send_from(
    request: web.Request, storage: Source, key: str, stored: Stored, media_type: str, headers: Mapping[str, str] | None = None
) -> web.StreamResponse:
    """As `send_object`, from any source, by livecore itself."""
    try:
        return await _answer(request, storage, key, stored, None, media_type, headers)
    except KeyError as gone:
        raise errors.NotFound(_GONE) from gone


async def _found(storage: Source, key: str) -> StoredObject:
    try:
        return await storage.head(key)
    except KeyError as gone:
        raise errors.NotFound(_GONE) from gone


def _named(found: StoredObject, etag: str) -> Stored:
    return Stored(found.size_bytes, etag, found.modified_ms)


def _common(stored: Stored, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {
        "ETag": f'"{stored.etag}"',
        "Last-Modified": stored.last_modified,
        "Accept-Ranges": "bytes",
        **NOT_KEPT,
        **(headers or {}),
    }


async def _answer(
    request: web.Request,
    storage: Source,
    key: str,
    stored: Stored,
    version: str | None,
    media_type: str,
    headers: Mapping[str, str] | None,
) -> web.StreamResponse:
    """`version`: the store's own tag of the bytes to send; None when `key` has had no others. Raises KeyError, before anything is sent,
    when they are gone."""
    common = _common(stored, headers)
    decision = decide(request.method, request.headers, stored)
    if isinstance(decision, NotModified):
        return web.Response(status=304, headers=common)
    size, tail = stored.size_bytes, b""
    if not isinstance(decision, Pieces):
        response = web.StreamResponse(headers={**common, "Content-Type": media_type})
        pieces = [(b"", 0, size)]
    elif len(decision.ranges) == 1:
        [(start, end)] = decision.ranges
        response = web.StreamResponse(
            status=206, headers={**common, "Content-Type": media_type, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
        )
        pieces = [(b"", start, end)]
    else:
        boundary = secrets.token_hex(16)
        pieces = [
            (_part_head(boundary, media_type, start, end, size, is_first=index == 0), start, end)
            for index, (start, end) in enumerate(decision.ranges)
        ]
        tail = f"\r\n--{boundary}--\r\n".encode()
        response = web.StreamResponse(status=206, headers={**common, "Content-Type": f"multipart/byteranges; boundary={boundary}"})
    response.content_length = sum(len(head) + end - start for head, start, end in pieces) + len(tail)
    if request.method == "HEAD":
        if version is None:
            await storage.head(key)
        await response.prepare(request)
        return response
    async with contextlib.AsyncExitStack() as stack:
        begun = []
        for head, start, end in pieces:
            body = await stack.enter_async_context(contextlib.aclosing(storage.stream(key, start, end, etag=version)))
            # The first bytes are there before the head promises them all: a store goes on with the version that it began with.
            begun.append((head, await anext(body, b""), body))
        return await _send(request, response, begun, tail)


async def _elsewhere(call: Call, key: str, media_type: str, headers: Mapping[str, str]) -> web.Response | None:
    """An answer that has a front server or the store send the bytes; None when livecore does. Who may have them was asked before."""
    how, storage = call.app.settings.send_files, call.app.storage
    if how == "x-accel" and storage.local_path(key) is not None:
        # Validators and ranges are nginx's own: two servers' ideas of one tag would not match.
        kept = {name: value for name, value in headers.items() if name not in ("ETag", "Last-Modified", "Accept-Ranges")}
        return web.Response(
            headers=kept | {"Content-Type": media_type, "X-Accel-Redirect": f"{call.app.settings.accel_prefix.rstrip('/')}/{key}"}
        )
    if how == "redirect":
        address = await storage.signed_url(key, REDIRECT_S)
        if address is not None:
            return web.Response(
                status=307, headers={"Location": address, "Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}
            )
    return None


async def _send(
    request: web.Request, response: web.StreamResponse, pieces: list[tuple[bytes, bytes, AsyncGenerator[bytes, None]]], tail: bytes
) -> web.StreamResponse:
    """`pieces`: of each its head, its first bytes, and the rest."""
    await response.prepare(request)
    try:
        for head, first, rest in pieces:
            if head or first:
                await response.write(head + first)
            async for chunk in rest:
                await response.write(chunk)
        if tail:
            await response.write(tail)
    except (KeyError, errors.Unavailable) as gone:
        # The head promised more bytes: only a cut connection says that they will not come.
        raise ConnectionResetError("the object went away while it was sent") from gone
    await response.write_eof()
    return response


def _part_head(boundary: str, media_type: str, start: int, end: int, size_bytes: int, *, is_first: bool) -> bytes:
    lines = [f"--{boundary}", f"Content-Type: {media_type}", f"Content-Range: bytes {start}-{end - 1}/{size_bytes}", "", ""]
    return ("" if is_first else "\r\n").encode() + "\r\n".join(lines).encode()


def attachment(name: str) -> str:
    """A Content-Disposition that saves under `name` (RFC 6266), whatever characters it holds."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in " ._-()") else "_" for letter in name).strip() or "video"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
