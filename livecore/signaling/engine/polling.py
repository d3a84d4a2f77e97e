"""The HTTP side: opening a session, polls, posts, and the answers to requests that have no place."""

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from livecore.signaling.engine import packets
from livecore.signaling.engine.packets import Packet
from livecore.signaling.engine.session import Session

if TYPE_CHECKING:
    from livecore.signaling.engine.server import EngineServer

# The protocol's own error codes, in the words of its reference.
TRANSPORT_UNKNOWN = (0, "Transport unknown")
SESSION_UNKNOWN = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
BAD_VERSION = (5, "Unsupported protocol version")


def cors(request: web.Request) -> dict[str, str]:
    """Tokens travel in the CONNECT packet and never in a cookie: another origin gains nothing by being let in."""
    if "Origin" not in request.headers:
        return {}
    return {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def refuse(request: web.Request, error: tuple[int, str], status: int = 400) -> web.Response:
    return web.json_response({"code": error[0], "message": error[1]}, status=status, headers=cors(request))


def answer(request: web.Request, text: str) -> web.Response:
    headers = cors(request) | {"Cache-Control": "no-store"}
    return web.Response(text=text, content_type="text/plain", charset="utf-8", headers=headers)


def preflight(request: web.Request) -> web.Response:
    headers = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type", "Access-Control-Max-Age": "600"}
    return web.Response(status=204, headers=cors(request) | headers)


async def poll(server: "EngineServer", session: Session, request: web.Request) -> web.Response:
    if session.poll is not None:
        # Two polls at once: the client has lost count of its requests.
        session.answer_poll(Packet(packets.CLOSE))
        server.end(session, server.reason.TRANSPORT_ERROR)
        return refuse(request, BAD_REQUEST)
    if session.probe is not None and session.probe.probed:
        return answer(request, packets.NOOP)
    if session.held:
        return answer(request, packets.encode_payload(session.take_held()))
    waiting = session.poll = asyncio.get_running_loop().create_future()
    try:
        found = await waiting
    finally:
        if session.poll is waiting:
            session.poll = None
    if request.transport is None or request.transport.is_closing():
        # Nobody reads this answer. The session ends rather than that packets are lost in silence.
        server.end(session, server.reason.TRANSPORT_ERROR)
    return answer(request, packets.encode_payload(found))


async def post(server: "EngineServer", session: Session, request: web.Request) -> web.Response:
    if session.posting:
        server.end(session, server.reason.TRANSPORT_ERROR)
        return refuse(request, BAD_REQUEST)
    session.posting = True
    try:
        body = await _read(request, server.payload_bytes)
        if body is None:
            server.end(session, server.reason.TRANSPORT_ERROR)
            return refuse(request, BAD_REQUEST, 413)
        found = packets.decode_payload(body.decode())
        for packet in found:
            if session.closed:
                break
            session.take(packet)
    except (packets.BadPacket, UnicodeDecodeError):
        server.count("packet", "malformed")
        server.end(session, server.reason.TRANSPORT_ERROR)
        return refuse(request, BAD_REQUEST)
    finally:
        session.posting = False
    return answer(request, "ok")


async def _read(request: web.Request, limit_bytes: int) -> bytes | None:
    """None when it is longer than what was announced."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            return None
    return bytes(body)
