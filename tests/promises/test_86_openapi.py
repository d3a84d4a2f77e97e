"""86. OpenAPI for all of it: the description is valid, and no generated request meets a 5xx or an undocumented status."""

import asyncio
import json
import logging
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator

from livecore.rest import ROUTES
from tests.serving import Server

# Operations that end what the others need: their own tests cover them.
ENDING = {("DELETE", "/api/v1/me"), ("DELETE", "/api/v1/me/session"), ("PUT", "/api/v1/me/password")}


@schemathesis.serializer(
    *("application/sdp", "application/trickle-ice-sdpfrag", "application/offset+octet-stream", "*/*"),
    *("image/jpeg", "image/png", "image/webp", "image/gif"),
)
def as_it_is(_ctx: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


async def test_86_the_description_is_valid_openapi(server: Server) -> None:
    answer = await server.call("GET", "/openapi.json")
    assert answer.status == 200
    OpenAPIV31SpecValidator(answer.json).validate()
    assert answer.json["openapi"].startswith("3.1")


async def test_86_every_mounted_route_is_described(server: Server) -> None:
    described = {
        (method.upper(), path) for path, methods in (await server.call("GET", "/openapi.json")).json["paths"].items() for method in methods
    }
    mounted = {(route.method, route.path) for group in ROUTES for route in group.all if not route.hidden}
    assert described == mounted
    assert len(mounted) > 90


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(400)
async def test_86_no_generated_request_meets_a_5xx_or_an_undocumented_status(server: Server) -> None:
    anna = await server.person("anna", staff="admin")
    logging.getLogger("hypothesis").setLevel(logging.ERROR)
    faults: list[str] = []
    tried = await asyncio.to_thread(_try_all, server, anna.access, faults)
    assert tried > 300
    assert not faults, "\n".join(sorted(set(faults)))
    # All of it was asked by somebody who is signed in and kept to no policy's refusal.
    assert (await anna.get("/api/v1/friends")).status == 200


def _try_all(server: Server, token: str, faults: list[str]) -> int:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    tried = 0
    for result in schema.get_all_operations():
        operation: Any = result.ok()
        if (operation.method.upper(), operation.path) in ENDING:
            continue

        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def attempt(case: Any) -> None:
            nonlocal tried
            tried += 1
            response = case.call(headers={"Authorization": f"Bearer {token}"}, timeout=30)
            documented = {str(status) for status in case.operation.definition.raw["responses"]}
            if response.status_code >= 500 and response.status_code != 503:
                faults.append(f"{case.operation.label}: {response.status_code} {response.text[:300]}")
            elif str(response.status_code) not in documented:
                faults.append(f"{case.operation.label}: {response.status_code} is not documented: {response.text[:300]}")
            elif response.status_code >= 400 and response.request.method != "HEAD":
                kind = response.headers.get("content-type", [""])[0]
                if not kind.startswith("application/problem+json") or "title" not in json.loads(response.text):
                    faults.append(f"{case.operation.label}: {response.status_code} without a problem document ({kind})")

        given(case=operation.as_strategy())(attempt)()
    return tried
