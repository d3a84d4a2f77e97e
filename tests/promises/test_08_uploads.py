"""8. Three content types: "images, text messages and videos (collectively referred to as content)"; videos and pictures here."""

import io

import pytest
from PIL import Image

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
    video = await sent(anna, media.faststart(), title="A film")
    assert (await ben.get(f"/api/v1/videos/{video['id']}")).json["title"] == "A film"
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
