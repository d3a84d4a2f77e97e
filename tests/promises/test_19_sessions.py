"""19. Sessions: refresh rotates, replay ends the family, revocation is at once, sockets are cut within a second."""

import asyncio
import time

from tests.people import Listener
from tests.serving import Server
from tests.waiting import until


async def refresh(server: Server, token: str) -> tuple[int, dict[str, str]]:
    answer = await server.call("POST", "/api/v1/sessions/refresh", {"refresh": token})
    return answer.status, answer.json["tokens"] if answer.status == 200 else answer.json


async def me(server: Server, token: str) -> int:
    return (await server.call("GET", "/api/v1/me", token=token)).status


async def is_cut(listener: Listener) -> None:
    started = time.monotonic()
    await until(lambda: not listener.connected, "the socket to be cut", patience_s=5)
    assert time.monotonic() - started < 1


async def test_19_refresh_rotates(server: Server) -> None:
    anna = await server.person("anna")
    status, tokens = await refresh(server, anna.refresh)
    assert status == 200
    assert tokens["refresh"] != anna.refresh
    assert tokens["access"] != anna.access
    assert [await me(server, tokens["access"]), await me(server, anna.access)] == [200, 200]
    assert (await refresh(server, tokens["refresh"]))[0] == 200


async def test_19_a_replay_ends_the_whole_family(server: Server) -> None:
    anna = await server.person("anna")
    other = (await anna.sign_in({"id": "phone", "name": "Phone"})).json["tokens"]
    first = (await anna.sign_in()).json["tokens"]
    _, second = await refresh(server, first["refresh"])
    _, third = await refresh(server, second["refresh"])
    listener = await anna.connect(token=third["access"])
    # Somebody stole the first one long ago.
    status, problem = await refresh(server, first["refresh"])
    assert (status, problem["type"]) == (401, "/problems/refresh_reused")
    await is_cut(listener)
    assert [await me(server, tokens["access"]) for tokens in (first, second, third)] == [401, 401, 401]
    assert (await refresh(server, third["refresh"]))[0] == 401
    # Another session of the same person goes on.
    assert await me(server, other["access"]) == 200


async def test_19_an_exchange_whose_answer_was_lost_is_tried_again_by_its_own_client_alone(server: Server) -> None:
    anna = await server.person("anna")
    path, body = "/api/v1/sessions/refresh", {"refresh": anna.refresh}
    key = {"Idempotency-Key": "0123456789abcdef0123456789abcdef"}
    lost, found = [(await server.call("POST", path, body, headers=key)).json["tokens"] for _ in range(2)]
    assert found == lost
    assert await me(server, found["access"]) == 200
    # Once its new token was used, the old one is an old one.
    _, later = await refresh(server, found["refresh"])
    again = await server.call("POST", path, body, headers=key)
    assert (again.status, again.type) == (401, "refresh_reused")
    assert await me(server, later["access"]) == 401


async def test_19_another_key_is_a_replay(server: Server) -> None:
    anna = await server.person("anna")
    path, body = "/api/v1/sessions/refresh", {"refresh": anna.refresh}
    first = await server.call("POST", path, body, headers={"Idempotency-Key": "0123456789abcdef0123456789abcdef"})
    thief = await server.call("POST", path, body, headers={"Idempotency-Key": "fedcba9876543210fedcba9876543210"})
    assert (first.status, thief.status, thief.type) == (200, 401, "refresh_reused")
    assert await me(server, first.json["tokens"]["access"]) == 401


async def test_19_two_tabs_at_once_exchange_a_token_once(server: Server) -> None:
    anna = await server.person("anna")
    answers = await asyncio.gather(*(refresh(server, anna.refresh) for _ in range(8)))
    assert sorted(status for status, _ in answers) == [200, *[401] * 7]


async def test_19_an_expired_access_token_says_so(server: Server) -> None:
    anna = await server.person("anna")
    server.clock.advance(server.settings.access_token_s + 1)
    answer = await anna.get("/api/v1/me")
    assert (answer.status, answer.type) == (401, "token_expired")
    status, tokens = await refresh(server, anna.refresh)
    assert status == 200
    assert await me(server, tokens["access"]) == 200
    server.clock.advance(server.settings.refresh_token_s + 1)
    assert (await refresh(server, tokens["refresh"]))[1]["type"] == "/problems/token_expired"


async def test_19_sessions_are_listed_and_ended(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    phone = (await anna.sign_in({"id": "phone", "name": "Anna's phone"})).json["tokens"]
    await anna.sign_in()
    sessions = (await anna.get("/api/v1/me/sessions")).json["items"]
    assert sorted(session["device"] for session in sessions) == ["Anna's phone", "Test device", "Test device"]
    assert [session["current"] for session in sessions].count(True) == 1
    listener = await anna.connect(token=phone["access"])
    victim = next(session["id"] for session in sessions if session["device"] == "Anna's phone")
    assert (await ben.delete(f"/api/v1/me/sessions/{victim}")).status == 404
    assert await me(server, phone["access"]) == 200
    assert (await anna.delete(f"/api/v1/me/sessions/{victim}")).status == 204
    assert await me(server, phone["access"]) == 401
    await is_cut(listener)
    assert (await anna.delete(f"/api/v1/me/sessions/{victim}")).status == 404
    assert len((await anna.get("/api/v1/me/sessions")).json["items"]) == 2


async def test_19_signing_out_ends_the_session_that_asks(server: Server) -> None:
    anna = await server.person("anna")
    assert (await anna.delete("/api/v1/me/session")).status == 204
    assert (await anna.get("/api/v1/me")).status == 401
    assert (await refresh(server, anna.refresh))[0] == 401


async def test_19_a_password_change_ends_the_other_sessions(server: Server) -> None:
    anna = await server.person("anna")
    other = (await anna.sign_in({"id": "phone", "name": "Phone"})).json["tokens"]
    listener = await anna.connect(token=other["access"])
    await anna.sign_in()
    wrong = await anna.put("/api/v1/me/password", {"present": "not this one", "password": "a new long password"})
    assert (wrong.status, wrong.type) == (403, "wrong_password")
    assert await me(server, other["access"]) == 200
    assert (await anna.put("/api/v1/me/password", {"present": anna.password, "password": "a new long password"})).status == 204
    assert await me(server, anna.access) == 200
    assert await me(server, other["access"]) == 401
    await is_cut(listener)
    old = {"login": "anna", "password": anna.password, "device": anna.device}
    assert (await server.call("POST", "/api/v1/sessions", old)).type == "wrong_login"
    assert (await server.call("POST", "/api/v1/sessions", old | {"password": "a new long password"})).status == 201


async def test_19_a_forgotten_password_is_set_anew_by_mail(server: Server) -> None:
    anna = await server.person("anna")
    sent = len([mail for mail in server.sent(anna.email) if mail.get("code")])
    for login in ("anna", "nobody", "nobody@example.org", "+4915119999999"):
        assert (await server.call("POST", "/api/v1/password/forgot", {"login": login})).status == 202
    code = await server.code(anna.email, after=sent)
    body = {"login": "anna", "code": code, "password": "a new long password"}
    strangers = await server.call("POST", "/api/v1/password/reset", body | {"login": "nobody"})
    wrong = await server.call("POST", "/api/v1/password/reset", body | {"code": f"{(int(code) + 1) % 10**6:06d}"})
    assert (strangers.status, strangers.type) == (wrong.status, wrong.type) == (422, "wrong_code")
    assert (await server.call("POST", "/api/v1/password/reset", body)).status == 204
    assert (await server.call("POST", "/api/v1/password/reset", body)).status == 410
    assert await me(server, anna.access) == 401
    anna.password = "a new long password"
    await anna.sign_in()


async def test_19_wrong_and_unknown_logins_are_told_alike(server: Server) -> None:
    anna = await server.person("anna")
    body = {"password": "some other password", "device": anna.device}
    answers = [
        await server.call("POST", "/api/v1/sessions", body | {"login": login})
        for login in ("anna", anna.email, anna.phone, "nobody", "x@y.zz")
    ]
    assert {answer.status for answer in answers} == {401}
    assert {(answer.type, answer.json["title"], answer.json["detail"]) for answer in answers} == {
        ("wrong_login", "Sign in first", "This name and password do not belong together.")
    }
    for login in ("ANNA", anna.email.upper(), anna.phone):
        right = {"login": login, "password": anna.password, "device": anna.device}
        assert (await server.call("POST", "/api/v1/sessions", right)).status == 201


async def test_19_a_sixth_device_takes_the_place_of_the_one_away_longest(server: Server) -> None:
    anna = await server.person("anna")
    first = anna.access
    tokens = {}
    for number in range(server.settings.devices_per_account - 1):
        tokens[number] = (await anna.sign_in({"id": f"device-{number}", "name": f"Device {number}"})).json["tokens"]
    server.clock.advance(1)
    sixth = (await anna.sign_in({"id": "one-more", "name": "One more"})).json["tokens"]
    devices = {session["device"] for session in (await anna.get("/api/v1/me/sessions")).json["items"]}
    assert devices == {"One more", *(f"Device {number}" for number in range(4))}
    assert [await me(server, first), await me(server, tokens[0]["access"]), await me(server, sixth["access"])] == [401, 200, 200]
