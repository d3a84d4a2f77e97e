"""65–67. The policies are public, dated, summarised, and old versions stay readable."""

import re
from datetime import UTC, datetime

import pytest

from tests.serving import Server

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@pytest.mark.parametrize("name", ["privacy", "terms", "ip"])
async def test_65_a_policy_is_public_with_its_date_and_a_validator(server: Server, name: str) -> None:
    answer = await server.call("GET", f"/api/v1/policies/{name}")
    assert answer.status == 200
    assert answer.json["version"] == 1
    assert answer.json["last_modified"].startswith(datetime.now(UTC).strftime("%Y-%m"))
    assert len(answer.json["html"]) > 500
    again = await server.call("GET", f"/api/v1/policies/{name}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("name", ["privacy", "terms", "ip"])
async def test_65_the_page_has_the_date_on_top(server: Server, name: str) -> None:
    page = await server.call("GET", f"/api/v1/policies/{name}", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html")
    text = page.body.decode()
    main = text[text.index("<body") :]
    top = re.sub(r"<[^>]+>", " ", main)[:600]
    assert "Last Modified" in top
    assert DAY.search(top)


async def test_65_an_unknown_policy_is_not_there(server: Server) -> None:
    assert (await server.call("GET", "/api/v1/policies/cookies")).status == 404


@pytest.mark.parametrize("name", ["privacy", "terms", "ip"])
async def test_66_each_version_has_its_summary(server: Server, name: str) -> None:
    summary = await server.call("GET", f"/api/v1/policies/{name}/summary")
    assert summary.status == 200
    assert len(summary.json["summary"]) > 100
    versions = (await server.call("GET", f"/api/v1/policies/{name}/versions")).json["items"]
    assert [(one["version"], one["summary"]) for one in versions] == [(1, summary.json["summary"])]


async def test_66_a_new_version_has_a_summary_of_its_own_and_the_old_one_stays(server: Server) -> None:
    lena = await server.person("lena", staff="legal")
    draft = {"summary": "Now shorter, and about exports too.", "html": "<p>The second text.</p>", "changes": "Exports are described."}
    made = await lena.post("/api/v1/admin/policies/privacy/versions", draft)
    assert made.status == 201, made
    # A draft is nobody's business yet.
    assert (await server.call("GET", "/api/v1/policies/privacy/versions/2")).status == 404
    assert (await server.call("GET", "/api/v1/policies/privacy")).json["version"] == 1
    published = await lena.post("/api/v1/admin/policies/privacy/versions/2/publish", {})
    assert published.status in (200, 201), published
    current = (await server.call("GET", "/api/v1/policies/privacy")).json
    assert (current["version"], current["summary"]) == (2, draft["summary"])
    old = (await server.call("GET", "/api/v1/policies/privacy/versions/1")).json
    assert old["version"] == 1
    assert old["summary"] != draft["summary"]


async def test_66_only_legal_staff_write_policies(server: Server) -> None:
    anna = await server.person("anna")
    mona = await server.person("mona", staff="moderator")
    for somebody in (anna, mona):
        answer = await somebody.post("/api/v1/admin/policies/privacy/versions", {"summary": "x", "html": "<p>x</p>", "changes": "x"})
        assert answer.status == 403
