"""OpenAPI 3.1 from the routes' own models: what is published is what the handlers check."""

import http
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from livecore import __version__
from livecore.errors import ChecksumMismatch
from livecore.rest.answers import PROBLEM_TYPE
from livecore.rest.api import Raw, Route, Routes

_PLACE = re.compile(r"{(\w+)(?::[^}]*)?}")

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "A URI reference whose last part is a word to rely on."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
    "additionalProperties": True,
}


def phrase(status: int) -> str:
    return "Checksum Mismatch" if status == ChecksumMismatch.status else http.HTTPStatus(status).phrase


def implied_errors(route: Route) -> set[int]:
    """Statuses that follow from a declaration itself."""
    statuses = {429, 503, *route.errors}
    if route.auth not in ("none", "optional"):
        statuses |= {401, 403}
    if route.params is not None or route.method in ("GET", "DELETE") or route.idempotent:
        statuses.add(422)
    if isinstance(route.body, Raw):
        statuses |= {413, 415}
    elif route.body is not None:
        statuses |= {400, 413, 415, 422}
    if _PLACE.search(route.path):
        statuses.add(404)
    return statuses


def build(groups: Sequence[Routes], *, title: str = "livecore") -> dict[str, Any]:
    routes = [route for group in groups for route in group.all if not route.hidden]
    models: dict[tuple[type[BaseModel], str], None] = {}
    for route in routes:
        if isinstance(route.body, type):
            models[(route.body, "validation")] = None
        for _, answer in route.ok:
            if isinstance(answer, type):
                models[(answer, "serialization")] = None
    refs, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PLACE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Real-time messaging and live streams. Socket.IO events are described at /asyncapi.json.",
        },
        "servers": [{"url": "/"}],
        # Several files may speak of one resource.
        "tags": [{"name": tag} for tag in dict.fromkeys(group.tag for group in groups if any(not route.hidden for route in group.all))],
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, refs: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": _responses(route, refs),
        "security": [] if route.auth == "none" else [{"bearer": []}, {}] if route.auth == "optional" else [{"bearer": []}],
    }
    if route.description:
        operation["description"] = route.description
    if isinstance(route.body, Raw):
        operation["requestBody"] = {
            "required": True,
            "content": {media: {"schema": {"type": "string"}} for media in route.body.media_types},
        }
    elif route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[(route.body, "validation")]}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _PLACE.findall(route.path)
    ]
    if route.params is not None:
        schema = route.params.model_json_schema(ref_template="#/components/schemas/{model}")
        required = set(schema.get("required", ()))
        for name, rule in schema.get("properties", {}).items():
            found.append({"name": name, "in": "query", "required": name in required, "schema": rule})
    if route.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }
        )
    return found


def _responses(route: Route, refs: Any) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, answer in route.ok:
        entry: dict[str, Any] = {"description": http.HTTPStatus(status).phrase}
        if isinstance(answer, Raw):
            entry["content"] = {media: {"schema": {"type": "string"}} for media in answer.media_types}
        elif answer is not None:
            entry["content"] = {"application/json": {"schema": refs[(answer, "serialization")]}}
        responses[str(status)] = entry
    if any(status == 200 for status, _ in route.ok) and route.method == "GET":
        responses.setdefault("304", {"description": http.HTTPStatus.NOT_MODIFIED.phrase})
    for status in sorted(implied_errors(route)):
        responses[str(status)] = {
            "description": phrase(status),
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses
