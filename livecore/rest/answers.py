"""Answers in JSON, and refusals as problem documents (RFC 9457)."""

import json
import re
import ssl
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from aiohttp import web

from livecore import errors
from livecore.errors import Problem
from livecore.rest.api import APP

log = structlog.get_logger("rest")

PROBLEM_TYPE = "application/problem+json"
REQUEST_ID = web.RequestKey("request_id", str)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None, media: str = "application/json"
) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type=media)


def problem_response(problem: Problem, request_id: str = "") -> web.Response:
    body = problem.document()
    if request_id:
        body["instance"] = f"/requests/{request_id}"
    return json_response(body, problem.status, problem.headers, PROBLEM_TYPE)


@web.middleware
async def problems(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Every refusal becomes a problem document; what a client sent never becomes a stack trace."""
    given = request.headers.get("X-Request-Id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    request[REQUEST_ID] = request_id
    started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    try:
        response = await handler(request)
    except Problem as problem:
        response = problem_response(problem, request_id)
    except web.HTTPException as exc:
        response = _translated(request, exc, request_id)
    except (ConnectionError, ssl.SSLError):
        raise
    except json.JSONDecodeError:
        response = problem_response(errors.Malformed(), request_id)
    except Exception:
        log.exception("request failed", method=request.method, route=_route_name(request))
        response = problem_response(Problem(), request_id)
    if not response.prepared:
        response.headers.setdefault("X-Request-Id", request_id)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
    request.app[APP].metrics.observe_request(request.method, _route_name(request), response.status, time.perf_counter() - started)
    return response


def _route_name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


_BY_STATUS: dict[int, type[Problem]] = {
    400: errors.Malformed,
    404: errors.NotFound,
    405: errors.NotAllowed,
    413: errors.TooLarge,
    416: errors.RangeUnsatisfiable,
}


def _translated(request: web.Request, exc: web.HTTPException, request_id: str) -> web.StreamResponse:
    """aiohttp's own refusals in our form; its redirects and successes pass."""
    if exc.status < 400:
        return web.Response(status=exc.status, headers={k: v for k, v in exc.headers.items() if k != "Content-Type"})
    problem = _BY_STATUS.get(exc.status, Problem)()
    problem.status = exc.status
    allow = exc.headers.get("Allow")
    if allow:
        problem.headers["Allow"] = allow
    return problem_response(problem, request_id)
