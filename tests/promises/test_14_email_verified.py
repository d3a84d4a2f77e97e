"""14. The mail address is verified, and so is a new one."""

from tests.serving import Server
from tests.waiting import until


async def test_14_the_code_works_once(server: Server) -> None:
    anna = await server.person("anna", verify=False)
    assert not (await anna.get("/api/v1/me")).json["email_verified"]
    code = await server.code(anna.email)
    assert len(code) == 6
    first = await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": code})
    assert (first.status, first.json["email_verified"]) == (200, True)
    second = await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": code})
    assert second.status == 410, second


async def test_14_another_persons_code_does_not_work(server: Server) -> None:
    anna, ben = await server.person("anna", verify=False), await server.person("ben", verify=False)
    code = await server.code(ben.email)
    assert code != await server.code(anna.email)
    answer = await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": code})
    assert (answer.status, answer.type) == (422, "wrong_code")


async def test_14_a_new_address_counts_once_it_is_confirmed(server: Server) -> None:
    anna = await server.person("anna")
    changed = await anna.patch("/api/v1/me", {"email": "new@example.org"})
    assert changed.status == 200, changed
    assert (changed.json["email"], changed.json["pending_email"]) == (anna.email, "new@example.org")
    login = {"password": anna.password, "device": anna.device}
    assert (await server.call("POST", "/api/v1/sessions", login | {"login": "new@example.org"})).status == 401
    # The present address learns of it.
    await until(lambda: [mail for mail in server.sent(anna.email) if "about to change" in mail["text"]], "a warning")
    code = await server.code("new@example.org")
    confirmed = await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": code})
    assert (confirmed.json["email"], confirmed.json["pending_email"]) == ("new@example.org", None)
    assert (await server.call("POST", "/api/v1/sessions", login | {"login": "new@example.org"})).status == 201
    assert (await server.call("POST", "/api/v1/sessions", login | {"login": anna.email})).status == 401


async def test_14_somebody_elses_address_cannot_be_taken(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    answer = await anna.patch("/api/v1/me", {"name": "Changed", "phone": "+4915119000001", "email": ben.email})
    assert (answer.status, answer.type) == (409, "contact_taken")
    # Refused whole: nothing else of it was done.
    account = (await anna.get("/api/v1/me")).json
    assert (account["name"], account["pending_phone"], account["pending_email"]) == ("Anna Example", None, None)


async def test_14_a_change_is_called_off_by_giving_the_present_address(server: Server) -> None:
    anna = await server.person("anna")
    assert (await anna.patch("/api/v1/me", {"email": "new@example.org"})).json["pending_email"] == "new@example.org"
    code = await server.code("new@example.org")
    assert (await anna.patch("/api/v1/me", {"email": anna.email})).json["pending_email"] is None
    assert (await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": code})).type == "no_code"
    assert (await anna.get("/api/v1/me")).json["email"] == anna.email


async def test_14_two_who_want_one_address_get_it_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    for person in (anna, ben):
        assert (await person.patch("/api/v1/me", {"email": "shared@example.org"})).status == 200
    codes = await until(
        lambda: [line["code"] for line in server.sent("shared@example.org")][1:] and server.sent("shared@example.org"), "two codes"
    )
    statuses = []
    for person in (anna, ben):
        for line in codes:
            answer = await person.post("/api/v1/accounts/verify", {"channel": "email", "code": line["code"]})
            if answer.status != 422:
                statuses.append(answer.status)
                break
    assert statuses == [200, 409]
    assert (await ben.get("/api/v1/me")).json["email"] == ben.email
