"""18. "We verify accounts and activity"."""

from tests.serving import Server
from tests.waiting import until


async def test_18_what_is_confirmed_is_shown_and_needed(server: Server) -> None:
    anna, ben = await server.person("anna", verify=False), await server.person("ben")
    account = (await anna.get("/api/v1/me")).json
    assert (account["email_verified"], account["phone_verified"]) == (False, False)
    reaching = [
        await anna.post("/api/v1/friend-requests", {"username": "ben"}),
        await anna.get("/api/v1/users/ben"),
        await anna.get("/api/v1/users", params={"q": "ben"}),
        await anna.get("/api/v1/discover/people"),
        await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["ben"]}),
    ]
    assert [(answer.status, answer.type) for answer in reaching] == [(403, "unverified")] * len(reaching)
    assert (await ben.get("/api/v1/friend-requests")).json["items"] == []
    # Nobody is shown somebody unconfirmed, neither as a suggestion nor in a search.
    assert (await ben.get("/api/v1/discover/people")).json["items"] == []
    assert (await ben.get("/api/v1/users", params={"q": "anna"})).json["items"] == []
    await anna.post("/api/v1/accounts/verify", {"channel": "phone", "code": await server.code(anna.phone)})
    assert (await anna.get("/api/v1/users/ben")).type == "unverified"
    await anna.post("/api/v1/accounts/verify", {"channel": "email", "code": await server.code(anna.email)})
    assert (await anna.post("/api/v1/friend-requests", {"username": "ben"})).status == 201


async def test_18_a_sign_in_on_a_new_device_is_told_by_mail(server: Server) -> None:
    anna = await server.person("anna")

    def letters() -> list[str]:
        return [mail["text"] for mail in server.sent(anna.email) if "code" not in mail]

    await anna.sign_in()
    await anna.sign_in({"id": "somewhere-else", "name": "Kitchen tablet"})
    await until(letters, "a letter about the new device")
    await anna.sign_in({"id": "somewhere-else", "name": "Kitchen tablet"})
    await anna.sign_in({"id": "a-third-one", "name": "Library PC"})
    await until(lambda: len(letters()) >= 2, "a letter about the third device")
    assert ["Kitchen tablet" in letters()[0], "Library PC" in letters()[1], len(letters())] == [True, True, 2]
    notices = [notice["kind"] for notice in (await anna.get("/api/v1/me/notices")).json["items"]]
    assert notices.count("new_sign_in") == 2
    kinds = [entry["kind"] for entry in (await anna.get("/api/v1/me/activity")).json["items"]]
    assert kinds[:4] == ["sign_in"] * 4
