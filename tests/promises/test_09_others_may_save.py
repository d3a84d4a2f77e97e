"""9. Others may save what one shares, and one is told: "can always save that content or copy it outside the app"."""

from tests.library import media
from tests.library.sending import metadata, sent, tus
from tests.rooms.talk import direct, friends
from tests.serving import Server


async def test_09_the_notice_comes_with_an_upload_and_with_the_first_message(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    text = (await anna.get("/api/v1/policies/notices/sharing")).json["text"]
    # In the policy's own words, and with what switches and deletions do not reach.
    assert "can always save it or copy it outside the app" in text
    assert all(word in text for word in ("download that is switched off", "deletion", "block"))
    for _ in range(2):
        answer = await tus(anna, "POST", "/uploads", Upload_Length="1000", Upload_Metadata=metadata(purpose="video"))
        assert answer.json["sharing_notice"] == text
    conversation = await direct(anna, ben)
    socket = await anna.connect()
    said = {"conversation": conversation, "client_id": "one", "body": "hello"}
    first = (await socket.call("message:send", said))["data"]
    assert first["sharing_notice"] == text
    # The same message again, whose answer may have been lost, says it again; another one does not.
    assert (await socket.call("message:send", said))["data"] == first
    assert (await socket.call("message:send", said | {"client_id": "two"}))["data"]["sharing_notice"] is None
    await socket.close()


async def test_09_what_is_not_offered_for_download_is_not_downloaded_and_no_more_is_claimed(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    found = await sent(anna, media.faststart())
    path = f"/api/v1/videos/{found['id']}"
    assert (await ben.get(f"{path}/download")).status == 200
    assert (await anna.patch(path, {"allow_download": False})).status == 200
    answer = await ben.get(f"{path}/download")
    assert (answer.status, answer.type) == (403, "download_off")
    # It can be watched, and so it can be copied: nothing says otherwise.
    assert (await ben.get(f"{path}/stream")).status == 200
    words = str(answer.json).lower()
    assert not any(claim in words for claim in ("protected", "cannot be copied", "prevent"))
