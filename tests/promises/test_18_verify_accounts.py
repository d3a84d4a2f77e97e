"""18. "We verify accounts and activity"."""

from sqlalchemy import update

from livecore.accounts.tables import account
from tests.rooms.talk import direct, refusal
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


async def test_18_who_is_unconfirmed_reaches_nobody_new_by_socketio(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await ben.patch("/api/v1/me/settings", {"who_can_message": "everyone", "who_can_call": "everyone"})
    talk = await direct(anna, ben)
    # A talk that both have, and an address that is confirmed no more: no route leads there, so that it is written.
    async with server.app.db.write() as conn:
        await conn.execute(update(account).where(account.c.id == anna.id).values(email_verified_ms=None))
    await server.app.account_parts.principals.changed(anna.id)
    a, b = await anna.connect(), await ben.connect()
    message = {"conversation": talk, "client_id": "one", "body": "hello"}
    for event, data in (("message:send", message), ("call:start", {"user": "ben"}), ("match:enter", {"mode": "chat"})):
        assert await refusal(a, event, data) == "unverified", event
    async with server.app.db.write() as conn:
        await conn.execute(update(account).where(account.c.id == anna.id).values(email_verified_ms=server.clock.at_ms()))
    await server.app.account_parts.principals.changed(anna.id)
    await a.close()
    a = await anna.connect()
    assert (await a.call("message:send", message | {"body": "confirmed"}))["ok"]
    await until(lambda: b.heard("message:new"), "the message")
    assert [said["body"] for said in b.heard("message:new")] == ["confirmed"]
    assert b.heard("call:ringing") == []
    await a.close()
    await b.close()


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
