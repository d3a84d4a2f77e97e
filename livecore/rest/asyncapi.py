"""The published description of the Socket.IO events."""

from functools import cache
from typing import Any

from aiohttp import web

from livecore.rest.answers import json_response
from livecore.rest.api import Call, Raw, Routes

routes = Routes("system")


@cache
def _document() -> dict[str, Any]:
    # Here, because the gateway that it describes imports the habits of this package.
    from livecore.signaling.asyncapi import build

    return build()


@routes.get("/asyncapi.json", auth="none", ok=(200, Raw(("application/json",))), hidden=True)
async def asyncapi(call: Call) -> web.Response:
    """The Socket.IO events, AsyncAPI 3."""
    return json_response(_document())
