"""Health, metrics and the published descriptions."""

import hmac
import ipaddress

from aiohttp import web

from livecore import __version__, errors
from livecore.rest.answers import json_response
from livecore.rest.api import Call, Model, Raw, Reply, Routes
from livecore.rest.reading import bearer

routes = Routes("system")


class Health(Model):
    status: str
    version: str


@routes.get("/healthz", auth="none", ok=(200, Health), rate="anonymous_per_address")
async def healthz(call: Call) -> Reply:
    """The process runs and its loop turns."""
    return Reply(Health(status="ok", version=__version__))


class Readiness(Model):
    ready: bool
    parts: dict[str, bool]


@routes.get("/readyz", auth="none", ok=((200, Readiness), (503, Readiness)), rate="anonymous_per_address")
async def readyz(call: Call) -> Reply:
    """Each engine that this process needs answers."""
    parts = await call.app.ready()
    ready = all(parts.values())
    return Reply(Readiness(ready=ready, parts=parts), status=200 if ready else 503)


@routes.get("/metrics", auth="none", ok=(200, Raw(("text/plain",))), errors=(403,), hidden=True)
async def metrics(call: Call) -> web.Response:
    """Prometheus text; from loopback, or with the metrics token."""
    token = call.app.settings.metrics_token
    given = bearer(call.request) or ""
    if token:
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise errors.Forbidden("The metrics token is needed.")
    elif not _is_loopback(call.address):
        raise errors.Forbidden("Only from this machine; set metrics_token for others.")
    body, content_type = call.app.metrics.render()
    return web.Response(body=body, headers={"Content-Type": content_type})


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@routes.get("/openapi.json", auth="none", ok=(200, Raw(("application/json",))), hidden=True)
async def openapi(call: Call) -> web.Response:
    """The REST interface, OpenAPI 3.1."""
    return json_response(call.app.openapi())
