"""Copies of what was taken down are refused: to the byte, and to the eye."""

import asyncio
import io
import random
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from sqlalchemy import insert

from livecore.errors import LegallyUnavailable
from livecore.library import fingerprints
from livecore.library.copies import AT_ONCE
from livecore.library.tables import blocked_copy
from livecore.ports import TakedownTarget
from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import begin, send, sent, settled, tus
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    return await start_server()


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Something like a photograph: soft shapes of many brightnesses."""
    dice = random.Random(seed)
    picture = Image.new("RGB", size, (dice.randrange(256),) * 3)
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y, r = dice.randrange(size[0]), dice.randrange(size[1]), dice.randrange(30, 200)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(dice.randrange(256) for _ in range(3)))
    return picture.filter(ImageFilter.GaussianBlur(6))


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


async def taken_down(server: Server, kind: str, target_id: str) -> None:
    port = server.app.videos if kind == "video" else server.app.images
    async with server.app.db.write() as conn:
        await port.disable(conn, TakedownTarget(kind, target_id), "copyright")


async def test_a_removed_video_is_not_uploaded_again(server: Server, tmp_path: Path) -> None:
    anna, ben, staff = await server.person("anna"), await server.person("ben"), await server.person("mod", staff="moderator")
    film = media.made("film.mp4", *media.H264, *media.AAC, "-movflags", "+faststart", seconds=6.0, size="320x180", source="mandelbrot")
    source, copy, mirror = (tmp_path / f"{name}.mp4" for name in ("film", "copy", "mirror"))
    source.write_bytes(film)
    # Scaled, squeezed, re-timed and cut at the beginning.
    again = ["-ss", "0.7", "-i", str(source), "-vf", "scale=214:120", "-r", "12", "-c:v", "libx264", "-crf", "34", "-an", str(copy)]
    subprocess.run(["ffmpeg", "-v", "error", *again, "-vf", "scale=214:120,hflip", "-an", str(mirror)], check=True)
    found = await sent(anna, film)
    near = await sent(ben, copy.read_bytes())
    other = await sent(ben, media.faststart(seconds=6.0))
    listed = await staff.get(f"/api/v1/admin/copies/video/{found['id']}")
    assert listed.json["ids"] == [near["id"]]
    await taken_down(server, "video", found["id"])
    path = await begin(ben, len(film))
    answer = await tus(ben, "PATCH", path, film, Upload_Offset="0")
    assert (answer.status, answer.type) == (451, "removed_copy")
    assert (await tus(ben, "HEAD", path)).status == 404
    refused = await settled(ben, await send(ben, mirror.read_bytes()), "failed")
    assert (refused["failure"], refused["poster"], refused["download"]) == ("removed_copy", None, None)

    async def nothing_kept() -> bool:
        return [key async for key in server.app.storage.list(f"videos/{ben.id}/{refused['id']}")] == []

    await until(nothing_kept, "the copy's bytes to go")
    assert (await ben.get(f"/api/v1/videos/{other['id']}")).status == 200
    async with server.app.db.write() as conn:
        await server.app.videos.enable(conn, TakedownTarget("video", found["id"]))
    await sent(ben, film)


async def test_a_removed_picture_is_not_uploaded_again(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    original = jpeg(scene(1))
    path = await send(anna, original, purpose="image", filename="scene.jpg")
    await taken_down(server, "image", path.rpartition("/")[2])
    assert (await anna.get(path)).status == 451
    small = scene(1).resize((320, 240))
    for data in (original, jpeg(small, 40), jpeg(ImageOps.mirror(small), 40)):
        upload = await begin(ben, len(data), {"purpose": "image"})
        answer = await tus(ben, "PATCH", upload, data, Upload_Offset="0")
        assert (answer.status, answer.type) == (451, "removed_copy")
    await send(ben, jpeg(scene(2)), purpose="image")


async def test_others_have_their_turns_while_a_video_is_compared_with_all_that_was_taken_down(server: Server) -> None:
    dice, copies = random.Random(1), server.app.copies
    looks = [[dice.getrandbits(64) for _ in range(fingerprints.FRAMES_LIMIT)] for _ in range(100)]
    async with server.app.db.write() as conn:
        rows = [
            {"kind": "video", "target_id": f"{n:032x}", "sha256": str(n), "fingerprint": fingerprints.written(look), "at_ms": 0}
            for n, look in enumerate(looks)
        ]
        await conn.execute(insert(blocked_copy), rows)
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    try:
        await copies.check_look("video", [dice.getrandbits(64) for _ in range(fingerprints.FRAMES_LIMIT)])
    finally:
        working.cancel()
    assert turns >= len(looks) // AT_ONCE["video"]
    # Wherever among them the like one stands, with some bits of each frame changed and a third of its frames cut off.
    for look in (looks[0], looks[57], looks[-1]):
        with pytest.raises(LegallyUnavailable):
            await copies.check_look("video", [frame ^ 0x0101_0101 for frame in look[20:]])


async def _image(person: Person, data: bytes, **words: str) -> str:
    return await send(person, data, purpose="image", **words)


async def test_a_picture_is_made_anew_in_sizes_for_those_who_may_see_it(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE"
    exif[0x0112] = 6  # a quarter turn
    scene(3, (3000, 1500)).save(out, "JPEG", exif=exif, comment=b"SECRET-COMMENT")
    path = await _image(anna, out.getvalue(), title="A scene", visibility="friends")
    found = (await anna.get(path)).json
    assert (found["title"], found["width"], found["height"]) == ("A scene", 1024, 2048)
    for size, (width, height) in (("320", (160, 320)), ("1080", (540, 1080)), ("2048", (1024, 2048))):
        answer = await server.call("GET", found["files"][size])
        with Image.open(io.BytesIO(answer.body)) as picture:
            assert (picture.format, picture.size, dict(picture.getexif())) == ("WEBP", (width, height), {})
        assert b"SECRET" not in answer.body
    assert (await ben.get(path)).status == 404
    await server.befriend(anna, ben)
    assert (await ben.get(path)).status == 200
    assert (await ben.delete(path)).status == 403
    assert (await anna.delete(path)).status == 204
    assert (await server.call("GET", found["files"]["320"])).status == 404
    assert [key async for key in server.app.storage.list("images")] == []


async def test_a_profile_picture_comes_by_tus_too(server: Server) -> None:
    anna = await server.person("anna")
    assert await send(anna, jpeg(scene(4)), purpose="avatar") == "/api/v1/me"
    assert (await anna.get("/api/v1/me")).json["avatar"] is not None


def test_the_same_picture_looks_the_same_and_others_do_not() -> None:
    looks = [fingerprints.picture_hash(scene(seed)) for seed in range(40)]
    assert None not in looks
    for seed in range(40):
        picture = scene(seed)
        for changed in (
            picture.resize((100, 75)),
            Image.open(io.BytesIO(jpeg(picture, 20))),
            picture.point(lambda level: int(level * 0.8)),
        ):
            assert fingerprints.same_picture(looks[seed], fingerprints.picture_hash(changed))  # type: ignore[arg-type]
        mirror = fingerprints.picture_hash(Image.open(io.BytesIO(jpeg(ImageOps.mirror(picture), 20))), mirrored=True)
        assert fingerprints.same_picture(looks[seed], mirror)  # type: ignore[arg-type]
    strangers = [(a, b) for a in range(40) for b in range(a) if fingerprints.same_picture(looks[a], looks[b])]  # type: ignore[arg-type]
    assert strangers == []
    assert fingerprints.picture_hash(Image.new("RGB", (100, 100), "grey")) is None
    assert fingerprints.read(fingerprints.written([1, 2**64 - 1])) == (1, 2**64 - 1)
    assert not fingerprints.same_video([], [])
