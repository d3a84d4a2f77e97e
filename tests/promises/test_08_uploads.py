"""8. Three content types: "images, text messages and videos (collectively referred to as content)"; videos and pictures here."""

import io

import pytest
from PIL import Image

from livecore.ports import TakedownTarget
from tests.library import media
from tests.library.sending import begin, send, sent, tus
from tests.people import Person
from tests.serving import Server

TEXT = b"These are words, whatever their name says.\n" * 50


def picture() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
async def anna(server: Server) -> Person:
    return await server.person("anna")


async def test_08_a_video_and_a_picture_are_uploaded_and_seen_by_others(server: Server, anna: Person) -> None:
    ben = await server.person("ben")
    video = await sent(anna, media.faststart(), title="A film of the #Sea")
    assert video["tags"] == ["sea"]
    assert (await ben.get(f"/api/v1/videos/{video['id']}")).json["title"] == "A film of the #Sea"
    path = await send(anna, picture(), purpose="image", filename="p.png", filetype="image/png")
    shown = (await ben.get(path)).json
    assert (await server.call("GET", shown["files"]["320"])).headers["Content-Type"] == "image/webp"


@pytest.mark.parametrize(
    ("purpose", "filename", "filetype"),
    [("video", "film.mp4", "video/mp4"), ("image", "photo.jpg", "image/jpeg"), ("avatar", "me.png", "image/png")],
)
async def test_08_wrong_first_bytes_are_415_whatever_the_name_says(anna: Person, purpose: str, filename: str, filetype: str) -> None:
    wrong = {
        "text": TEXT,
        "html": b"<!doctype html><script>1</script>" * 40,
        "zip": b"PK\x03\x04" + bytes(2000),
        "pdf": b"%PDF-1.7\n" + bytes(2000),
    }
    wrong["the other kind"] = picture() if purpose == "video" else media.faststart()
    for what, data in wrong.items():
        path = await begin(anna, len(data), {"purpose": purpose, "filename": filename, "filetype": filetype})
        answer = await tus(anna, "PATCH", path, data, Upload_Offset="0")
        assert (answer.status, answer.type) == (415, "wrong_media"), (purpose, what)
        assert (await tus(anna, "HEAD", path)).status == 404
    assert (await anna.get("/api/v1/me/videos")).json["items"] == []


async def test_08_a_post_shows_the_pictures_that_its_reader_may_see(server: Server, anna: Person) -> None:
    ben = await server.person("ben")
    for_all = (await send(anna, picture(), purpose="image")).rpartition("/")[2]
    for_none = (await send(anna, picture(), purpose="image", visibility="nobody")).rpartition("/")[2]
    post = (await anna.post("/api/v1/posts", {"text": "", "images": [for_all, for_none]})).json
    path = f"/api/v1/posts/{post['id']}"
    assert [one["id"] for one in (await anna.get(path)).json["images"]] == [for_all, for_none]
    [shown] = (await ben.get(path)).json["images"]
    assert shown["id"] == for_all
    assert (await server.call("GET", shown["files"]["320"])).headers["Content-Type"] == "image/webp"
    # A post names pictures alone, and those that its author sees.
    video_id = (await send(anna, media.faststart())).rpartition("/")[2]
    for wrong in (video_id, "0" * 32, post["id"]):
        answer = await anna.post("/api/v1/posts", {"text": "x", "images": [wrong]})
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "images"), wrong
    assert (await ben.post("/api/v1/posts", {"text": "x", "images": [for_none]})).status == 422
    # What is taken down, deleted or blocked is not shown any more.
    async with server.app.db.write() as conn:
        await server.app.images.disable(conn, TakedownTarget("image", for_all), "a claim")
    assert (await ben.get(path)).json["images"] == []
    assert (await server.call("GET", shown["files"]["320"])).status == 451
    async with server.app.db.write() as conn:
        await server.app.images.enable(conn, TakedownTarget("image", for_all))
    assert len((await ben.get(path)).json["images"]) == 1
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 204)
    assert (await ben.get(path)).status == 404
    assert (await server.call("GET", shown["files"]["320"])).status == 404
    assert (await anna.delete(f"/api/v1/images/{for_all}")).status == 204
    assert [one["id"] for one in (await anna.get(path)).json["images"]] == [for_none]


async def test_08_a_post_shows_its_video_to_those_who_may_see_both(server: Server, anna: Person) -> None:
    ben, cleo = await server.person("ben"), await server.person("cleo")
    await server.befriend(anna, cleo)
    film = media.faststart()
    video = await sent(anna, film, visibility="friends")
    post = (await anna.post("/api/v1/posts", {"video": video["id"], "visibility": "everyone"})).json
    path = f"/api/v1/posts/{post['id']}"
    assert post["video"]["id"] == video["id"]
    # The post is for everyone, its video for friends: each reader gets what both allow.
    assert (await ben.get(path)).json["video"] is None
    shown = (await cleo.get(path)).json["video"]
    assert (await server.call("GET", shown["file"])).body == film
    [item] = [one for one in (await cleo.get("/api/v1/feed", params={"scope": "home"})).json["items"] if one["kind"] == "post"]
    assert (item["id"], item["video"]["id"]) == (post["id"], video["id"])
    # Who does not see a video posts none, nor what is no video.
    for who, wrong in ((ben, video["id"]), (anna, "0" * 32), (anna, post["id"])):
        answer = await who.post("/api/v1/posts", {"text": "x", "video": wrong})
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "video"), wrong
    assert (await anna.patch(f"/api/v1/videos/{video['id']}", {"visibility": "everyone"})).status == 200
    assert (await ben.get(path)).json["video"]["id"] == video["id"]
    async with server.app.db.write() as conn:
        await server.app.videos.disable(conn, TakedownTarget("video", video["id"]), "a claim")
    assert [(await who.get(path)).json["video"] for who in (ben, cleo)] == [None, None]
    async with server.app.db.write() as conn:
        await server.app.videos.enable(conn, TakedownTarget("video", video["id"]))
    assert (await anna.patch(path, {"visibility": "friends"})).status == 200
    assert (await ben.get(path)).status == 404
    assert (await anna.delete(f"/api/v1/videos/{video['id']}")).status == 204
    left = (await cleo.get(path)).json
    assert (left["id"], left["video"]) == (post["id"], None)
