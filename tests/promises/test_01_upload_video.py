"""1. Upload video: "download and upload videos"."""

import hashlib

import pytest

from livecore.platform.storage import ObjectStorage, make_storage
from tests.conftest import StartProgram
from tests.library import media
from tests.library.sending import begin, offset, related, settled, tus

FILM = media.mp4(seconds=2.0)


@pytest.mark.parametrize("store", ["files", "s3"])
async def test_01_an_upload_in_three_parts_outlives_the_server_killed_between_them(
    program: StartProgram, request: pytest.FixtureRequest, store: str
) -> None:
    url = request.getfixturevalue("s3_url") if store == "s3" else ""
    serving = await program(storage_url=url)
    anna = await serving.person("anna")
    path = await begin(anna, len(FILM), {"title": "A walk"})
    third = len(FILM) // 3
    for start, end in ((0, third), (third, 2 * third)):
        answer = await tus(anna, "PATCH", path, FILM[start:end], Upload_Offset=str(start))
        assert (answer.status, answer.headers["Upload-Offset"]) == (204, str(end))
        if store == "s3" and end == third:
            continue  # two pieces are there to be found together
        # At once after the answer: what it acknowledges is in the store by then, or never.
        await serving.kill()
        assert await bytes_in(make_storage(url, serving.data_dir)) == FILM[:end]
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


async def bytes_in(storage: ObjectStorage) -> bytes:
    """What the store holds of the one unfinished upload; pieces of it have names in their order."""
    keys = sorted([item.key async for item in storage.list("uploads")])
    return b"".join([await storage.get(key) for key in keys])
