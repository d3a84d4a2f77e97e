"""75. A copyright claim is taken when it is complete, and returned naming each missing element (17 USC 512(c)(3)(A))."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from livecore.trust.claims import CODE_TRIES
from livecore.trust.tables import claim
from tests.library.recorded import keep
from tests.serving import Server
from tests.trust.filing import CLAIMANT, copyright_claim, decide, file_claim


async def claims_kept(server: Server) -> int:
    async with server.app.db.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(claim))).scalar_one())


@pytest.mark.parametrize("element", ["signature", "work", "target", "contact", "good_faith", "accuracy"])
async def test_75_a_claim_without_one_element_is_returned_naming_it(server: Server, tmp_path: Path, element: str) -> None:
    anna = await server.person("anna")
    video = await keep(server, anna, tmp_path)
    target = {"kind": "video", "id": video}
    refused = await server.call("POST", "/api/v1/claims", copyright_claim(target, **{element: None}))
    assert refused.status == 422
    assert [error["field"].split(".")[0] for error in refused.json["errors"]] == [element]
    assert await claims_kept(server) == 0
    assert (await server.call("POST", "/api/v1/claims", copyright_claim(target))).status == 201


@pytest.mark.parametrize("statement", ["good_faith", "accuracy"])
async def test_75_a_statement_that_is_not_made_is_missing(server: Server, tmp_path: Path, statement: str) -> None:
    anna = await server.person("anna")
    target = {"kind": "video", "id": await keep(server, anna, tmp_path)}
    refused = await server.call("POST", "/api/v1/claims", copyright_claim(target, **{statement: False}))
    assert refused.status == 422
    assert [error["field"] for error in refused.json["errors"]] == [statement]


async def test_75_each_part_of_the_contact_is_asked_for(server: Server, tmp_path: Path) -> None:
    anna = await server.person("anna")
    target = {"kind": "video", "id": await keep(server, anna, tmp_path)}
    refused = await server.call("POST", "/api/v1/claims", copyright_claim(target, contact={"name": "Rita"}))
    assert refused.status == 422
    assert {error["field"] for error in refused.json["errors"]} == {"contact.address", "contact.phone", "contact.email"}


async def test_75_a_complete_claim_is_confirmed_followed_and_sealed(server: Server, tmp_path: Path) -> None:
    anna = await server.person("anna")
    lena = await server.person("lena", staff="legal")
    video = await keep(server, anna, tmp_path)
    receipt = await file_claim(server, {"kind": "video", "id": video})
    mine = await server.call("GET", f"/api/v1/claims/{receipt['id']}", token=receipt["token"])
    assert (mine.status, mine.json["state"]) == (200, "received")
    assert (await server.call("GET", f"/api/v1/claims/{receipt['id']}")).status == 401
    assert (await server.call("GET", f"/api/v1/claims/{receipt['id']}", token="somebody-else")).status in (401, 403, 404)
    queue = (await lena.get("/api/v1/admin/claims", params={"state": "received"})).json["items"]
    assert [one["id"] for one in queue] == [receipt["id"]]
    seen = (await lena.get(f"/api/v1/admin/claims/{receipt['id']}")).json
    assert seen["details"]["contact"]["email"] == CLAIMANT
    # What the claimant wrote about themselves is sealed where it lies.
    for path in server.settings.data_dir.rglob("*"):
        if path.is_file() and path.name != "outbox.jsonl":
            assert b"Studio Lane 1" not in path.read_bytes(), path
    acts = [entry["act"] for entry in (await lena.get("/api/v1/admin/audit")).json["items"]]
    assert any("claim" in act for act in acts)


async def test_75_a_claim_about_nothing_is_returned(server: Server) -> None:
    refused = await server.call("POST", "/api/v1/claims", copyright_claim({"kind": "video", "id": "0" * 32}))
    assert refused.status == 422
    assert refused.json["errors"][0]["field"].startswith("target")


async def test_75_only_legal_staff_decide(server: Server, tmp_path: Path) -> None:
    anna, mona = await server.person("anna"), await server.person("mona", staff="support")
    receipt = await file_claim(server, {"kind": "video", "id": await keep(server, anna, tmp_path)})
    for somebody in (anna, mona):
        answer = await somebody.post(f"/api/v1/admin/claims/{receipt['id']}/decision", {"decision": "uphold", "reason": "x"})
        assert (answer.status, answer.type) == (403, "staff_only")


async def test_75_a_withdrawn_claim_gives_back_what_it_took_down(server: Server, tmp_path: Path) -> None:
    anna, lena = await server.person("anna"), await server.person("lena", staff="legal")
    ben = await server.person("ben")
    video = await keep(server, anna, tmp_path)
    receipt = await file_claim(server, {"kind": "video", "id": video})
    await decide(lena, receipt["id"], "uphold")
    assert (await ben.get(f"/api/v1/videos/{video}")).status in (404, 410, 451)
    assert (await server.call("POST", f"/api/v1/claims/{receipt['id']}/withdraw", token=receipt["token"])).status == 200
    assert (await ben.get(f"/api/v1/videos/{video}")).status == 200


async def test_75_a_code_is_not_guessed_and_a_claim_not_found_by_guessing(server: Server) -> None:
    anna = await server.person("anna")
    receipt = (await server.call("POST", "/api/v1/claims", copyright_claim({"kind": "profile_picture", "username": anna.username}))).json
    path, code = f"/api/v1/claims/{receipt['id']}/confirm", await server.code(CLAIMANT)
    wrong = {"code": f"{(int(code) + 1) % 1_000_000:06d}"}
    nobody = await server.call("POST", f"/api/v1/claims/{'0' * 32}/confirm", wrong)
    for _ in range(CODE_TRIES):
        refused = await server.call("POST", path, wrong)
        assert (refused.status, refused.json["errors"]) == (422, nobody.json["errors"])
    assert (await server.call("POST", path, {"code": code})).status == 422
    fresh = await file_claim(server, {"kind": "profile_picture", "username": anna.username})
    code = server.sent(CLAIMANT)[-1]["code"]
    assert (await server.call("POST", f"/api/v1/claims/{fresh['id']}/confirm", {"code": code})).status == 409
