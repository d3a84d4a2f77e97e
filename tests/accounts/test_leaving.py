"""Leaving: at once for everybody else, with time to think again."""

from sqlalchemy import select

from livecore.accounts import tables
from livecore.config import RATES
from tests.conftest import StartServer
from tests.serving import Server
from tests.waiting import until


async def test_signing_in_again_keeps_the_account(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    listener = await anna.connect()
    answer = await anna.delete("/api/v1/me", json={})
    assert answer.status == 202
    grace_ms = server.settings.erasure_grace_s * 1000
    assert abs(answer.json["erase_at"] - server.clock.at_ms() - grace_ms) < 60_000
    await until(lambda: not listener.connected, "the socket to be cut", patience_s=5)
    assert (await anna.get("/api/v1/me")).status == 401
    assert (await ben.get("/api/v1/users/anna")).status == 404
    assert (await ben.get("/api/v1/friends")).json["items"] == []
    assert (await ben.get("/api/v1/users", params={"q": "anna"})).json["items"] == []
    await anna.sign_in()
    assert (await ben.get("/api/v1/users/anna")).json["standing"] == "friends"
    assert len((await ben.get("/api/v1/friends")).json["items"]) == 1


async def test_a_wrong_password_deletes_nothing_and_is_not_tried_for_ever(start_server: StartServer) -> None:
    server = await start_server(rate_scale=1.0)
    anna = await server.person("anna")
    answers = []
    for _ in range(RATES["password_per_account"].count + 1):
        answers.append(await anna.delete("/api/v1/me", json={"password": "not this one"}))
        if answers[-1].status == 429:
            break
    assert [answer.type for answer in answers[:-1]] == ["wrong_password"] * (len(answers) - 1)
    assert (answers[0].status, answers[-1].status, "Retry-After" in answers[-1].headers) == (403, 429, True)
    assert (await anna.get("/api/v1/me")).status == 200
    server.clock.advance(1)
    ben = await server.person("ben")
    assert (await ben.delete("/api/v1/me", json={"password": ben.password})).status == 202


async def test_leaving_at_once_needs_the_password(server: Server) -> None:
    anna = await server.person("anna")
    for body in ({"immediately": True}, {"immediately": True, "password": "not this one"}):
        assert (await anna.delete("/api/v1/me", json=body)).type == "wrong_password"
    assert (await anna.get("/api/v1/me")).status == 200
    answer = await anna.delete("/api/v1/me", json={"immediately": True, "password": anna.password})
    assert answer.status == 202
    assert answer.json["erase_at"] <= server.clock.at_ms()


async def test_a_name_that_was_erased_is_taken_for_good(server: Server) -> None:
    anna = await server.person("anna.lee")
    await server.app.accounts.erase(anna.id)
    await server.app.accounts.erase(anna.id)
    async with server.app.db.write() as conn:
        await conn.execute(tables.account.delete().where(tables.account.c.id == anna.id))
    for name in ("anna.lee", "ANNA_1EE"):
        answer = await server.call("POST", "/api/v1/accounts", anna.sign_up_body(username=name))
        assert (answer.status, answer.type) == (409, "username_taken")
    async with server.app.db.read() as conn:
        graves = (await conn.execute(select(tables.username_tombstone))).all()
    assert len(graves) == 1
    assert b"anna" not in graves[0].hash


async def test_a_suspended_account_is_out_at_once_and_comes_back(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    async with server.app.db.write() as conn:
        await server.app.accounts.suspend(conn, anna.id)
    await server.app.accounts.end_sessions(anna.id, "suspended")
    assert (await anna.get("/api/v1/me")).status == 401
    body = {"login": "anna", "password": anna.password, "device": anna.device}
    assert (await server.call("POST", "/api/v1/sessions", body)).type == "suspended"
    assert (await server.call("POST", "/api/v1/sessions", body | {"password": "some other one"})).type == "wrong_login"
    assert (await ben.get("/api/v1/users/anna")).status == 404
    async with server.app.db.write() as conn:
        await server.app.accounts.reinstate(conn, anna.id)
    await anna.sign_in()
    assert (await ben.get("/api/v1/users/anna")).status == 200


async def test_staff_roles_are_effective_at_the_next_request(server: Server) -> None:
    anna = await server.person("anna")
    assert (await anna.get("/api/v1/me")).json["staff"] == []
    await server.app.accounts.grant("anna", "moderator")
    await server.app.accounts.grant("anna", "moderator")
    assert (await anna.get("/api/v1/me")).json["staff"] == ["moderator"]
    assert (await server.app.authenticator.authenticate(anna.access)).staff == {"moderator"}
    await server.app.accounts.revoke("anna", "moderator")
    assert (await server.app.authenticator.authenticate(anna.access)).staff == frozenset()
