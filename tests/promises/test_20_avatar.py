"""20. Profile picture: re-encoded, metadata gone, sizes made, bombs refused; hidden from whom it is hidden."""

import io
import struct
import zlib

import pytest
from PIL import Image

from livecore.ports import TakedownTarget
from tests.people import Person
from tests.serving import Answer, Server


def photo(*, kind: str = "JPEG", size: tuple[int, int] = (800, 600), orientation: int = 1) -> bytes:
    """A picture, red on the left and blue on the right, with a camera's name and a place in its EXIF."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0110] = "MARKER-CAMERA"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0)})
    out = io.BytesIO()
    picture.save(out, kind, exif=exif, comment=b"MARKER-COMMENT") if kind == "JPEG" else picture.save(out, kind, exif=exif)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    header = struct.pack("!IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100_000)) + chunk(b"IEND", b"")


async def put(person: Person, data: bytes | io.BytesIO, content_type: str = "image/jpeg") -> Answer:
    return await person.server.call("PUT", "/api/v1/me/avatar", data=data, headers={"Content-Type": content_type}, token=person.access)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_20_it_is_made_anew_in_three_sizes_without_metadata(server: Server, kind: str) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    data = photo(kind=kind)
    assert b"MARKER-CAMERA" in data
    answer = await put(anna, data, f"image/{kind.lower()}")
    assert answer.status == 200, answer
    path = (await ben.get("/api/v1/users/anna")).json["avatar"]
    for size in (64, 256, 512):
        # As a browser's <img> fetches it: the address alone.
        picture = await server.call("GET", f"{path}&size={size}")
        assert (picture.status, picture.headers["Content-Type"]) == (200, "image/webp")
        assert b"MARKER" not in picture.body
        with Image.open(io.BytesIO(picture.body)) as made:
            assert made.size == (size, size)
            assert not made.getexif()
            assert {"exif", "xmp", "icc_profile", "comment"} & set(made.info) == set()
    for stored in (server.settings.data_dir).rglob("*"):
        assert not stored.is_file() or b"MARKER-CAMERA" not in stored.read_bytes(), stored


async def test_20_a_picture_taken_upright_stays_upright(server: Server) -> None:
    anna = await server.person("anna")
    # Orientation 3: the camera stood on its head, so red comes to the right.
    assert (await put(anna, photo(size=(600, 600), orientation=3))).status == 200
    picture = await server.call("GET", (await anna.get("/api/v1/me")).json["avatar"])
    with Image.open(io.BytesIO(picture.body)) as made:
        left, right = made.convert("RGB").getpixel((30, 128)), made.convert("RGB").getpixel((225, 128))
    assert left[2] > 200 > 60 > left[0]
    assert right[0] > 200 > 60 > right[2]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415),
        (b"GIF", 415),
        (b"", 415),
        (b"\xff\xd8\xff\xe0 not a picture", 422),
        (photo()[:2000], 422),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, 422),
        (bomb(), 422),
    ],
)
async def test_20_what_is_no_picture_is_refused_and_changes_nothing(server: Server, data: bytes, status: int) -> None:
    anna = await server.person("anna")
    assert (await put(anna, photo())).status == 200
    before = (await anna.get("/api/v1/me")).json["avatar"]
    answer = await put(anna, data)
    assert answer.status == status, answer
    assert (await anna.get("/api/v1/me")).json["avatar"] == before


async def test_20_a_file_that_is_too_large_is_refused(server: Server) -> None:
    anna = await server.person("anna")
    answer = await put(anna, io.BytesIO(photo() + b"\0" * server.settings.avatar_limit_bytes))
    assert answer.status == 413


async def test_20_it_is_shown_to_whom_it_was_shown_and_no_longer(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await put(anna, photo())
    path = (await ben.get("/api/v1/users/anna")).json["avatar"]
    plain, _, token = path.partition("?token=")
    assert (await server.call("GET", path)).status == 200
    assert (await ben.get(plain)).status == 200
    assert (await server.call("GET", plain)).status == 401
    assert (await server.call("GET", f"{plain}?token={token[:-2]}xx")).status == 403

    tag = (await server.call("GET", path)).headers["ETag"]
    assert (await server.call("GET", path, headers={"If-None-Match": tag})).status == 304

    await anna.put("/api/v1/blocks/ben")
    assert (await server.call("GET", path)).status == 404
    assert (await server.call("GET", path, headers={"If-None-Match": tag})).status == 404
    await anna.delete("/api/v1/blocks/ben")
    await anna.patch("/api/v1/me/settings", {"visibility_photo": "friends"})
    assert (await server.call("GET", path)).status == 404
    assert (await ben.get("/api/v1/users/anna")).json["avatar"] is None
    await server.befriend(anna, ben)
    assert (await server.call("GET", path)).status == 200

    assert (await anna.delete("/api/v1/me/avatar")).status == 204
    assert (await server.call("GET", path)).status == 404
    assert (await anna.get("/api/v1/me")).json["avatar"] is None
    assert not [found for found in server.settings.data_dir.rglob("*.webp") if found.is_file()]


async def test_20_a_takedown_hides_it_at_once_everywhere(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await put(anna, photo())
    path = (await ben.get("/api/v1/users/anna")).json["avatar"]
    target = TakedownTarget("profile_picture", anna.id)
    takedowns = server.app.account_parts.takedowns
    assert await takedowns.owner_of(target) == anna.id
    async with server.app.db.write() as conn:
        await takedowns.disable(conn, target, "copyright")
    assert (await server.call("GET", path)).status == 404
    assert (await ben.get("/api/v1/users/anna")).json["avatar"] is None
    assert (await anna.get("/api/v1/me")).json["avatar"] is None
    async with server.app.db.write() as conn:
        await takedowns.enable(conn, target)
    assert (await server.call("GET", path)).status == 200
