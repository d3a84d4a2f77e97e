"""10. An account is needed for all but the public routes: generated over /openapi.json."""

import re
from typing import Any

import pytest

from tests.serving import Server

# What the policy itself says is open, and what one needs to get an account. A route that is not here and answers without a
# token fails the test: opening one is a decision that is written down here.
PUBLIC = {
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/api/v1/config"),
    ("options", "/uploads"),
    ("post", "/api/v1/accounts"),
    ("post", "/api/v1/password/forgot"),
    ("post", "/api/v1/password/reset"),
    ("post", "/api/v1/sessions"),
    ("post", "/api/v1/sessions/refresh"),
    # Anyone may claim, with a mail address to confirm and a receipt to withdraw with.
    ("post", "/api/v1/claims"),
    ("post", "/api/v1/claims/{id}/confirm"),
    ("post", "/api/v1/claims/{id}/withdraw"),
}
PUBLIC_BELOW = (
    ("get", "/api/v1/policies"),
    ("get", "/api/v1/ip/agent"),
    # A claim is read with its receipt.
    ("get", "/api/v1/claims"),
    # A client that cannot sign in may say why; nothing of whose it is is kept.
    ("post", "/api/v1/diagnostics/"),
)
# A media session is changed with the token of that session, not of an account: a wrong one is refused as any wrong link is.
CAPABILITIES = "/media/"
# Players send no header: segments lie under a path that was signed for one viewer.
SIGNED = "/live/{live_id}/{signed}/"


def is_public(method: str, path: str) -> bool:
    return (method, path) in PUBLIC or any(method == verb and path.startswith(prefix) for verb, prefix in PUBLIC_BELOW)


async def operations(server: Server) -> list[tuple[str, str, dict[str, Any]]]:
    answer = await server.call("GET", "/openapi.json")
    return [(method, path, operation) for path, methods in answer.json["paths"].items() for method, operation in methods.items()]


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda match: "nobody" if match[1] in ("username", "kind") else "0" * 32, path)


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", "Basic YW5uYTpwYXNz", "Bearer " + "x" * 5000])
async def test_10_every_route_that_is_not_public_answers_401_without_a_token(server: Server, header: str | None) -> None:
    checked = 0
    for method, path, operation in await operations(server):
        if is_public(method, path):
            continue
        body = operation.get("requestBody", {}).get("content", {"application/json": {}})
        media = next(iter(body))
        headers = {"Content-Type": media} | ({"Authorization": header} if header else {})
        answer = await server.call(method.upper(), filled(path), headers=headers, data=b"" if method == "get" else b"{}")
        if path.startswith(SIGNED):
            assert answer.status == 403, (method, path, answer)
            continue
        if path.startswith(CAPABILITIES) and header is not None and header.startswith("Bearer "):
            assert answer.status in (401, 403), (method, path, answer)
            continue
        assert answer.status == 401, (method, path, answer)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), (method, path)
        # The answer to a HEAD has no body to say it in.
        assert method == "head" or answer.type in ("unauthorised", "token_expired"), (method, path)
        checked += 1
    assert checked > 30


async def test_10_public_routes_are_those_that_say_so(server: Server) -> None:
    published = await operations(server)
    for method, path, operation in published:
        if is_public(method, path):
            assert operation["security"] in ([], [{"bearer": []}, {}]), (method, path)
    # What is opened here is there: a line for a route that is gone would open the next of that name unseen.
    there = {(method, path) for method, path, _ in published}
    assert PUBLIC - there == set()
    assert [one for one in PUBLIC_BELOW if not any(method == one[0] and path.startswith(one[1]) for method, path in there)] == []
