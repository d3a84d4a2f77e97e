"""Sign-up, confirmation and sign-in over HTTP."""

from tests.serving import Server


async def test_signs_up_confirms_and_signs_in(server: Server) -> None:
    anna = await server.person("Anna")
    answer = await anna.sign_in()
    account = answer.json["account"]
    assert account["username"] == "Anna"
    assert account["email_verified"]
    assert account["phone_verified"]
    sessions = await anna.get("/api/v1/me/sessions")
    assert sessions.status == 200, sessions
    assert len(sessions.json["items"]) == 2
