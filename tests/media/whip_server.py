"""WHIP and WHEP on aiohttp over a `MediaPlane`, and one page for publishing and watching, for browser tests."""

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from livecore.media.client import MediaPlane
from livecore.media.control import MediaError, NoPublisher
from tests.media.relay import Relay, target_of, through

PAGE = (Path(__file__).parent / "page.html").read_text()
DEMO = Path(__file__).parents[2] / "clients/web-demo"


def _application(plane: MediaPlane, relays: list[Relay]) -> web.Application:
    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def whip(request: web.Request) -> web.Response:
        answer = await plane.publish(request.match_info["live"], "main", await request.text(), prefer=request.query.get("prefer", "h264"))
        return web.Response(status=201, text=answer.sdp, headers={"Location": f"/session/{answer.session_id}", "ETag": answer.etag})

    async def whep(request: web.Request) -> web.Response:
        try:
            height = int(request.query.get("max_height") or 0) or None
            answer = await plane.subscribe(request.match_info["live"], "main", await request.text(), viewer="viewer", max_height=height)
        except NoPublisher as exc:
            return web.Response(status=409, headers={"Retry-After": str(exc.retry_after_s)})
        except MediaError as exc:
            return web.Response(status=406, text=f"{exc.code}: {exc}")
        sdp = answer.sdp
        if request.query.get("tcp"):
            sdp = re.sub(r"a=candidate:\d+ 1 udp [^\r]*\r\n", "", sdp)
        if "loss" in request.query:
            rate_bps = float(request.query.get("rate_bps", 0))
            relay = Relay(target_of(sdp), float(request.query["loss"]), delay_s=0.02, rate_bps=rate_bps)
            relays.append(relay)
            sdp = through(sdp, await relay.start())
        return web.Response(status=201, text=sdp, headers={"Location": f"/session/{answer.session_id}", "ETag": answer.etag})

    async def patch(request: web.Request) -> web.Response:
        answer = await plane.patch(request.match_info["session"], await request.text(), request.headers.get("If-Match"))
        return web.Response(status=answer.status, text=answer.body, headers={"ETag": answer.etag})

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_static("/demo", DEMO)
    app.router.add_post("/whip/{live}", whip)
    app.router.add_post("/whep/{live}", whep)
    app.router.add_patch("/session/{session}", patch)
    return app


@contextlib.asynccontextmanager
async def whip_server(plane: MediaPlane, relays: list[Relay] | None = None) -> AsyncIterator[str]:
    """The address of a server on a free port. `relays`: filled with those that viewers asked for."""
    relays = [] if relays is None else relays
    runner = web.AppRunner(_application(plane, relays), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
        for relay in relays:
            relay.close()
