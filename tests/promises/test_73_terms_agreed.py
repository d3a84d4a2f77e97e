"""73. Terms agreement: a sign-up stores which versions of terms and privacy policy it agreed to; the export shows it."""

from typing import Any

import pytest

from tests.people import Person
from tests.serving import Server


async def test_73_a_sign_up_stores_the_versions_it_agreed_to(server: Server) -> None:
    anna = await server.person("anna")
    history = (await anna.get("/api/v1/me/policies")).json["items"]
    assert {(one["policy"], one["version"], one["mode"]) for one in history} == {("privacy", 1, "sign_up"), ("terms", 1, "sign_up")}
    assert all(one["at"] > 1_700_000_000_000 for one in history)


@pytest.mark.parametrize(
    ("accept", "field"),
    [
        ({}, "accept.privacy"),
        ({"privacy": 1}, "accept.terms"),
        ({"terms": 1}, "accept.privacy"),
        ({"privacy": 99, "terms": 1}, "accept.privacy"),
        ({"privacy": 1, "terms": 99}, "accept.terms"),
    ],
)
async def test_73_nobody_signs_up_without_agreeing_to_what_is_in_force(server: Server, accept: dict[str, Any], field: str) -> None:
    body = Person(server, "anna", 1).sign_up_body(accept=accept)
    answer = await server.call("POST", "/api/v1/accounts", body)
    assert answer.status == 422
    assert field in [error["field"] for error in answer.json["errors"]]
    assert (await server.call("POST", "/api/v1/accounts", body | {"accept": {"privacy": 1, "terms": 1}})).status == 201


async def test_72_who_declines_keeps_policies_export_and_deletion_alone(server: Server) -> None:
    anna = await server.person("anna")
    declined = await anna.post("/api/v1/policies/privacy/decline")
    assert declined.status == 200, declined
    for path in ("/api/v1/feed", "/api/v1/conversations", "/api/v1/friends", "/api/v1/lives"):
        refused = await anna.get(path)
        assert (refused.status, refused.type) == (403, "policy_declined"), path
    assert (await anna.get("/api/v1/me/policies")).status == 200
    assert (await anna.post("/api/v1/me/exports")).status in (200, 202)
    accepted = await anna.post("/api/v1/policies/privacy/accept", {})
    assert accepted.status == 200, accepted
    assert (await anna.get("/api/v1/feed")).status == 200
