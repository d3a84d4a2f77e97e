"""Staff put a person out and let them in again; one report alone puts nobody out."""

from tests.people import Person
from tests.serving import Server
from tests.waiting import until

DAY_S = 86_400


async def signing_in(server: Server, person: Person) -> tuple[int, str | None, int]:
    body = {"login": person.username, "password": person.password, "device": person.device}
    answer = await server.call("POST", "/api/v1/sessions", body)
    return answer.status, answer.type, answer.json.get("until") or 0


async def acts(admin: Person) -> list[tuple[str, str]]:
    entries = (await admin.get("/api/v1/admin/audit")).json["items"]
    return [(entry["act"], entry["details"]["reason"]) for entry in entries if entry["act"].startswith("account.")]


async def test_58_a_person_is_suspended_told_and_let_in_again(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    mona, ada = await server.person("mona", staff="moderator"), await server.person("ada", staff="admin")
    listener = await anna.connect()
    path = "/api/v1/admin/users/anna"
    assert (await ben.post(f"{path}/suspend", {"reason": "I do not like her"})).type == "staff_only"
    assert (await mona.post(f"{path}/suspend", {"reason": ""})).status == 422
    assert (await mona.post(f"{path}/suspend", {"reason": "x", "case": "0" * 32})).status == 422
    assert (await mona.post("/api/v1/admin/users/mona/suspend", {"reason": "a holiday"})).type == "yourself"
    assert (await mona.post(f"{path}/suspend", {"reason": "Spam to hundreds", "days": 3})).status == 204
    await until(lambda: not listener.connected, "her socket to be cut", patience_s=5)
    assert (await anna.get("/api/v1/me")).status == 401
    status, kind, ends = await signing_in(server, anna)
    assert (status, kind) == (403, "suspended")
    assert abs(ends - server.clock.at_ms() - 3 * DAY_S * 1000) < 60_000
    assert (await ben.get("/api/v1/users/anna")).status == 404
    await until(lambda: any("suspended" in one["text"] for one in server.sent(anna.email)), "a mail that says so")
    assert (await mona.post(f"{path}/suspend", {"reason": "again"})).status == 409
    assert (await mona.post(f"{path}/reinstate", {"reason": "It was her machine"})).status == 204
    assert (await mona.post(f"{path}/reinstate", {"reason": "twice"})).status == 409
    await anna.sign_in()
    (notice,) = [one for one in (await anna.get("/api/v1/me/notices")).json["items"] if one["kind"] == "suspended"]
    assert notice["data"]["reason"] == "Spam to hundreds"
    assert await acts(ada) == [("account.reinstate", "It was her machine"), ("account.suspend", "Spam to hundreds")]
    kinds = [entry["kind"] for entry in (await anna.get("/api/v1/me/activity")).json["items"]]
    assert {"suspended", "reinstated"} <= set(kinds)


async def test_58_a_suspension_by_a_report_ends_with_its_time(server: Server) -> None:
    anna, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")
    await ben.post("/api/v1/reports", {"target": {"kind": "user", "username": "anna"}, "reason": "harassment"})
    (case,) = (await mona.get("/api/v1/admin/reports")).json["items"]
    decided = await mona.post(f"/api/v1/admin/reports/{case['id']}/decision", {"decision": "suspend", "reason": "threats", "days": 1})
    assert (decided.json["state"], decided.json["decision"]) == ("closed", "suspend")
    assert (await signing_in(server, anna))[0] == 403
    server.clock.advance(DAY_S + 60)

    async def answer() -> int | None:
        return 201 if (await signing_in(server, anna))[0] == 201 else None

    await until(answer, "the suspension to be over", patience_s=20)


async def test_a_hold_of_staff_keeps_somebody_from_strangers_and_a_report_alone_does_not(server: Server) -> None:
    anna, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")
    await server.person("cara")

    async def names() -> set[str]:
        return {one["user"]["username"] for one in (await mona.get("/api/v1/discover/people")).json["items"]}

    await ben.post("/api/v1/reports", {"target": {"kind": "user", "username": "anna"}, "reason": "spam"})
    assert "anna" in await names()
    (case,) = (await mona.get("/api/v1/admin/reports")).json["items"]
    path = f"/api/v1/admin/reports/{case['id']}/decision"
    assert (await mona.post(path, {"decision": "hold", "reason": "needs a second look"})).json["state"] == "open"
    assert "anna" not in await names()
    socket = await anna.connect()
    assert (await socket.call("match:enter", {"mode": "chat"}))["error"]["type"] == "/problems/meeting_closed"
    await socket.close()
    assert (await mona.post(path, {"decision": "dismiss", "reason": "nothing in it"})).json["state"] == "closed"
    assert "anna" in await names()


async def test_reports_count_for_a_time_and_a_grave_one_alone_counts(server: Server) -> None:
    _, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")

    async def names() -> set[str]:
        return {one["user"]["username"] for one in (await mona.get("/api/v1/discover/people")).json["items"]}

    await ben.post("/api/v1/reports", {"target": {"kind": "user", "username": "anna"}, "reason": "minor"})
    assert "anna" not in await names()
    server.clock.advance(server.settings.review_window_s + 1)
    await mona.sign_in()
    assert "anna" in await names()
