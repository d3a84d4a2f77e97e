"""63 and 78: staff see a person only with a case at hand, and each look is recorded; the copyright agent is published."""

from tests.serving import Server


async def test_63_a_profile_is_read_with_a_case_and_the_look_is_recorded(server: Server) -> None:
    anna, mona = await server.person("anna"), await server.person("mona", staff="moderator")
    ada = await server.person("ada", staff="admin")
    await server.person("ben")
    for params in ({}, {"case": "0" * 32}, {"case": "none"}):
        refused = await mona.get("/api/v1/admin/users/ben", params=params)
        assert (refused.status, refused.type) == (403, "case_needed"), params
    await anna.post("/api/v1/reports", {"target": {"kind": "user", "username": "ben"}, "reason": "spam"})
    case = (await mona.get("/api/v1/admin/reports")).json["items"][0]["id"]
    seen = await mona.get("/api/v1/admin/users/ben", params={"case": case})
    assert seen.status == 200
    assert seen.json["account"]["username"] == "ben"
    assert "argon2" not in seen.body.decode()
    looks = [entry for entry in (await ada.get("/api/v1/admin/audit")).json["items"] if entry["act"] == "account.read"]
    assert [(entry["actor"], entry["case"]) for entry in looks] == [(mona.id, case)]


async def test_63_nobody_else_reads_profiles_as_staff(server: Server) -> None:
    anna = await server.person("anna")
    answer = await anna.get("/api/v1/admin/users/anna", params={"case": "0" * 32})
    assert (answer.status, answer.type) == (403, "staff_only")


async def test_78_the_copyright_agent_is_published(server: Server) -> None:
    agent = await server.call("GET", "/api/v1/ip/agent")
    assert agent.status == 200
    assert all(agent.json[field] for field in ("name", "address", "email", "phone"))
