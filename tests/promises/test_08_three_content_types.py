"""8. Three content types: "images, text messages and videos (collectively referred to as content)"."""

import io

from tests.rooms.media_files import SECRET, clip, photo, voice
from tests.rooms.talk import direct, friends, hears, say
from tests.rooms.test_attachments import give, send
from tests.serving import Server
from tests.waiting import until


async def test_08_text_images_videos_and_voice_go_through_chat_without_what_their_files_say(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "text")
    await hears(b, "text")
    for kind, data, sent_as, shown_as in (
        ("image", photo(), "image/jpeg", "image/webp"),
        ("video", clip(), "video/mp4", "video/mp4"),
        ("voice", voice(), "audio/webm", "audio/webm"),
    ):
        given = await give(anna, talk, data, sent_as)
        assert (given["kind"], given["media_type"]) == (kind, shown_as)
        await send(a, talk, {"kind": kind, "id": given["id"]}, client_id=kind)
        await until(lambda kind=kind: [one for one in b.heard("message:new") if one["client_id"] == kind])
        fetched = await server.call("GET", (await ben.get(f"/api/v1/attachments/{given['id']}")).json["url"])
        assert (fetched.status, fetched.headers["Content-Type"]) == (200, shown_as)
        assert SECRET.encode() not in fetched.body
        assert fetched.body
    assert (await anna.post("/api/v1/posts", {"text": "text as a post", "visibility": "everyone"})).status == 201


async def test_08_wrong_first_bytes_are_refused_whatever_they_are_called(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    path = f"/api/v1/conversations/{await direct(anna, ben)}/attachments"
    for data in (b"%PDF-1.7 not a picture", b"MZ\x90\x00" + bytes(100), b"<html><script>", b"plain text", b""):
        for media_type in ("image/png", "video/mp4", "audio/webm", "application/octet-stream"):
            answer = await anna.call("POST", path, data=data, headers={"Content-Type": media_type})
            assert answer.status == 415, (data, media_type)
    assert [one async for one in server.app.storage.list("attachments")] == []


async def test_08_broken_and_too_large_files_are_refused(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    path = f"/api/v1/conversations/{await direct(anna, ben)}/attachments"
    for data in (photo()[:300], clip()[:200], voice()[:60], b"\x1a\x45\xdf\xa3" + bytes(500)):
        assert (await anna.call("POST", path, data=data, headers={"Content-Type": "application/octet-stream"})).status == 422
    large = bytes(server.settings.attachment_limit_bytes + 1)
    assert (await anna.call("POST", path, data=io.BytesIO(large), headers={"Content-Type": "video/mp4"})).status == 413
    assert (await anna.call("POST", path, data=b"x", headers={"Content-Type": "text/html"})).status == 415
