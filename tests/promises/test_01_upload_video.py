"""1. Upload video: "download and upload videos"."""

import asyncio
import hashlib

from tests.conftest import StartProgram
from tests.library import media
from tests.library.sending import PART, begin, offset, related, settled, tus

FILM = media.mp4(seconds=2.0)


async def test_01_an_upload_in_three_parts_outlives_the_server_killed_between_them(program: StartProgram) -> None:
    serving = await program(media_workers=1)
    anna = await serving.person("anna")
    path = await begin(anna, len(FILM), {"title": "A walk"})
    third = len(FILM) // 3
    for start, end in ((0, third), (third, 2 * third)):
        answer = await tus(anna, "PATCH", path, FILM[start:end], Upload_Offset=str(start))
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(end))
        await serving.kill()
        await serving.start()
        assert await offset(anna, path) == end
    answer = await tus(anna, "PATCH", path, FILM[2 * third :], Upload_Offset=str(2 * third))
    assert answer.status == 204
    video = related(answer)
    assert related(await tus(anna, "HEAD", path)) == video
    found = await settled(anna, video)
    stored = await anna.get(f"{video}/download")
    assert stored.status == 200
    assert hashlib.sha256(stored.body).hexdigest() == hashlib.sha256(FILM).hexdigest() == found["sha256"]


async def test_01_a_kill_within_a_part_loses_nothing_that_was_acknowledged(program: StartProgram) -> None:
    serving = await program(media_workers=1)
    anna = await serving.person("anna")
    path = await begin(anna, len(FILM))
    first = len(FILM) // 4
    assert (await tus(anna, "PATCH", path, FILM[:first], Upload_Offset="0")).status == 204
    for cut in (first + 1000, len(FILM) - 10):
        at = await offset(anna, path)
        assert at >= first
        _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
        head = (
            f"PATCH {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.access}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n"
            f"Content-Type: {PART}\r\nContent-Length: {len(FILM) - at}\r\n\r\n"
        )
        writer.write(head.encode() + FILM[at:cut])
        await writer.drain()
        await serving.kill()
        writer.close()
        await serving.start()
        # Whatever of the broken part is there, it is what was sent; what was acknowledged is there for certain.
        assert at <= await offset(anna, path) <= cut
    at = await offset(anna, path)
    answer = await tus(anna, "PATCH", path, FILM[at:], Upload_Offset=str(at))
    assert answer.status == 204
    found = await settled(anna, related(answer))
    assert found["sha256"] == hashlib.sha256(FILM).hexdigest()
