"""Reports: of people and content, merged, with copies as evidence, decided by moderators."""

from pathlib import Path
from typing import Any

import pytest

from livecore.ids import new_id
from tests.library.recorded import keep
from tests.people import Person
from tests.serving import Server


def report(target: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"target": target, "reason": "harassment"} | more


async def open_cases(staff: Person) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = (await staff.get("/api/v1/admin/reports")).json["items"]
    return cases


async def test_each_kind_is_reported_and_reaches_the_queue(server: Server, tmp_path: Path) -> None:
    anna, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")
    video = await keep(server, ben, tmp_path)
    live = (await ben.post("/api/v1/lives", {"title": "Loud"})).json["id"]
    post = (await ben.post("/api/v1/posts", {"text": "Rude", "visibility": "everyone"})).json["id"]
    comment = (await ben.post(f"/api/v1/videos/{video}/comments", {"text": "Ruder"})).json["id"]
    targets = [
        {"kind": "user", "username": "ben"},
        {"kind": "message", "id": new_id(), "username": "ben"},
        {"kind": "video", "id": video},
        {"kind": "live", "id": live},
        {"kind": "post", "id": post},
        {"kind": "comment", "id": comment},
    ]
    for target in targets:
        answer = await anna.post("/api/v1/reports", report(target))
        assert answer.status == 201, (target, answer)
    cases = await open_cases(mona)
    assert {case["target"]["kind"] for case in cases} == {target["kind"] for target in targets}
    assert {case["subject"] for case in cases} == {ben.id}


async def test_duplicates_merge_and_several_reporters_join_one_case(server: Server) -> None:
    anna, cora, mona = await server.person("anna"), await server.person("cora"), await server.person("mona", staff="moderator")
    await server.person("ben")
    target = {"kind": "user", "username": "ben"}
    first = await anna.post("/api/v1/reports", report(target))
    again = await anna.post("/api/v1/reports", report(target))
    assert (first.status, first.json["merged"], again.status, again.json["merged"]) == (201, False, 200, True)
    assert (await cora.post("/api/v1/reports", report(target))).status == 201
    assert [case["reports"] for case in await open_cases(mona)] == [2]


async def test_the_offered_block_applies_at_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await anna.get("/api/v1/users/ben")).status == 200
    made = await anna.post("/api/v1/reports", report({"kind": "user", "username": "ben"}, block=True))
    assert made.json["blocked"] is True
    assert [one["user"]["username"] for one in (await anna.get("/api/v1/blocks")).json["items"]] == ["ben"]
    assert (await ben.get("/api/v1/users/anna")).status == 404


async def test_copies_are_sealed_read_by_moderators_and_the_look_is_recorded(server: Server) -> None:
    anna, ada = await server.person("anna"), await server.person("ada", staff="admin")
    mona = await server.person("mona", staff="moderator")
    await server.person("ben")
    evidence = [{"text": "You fool-marker", "sender": "ben", "sent_at": 1_700_000_000_000}]
    await anna.post("/api/v1/reports", report({"kind": "user", "username": "ben"}, details="He goes on-marker.", evidence=evidence))
    for path in server.settings.data_dir.rglob("*"):
        if path.is_file():
            assert b"-marker" not in path.read_bytes(), path
    case = (await open_cases(mona))[0]
    seen = await mona.get(f"/api/v1/admin/reports/{case['id']}")
    assert [one["evidence"] for one in seen.json["reports"]] == [evidence]
    assert "anna" not in seen.body.decode()
    log = (await ada.get("/api/v1/admin/audit")).json["items"]
    assert [(entry["actor"], entry["case"]) for entry in log if "read" in entry["act"]] == [(mona.id, case["id"])]


async def test_a_decision_removes_the_content_and_closes_the_case(server: Server, tmp_path: Path) -> None:
    anna, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")
    video = await keep(server, ben, tmp_path)
    await anna.post("/api/v1/reports", report({"kind": "video", "id": video}))
    case = (await open_cases(mona))[0]["id"]
    decided = await mona.post(f"/api/v1/admin/reports/{case}/decision", {"decision": "remove", "reason": "Against the terms."})
    assert (decided.status, decided.json["state"]) == (200, "closed")
    assert (await anna.get(f"/api/v1/videos/{video}")).status in (404, 410, 451)
    assert await open_cases(mona) == []
    again = await mona.post(f"/api/v1/admin/reports/{case}/decision", {"decision": "dismiss", "reason": "Too late."})
    assert again.status == 409
    assert "takedown" in " ".join(notice["kind"] for notice in (await ben.get("/api/v1/me/notices")).json["items"])


@pytest.mark.parametrize("role", ["support", "legal"])
async def test_others_do_not_decide_reports(server: Server, role: str) -> None:
    sam = await server.person("sam", staff=role)
    assert (await sam.get("/api/v1/admin/reports")).status == 403


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"kind": "user", "username": "nobody.here"}, "target"),
        ({"kind": "video", "id": "0" * 32}, "target"),
        ({"kind": "video"}, "target"),
        ({"kind": "planet", "id": "x"}, "target.kind"),
        ({"kind": "user", "username": "anna"}, "target"),
    ],
)
async def test_a_report_of_nothing_or_of_oneself_is_refused(server: Server, target: dict[str, Any], field: str) -> None:
    anna, mona = await server.person("anna"), await server.person("mona", staff="moderator")
    refused = await anna.post("/api/v1/reports", report(target))
    assert refused.status == 422
    assert refused.json["errors"][0]["field"].startswith(field)
    assert await open_cases(mona) == []
