"""Taking one's data along."""

from aiohttp import web

from livecore import errors
from livecore.privacy.exporting import ExportView
from livecore.rest.api import Call, Model, Params, Raw, Reply, Routes

routes = Routes("exports")


class Export(Model):
    """`state`: waiting, ready, failed or expired. `download` is an address that works by itself until `expires_at`; null
    unless it is ready. Times are Unix milliseconds."""

    id: str
    state: str
    requested_at: int
    ready_at: int | None
    expires_at: int | None
    size_bytes: int | None
    download: str | None


class DownloadQuery(Params):
    token: str | None = None


def _view(call: Call, one: ExportView) -> Export:
    path = f"/api/v1/me/exports/{one.id}/download"
    link = None
    if one.state == "ready" and one.expires_ms is not None:
        left_s = max(1, (one.expires_ms - call.app.clock.at_ms()) // 1000)
        link = f"{path}?token={call.app.links.sign(path, one.account_id, lifetime_s=left_s)}"
    return Export(
        id=one.id,
        state=one.state,
        requested_at=one.requested_ms,
        ready_at=one.ready_ms,
        expires_at=one.expires_ms,
        size_bytes=one.size_bytes,
        download=link,
    )


@routes.post("/api/v1/me/exports", auth="any", ok=((202, Export), (200, Export)), rate="export_per_account")
async def ask(call: Call) -> Reply:
    """Have everything that is kept about me put into one archive; a second request within 24 hours answers the same one."""
    one, new = await call.app.exports.request(call.me.account_id)
    status = 202 if new else 200
    return Reply(_view(call, one), status=status, headers={"Location": f"/api/v1/me/exports/{one.id}"})


@routes.get("/api/v1/me/exports/{id}", auth="any", ok=(200, Export))
async def follow(call: Call) -> Reply:
    """Where an export stands."""
    return Reply(_view(call, await call.app.exports.get(call.me.account_id, call.path["id"])))


@routes.get(
    "/api/v1/me/exports/{id}/download",
    auth="optional",
    params=DownloadQuery,
    ok=(200, Raw(("application/zip",))),
    errors=(401, 403, 409, 410),
)
async def download(call: Call) -> web.StreamResponse:
    """The archive, with the link of the export or as its owner, until it expires."""
    if call.params.token:
        account_id = call.app.links.check(call.params.token, call.request.path).account_id
    elif call.principal is not None:
        account_id = call.principal.account_id
    else:
        raise errors.Unauthorised()
    one, size_bytes, chunks = await call.app.exports.open(account_id, call.path["id"])
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="livecore-export-{one.id[:8]}.zip"',
            "Content-Length": str(size_bytes),
            "Cache-Control": "private, no-store",
        }
    )
    await response.prepare(call.request)
    if call.request.method != "HEAD":
        async for chunk in chunks:
            await response.write(chunk)
    await response.write_eof()
    return response
