"""Uploads by tus 1.0 at `/uploads`, for any client that speaks it: bytes that were acknowledged are never sent twice.

An upload says in `Upload-Metadata` what it is for: `filename`, `filetype`, `purpose` (`video`, `image`, `avatar`,
`attachment`), `title`, `visibility`, `who_can_comment`, `allow_download`, `conversation`. What it became stands in `Link: <path>; rel="related"`, on the response that completes it and on `HEAD`.
"""

from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from livecore import errors
from livecore.library import tus
from livecore.library.upload_rules import NewUpload
from livecore.library.upload_turns import Interrupted
from livecore.rest.api import Call, Model, Raw, Reply, Routes

# For clients behind what knows GET and POST alone (tus 1.0, X-HTTP-Method-Override).
routes = Routes("uploads", headers={"Tus-Resumable": tus.VERSION}, by_named_method=True)

_PART = Raw((tus.PART_TYPE,), description="Bytes from Upload-Offset on.", by_invitation=True)
_ANY = Raw((tus.PART_TYPE, "*/*"), description="The first bytes, with creation-with-upload.", by_invitation=True)
_REFUSALS = (400, 403, 404, 409, 410, 412, 413, 415, 422, 423, 451, 460, 507)


class UploadMade(Model):
    """What the client is told beside the headers."""

    upload: str
    sharing_notice: str


class RequestBody:
    """A request's bytes as they come; see `library.upload_turns.Body`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._content = call.request.content

    async def chunks(self) -> AsyncIterator[bytes]:
        await self._call.invite_body()
        async for chunk in self._content.iter_any():
            yield chunk

    def interrupt(self) -> None:
        self._content.set_exception(Interrupted())


def _checked(call: Call) -> Mapping[str, str]:
    tus.check_version(call.request.headers)
    return call.request.headers


def _has_part(request: web.Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == tus.PART_TYPE


@routes.route("OPTIONS", "/uploads", auth="none", ok=(204, None))
async def abilities(call: Call) -> Reply:
    """What of tus is spoken here."""
    return Reply(
        None,
        status=204,
        headers={
            "Tus-Version": tus.VERSION,
            "Tus-Extension": tus.EXTENSIONS,
            "Tus-Max-Size": str(call.app.uploads.limit_bytes),
            "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
        },
    )


@routes.post("/uploads", body=_ANY, ok=(201, UploadMade), errors=_REFUSALS, rate="upload_per_account")
async def create(call: Call) -> Reply:
    """Begin an upload, with its first bytes if they come along; or join partial ones (`Upload-Concat: final;…`).

    Sizes and quotas are answered before any byte of the file is asked for: 413, 507 or 422.
    """
    headers = _checked(call)
    concat = tus.concat(headers.get("Upload-Concat"))
    length = tus.length(headers, needed=concat.kind != "final")
    said = headers.get("Upload-Metadata", "")
    checksum = tus.checksum(headers.get("Upload-Checksum"))
    has_part = _has_part(call.request)
    if has_part and length is not None and (call.request.content_length or 0) > length:
        raise errors.TooLarge("These are more bytes than the upload has.")
    row = await call.app.uploads.create(call.me, NewUpload(length, said, tus.metadata(said), concat))
    path = f"/uploads/{row['id']}"
    if has_part and concat.kind != "final":
        row = await call.app.uploads.append(call.me, row["id"], 0, None, call.request.content_length, checksum, RequestBody(call))
    answer = {"Location": path, "Upload-Offset": str(row["received_bytes"])} | tus.progress_headers(row)
    return Reply(UploadMade(upload=path, sharing_notice=call.app.sharing.text), status=201, headers=answer)


@routes.route("HEAD", "/uploads/{id}", ok=(200, None), errors=(410, 412))
async def state(call: Call) -> web.Response:
    """How far an upload has come. A request that still sends to it is ended first, so that the answer stays true."""
    _checked(call)
    row, parts = await call.app.uploads.state(call.me, call.path["id"])
    return web.Response(status=200, headers=tus.state_headers(row, parts))


@routes.patch("/uploads/{id}", body=_PART, ok=(204, None), errors=_REFUSALS, rate="upload_part_per_account")
async def append(call: Call) -> Reply:
    """Send bytes from `Upload-Offset` on; 204 when they are durable."""
    headers = _checked(call)
    offset = tus.number(headers, "Upload-Offset")
    if offset is None:
        raise errors.Malformed("Upload-Offset is needed.")
    length = tus.length(headers, needed=False)
    checksum = tus.checksum(headers.get("Upload-Checksum"))
    row = await call.app.uploads.append(call.me, call.path["id"], offset, length, call.request.content_length, checksum, RequestBody(call))
    return Reply(None, status=204, headers={"Upload-Offset": str(row["received_bytes"])} | tus.progress_headers(row))


@routes.delete("/uploads/{id}", ok=(204, None), errors=(410, 412))
async def terminate(call: Call) -> Reply:
    """Forget an upload and its bytes; what a finished one became stays."""
    _checked(call)
    await call.app.uploads.terminate(call.me, call.path["id"])
    return Reply(None, status=204)
