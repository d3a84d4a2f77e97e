"""Who carries the bytes: nginx by X-Accel-Redirect, or the store by a signed redirect; who may have them is decided here."""

import io
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import aiohttp
import av
import pytest
from PIL import Image
from yarl import URL

from livecore import errors
from livecore.ports import StoredObject
from tests.conftest import StartServer
from tests.front import Front, documented
from tests.library import media
from tests.library.sending import begin, offset, related, sent, settled, tus
from tests.serving import Server
from tests.waiting import until


def by_nginx(server: Server) -> str:
    """What docs/operations.md shows for `send_files = "x-accel"`, with this server's objects."""
    return documented("A front server that carries the bytes").replace(
        "/srv/livecore/data/objects/", f"{server.settings.data_dir}/objects/"
    )


async def test_nginx_sends_the_bytes_that_livecore_allows(start_server: StartServer, front: Front) -> None:
    server = await start_server(send_files="x-accel", media_cache_s=60)
    anna, ben = await server.person("anna"), await server.person("ben")
    film = media.faststart()
    found = await sent(anna, film, title="Ein Spaß: «猫», 100 %")
    url = await front.start(server.url, by_nginx(server))
    async with aiohttp.ClientSession(url) as http:
        async with http.get(found["download"]) as answer:
            assert (answer.status, await answer.read()) == (200, film)
            # A name of any characters reaches the person through nginx as it is.
            kind, _, name = answer.headers["Content-Disposition"].rpartition("; filename*=UTF-8''")
            assert (kind.partition(";")[0], unquote(name)) == ("attachment", "Ein Spaß: «猫», 100 %.mp4")
            assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == ("video/mp4", "nosniff")
            assert answer.headers["Cache-Control"] == "private, max-age=60, immutable"
            assert "X-Accel-Redirect" not in answer.headers
            tag = answer.headers["ETag"]
        async with http.get(found["file"], headers={"Range": "bytes=5-9"}) as answer:
            assert (answer.status, await answer.read()) == (206, film[5:10])
        async with http.get(found["file"], headers={"Range": "bytes=5-9", "If-Range": '"stale"'}) as answer:
            assert (answer.status, await answer.read()) == (200, film)
        async with http.get(found["file"], headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        async with http.get(found["poster"]) as answer:
            assert answer.status == 200
        # The objects themselves cannot be asked for, and a switch holds at the next request.
        async with http.get(f"/_objects/videos/{anna.id}/{found['id']}/original.mp4") as answer:
            assert answer.status == 404
        assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"allow_download": False})).status == 200
        async with http.get(f"/api/v1/videos/{found['id']}/download", headers={"Authorization": f"Bearer {ben.access}"}) as answer:
            assert answer.status == 403
        # Uploads pass through it too.
        server.url = url
        assert (await sent(ben, media.faststart(seconds=0.5)))["status"] == "ready"


async def test_a_player_of_hls_gets_its_segments_from_nginx_until_its_path_is_revoked(start_server: StartServer, front: Front) -> None:
    server = await start_server(send_files="x-accel")
    anna, ben = await server.person("anna"), await server.person("ben")
    video_id = (await sent(anna, media.avi(seconds=2.0)))["id"]
    server.url = await front.start(server.url, by_nginx(server))
    master = (await server.call("GET", (await ben.get(f"/api/v1/videos/{video_id}")).json["hls"])).body.decode()
    place, playlist = next(line for line in master.splitlines() if not line.startswith("#")).rsplit("/", 1)
    listed = await server.call("GET", f"{place}/{playlist}")
    assert (listed.status, listed.headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    ranges = re.findall(r'BYTERANGE[:=]"?(\d+)@(\d+)', listed.body.decode())
    media_file = playlist.replace("m3u8", "m4s")
    pieces = []
    for length, start in ((int(length), int(start)) for length, start in ranges):
        piece = await server.call("GET", f"{place}/{media_file}", headers={"Range": f"bytes={start}-{start + length - 1}"})
        assert (piece.status, len(piece.body), piece.headers["Server"].partition("/")[0]) == (206, length, "nginx")
        pieces.append(piece.body)
    assert b"".join(pieces) == (await server.call("GET", f"{place}/{media_file}")).body
    assert len(read_whole(b"".join(pieces))) >= 25
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 204)
    assert {(await server.call("GET", f"{place}/{name}")).status for name in (playlist, media_file)} == {404}


def read_whole(data: bytes) -> list[int]:
    """The times of all pictures, decoded."""
    with av.open(io.BytesIO(data)) as container:
        return [frame.pts for frame in container.decode(video=0)]


async def test_the_store_sends_the_bytes_that_livecore_allows(start_server: StartServer, s3_url: str) -> None:
    server = await start_server(storage_url=s3_url, send_files="redirect")
    anna = await server.person("anna")
    film = media.mp4()
    found = await sent(anna, film)
    answer = await server.call("GET", found["download"])
    assert (answer.status, answer.headers["Cache-Control"]) == (307, "private, no-store")
    # The demo's policy lets the browser follow it.
    store = "/".join(answer.headers["Location"].split("/")[:3])
    policy = (await server.call("GET", "/")).headers["Content-Security-Policy"]
    assert f"media-src 'self' {store} blob:" in policy
    async with aiohttp.ClientSession() as http, http.get(answer.headers["Location"], headers={"Range": "bytes=5-9"}) as piece:
        assert (piece.status, await piece.read()) == (206, film[5:10])
    assert (await server.call("GET", found["download"].partition("?")[0])).status == 401
    # Every piece was joined, and nothing of the upload is left.
    assert [key async for key in server.app.storage.list("uploads")] == []


async def test_a_player_of_hls_finds_each_line_where_the_store_sends_the_bytes(start_server: StartServer, s3_url: str) -> None:
    server = await start_server(storage_url=s3_url, send_files="redirect")
    found = await sent(await server.person("anna"), media.avi())
    async with aiohttp.ClientSession(server.url) as http:

        async def fetched(address: str | URL) -> tuple[URL, bytes]:
            """As a player does: after redirects, lines are relative to where the answer came from."""
            async with http.get(address, headers={"Origin": server.url}) as answer:
                assert answer.status == 200, address
                return answer.url, await answer.read()

        at, master = await fetched(found["hls"])
        line = next(line for line in master.decode().splitlines() if not line.startswith("#"))
        at, playlist = await fetched(at.join(URL(line)))
        name = re.search(r'URI="([^"]+)"', playlist.decode())
        assert name is not None
        at, segments = await fetched(at.join(URL(name[1])))
        assert at.origin() != URL(server.url).origin()
        assert segments[4:8] == b"ftyp"


@pytest.mark.parametrize("store", ["files", "s3"])
async def test_what_is_replaced_while_it_is_asked_for_comes_whole(
    start_server: StartServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    server = await start_server(storage_url=request.getfixturevalue("s3_url") if store == "s3" else "")
    anna = await server.person("anna")
    found = await sent(anna, media.faststart(seconds=2.0))
    path = f"/api/v1/videos/{found['id']}"
    storage = server.app.storage
    real = storage.head
    before: list[Callable[[], Awaitable[object]]] = []
    after: list[Callable[[], Awaitable[object]]] = []

    async def head(key: str) -> StoredObject:
        """Somebody comes just before a request looks what there is, or between its look and the bytes."""
        if before:
            await before.pop()()
        answer = await real(key)
        if after:
            await after.pop()()
        return answer

    async def another_poster() -> None:
        known = (await anna.get(path)).json["poster"]
        assert (await anna.patch(path, {"poster_at_s": moments.pop()})).status == 200

        async def is_there() -> bool:
            return bool((await anna.get(path)).json["poster"] != known)

        await until(is_there, "another poster")
        await until(server.app.jobs.idle, "the one before to be deleted")

    moments = [1.8, 0.3]
    monkeypatch.setattr(storage, "head", head)
    after.append(another_poster)
    answer = await anna.get(f"{path}/poster.jpg")
    assert answer.status == 200
    assert answer.body == (await anna.get(f"{path}/poster.jpg")).body
    Image.open(io.BytesIO(answer.body)).load()
    # Whose address is of the bytes that are gone is told so.
    address = (await anna.get(path)).json["poster"]
    before.append(another_poster)
    assert (await server.call("GET", address)).type == "replaced"
    # The same name, other bytes, fewer of them: what comes is theirs from the first to the last.
    key = f"videos/{anna.id}/{found['id']}/preview.webp"
    preview = (await server.call("GET", found["preview"])).body
    after.append(lambda: storage.put(key, preview[:500]))
    answer = await server.call("GET", found["preview"], headers={"Range": f"bytes=0-9,200-{len(preview)}"})
    assert answer.status == 206
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.body.count(b"/500\r\n") == 2
    assert preview[200:500] in answer.body


async def test_each_address_of_a_video_answers_as_http_says(start_server: StartServer) -> None:
    server = await start_server()
    anna, ben = await server.person("anna"), await server.person("ben")
    ready = await sent(anna, media.avi(seconds=2.0))
    found = (await ben.get(f"/api/v1/videos/{ready['id']}")).json
    master = (await server.call("GET", found["hls"])).body.decode()
    line = next(line for line in master.splitlines() if not line.startswith("#"))
    sheet = (await server.call("GET", found["sprites"])).body.decode()
    still = next(line for line in sheet.splitlines() if "sprites.jpg" in line).partition("#")[0]
    kinds = {
        found["download"]: "attachment",
        found["poster"]: "inline",
        found["preview"]: "inline",
        still: "inline",
        line: "inline",
        line.replace("m3u8", "m4s"): "inline",
    }
    for address, disposition in kinds.items():
        whole = await server.call("GET", address)
        assert whole.status == 200, address
        headers = whole.headers
        assert headers["X-Content-Type-Options"] == "nosniff", address
        assert headers.get("Content-Disposition", "inline").startswith(disposition), address
        assert headers["Cache-Control"].startswith("private"), address
        piece = await server.call("GET", address, headers={"Range": "bytes=3-9", "If-Range": headers["ETag"]})
        assert (piece.status, piece.body) == (206, whole.body[3:10]), address
        stale = await server.call("GET", address, headers={"Range": "bytes=3-9", "If-Range": '"stale"'})
        assert (stale.status, stale.body) == (200, whole.body), address
        assert (await server.call("GET", address, headers={"If-None-Match": headers["ETag"]})).status == 304, address
        assert (await server.call("GET", address, headers={"Range": f"bytes={len(whole.body)}-"})).status == 416, address
    # Who holds the addresses has them for their time, and while they may see the video.
    assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"visibility": "nobody"})).status == 200
    assert {(await server.call("GET", address)).status for address in kinds} == {404}
    assert (await anna.patch(f"/api/v1/videos/{found['id']}", {"visibility": "everyone"})).status == 200
    assert (await server.call("GET", line)).status == 200
    server.clock.advance(server.settings.media_link_s + 1)
    assert {(await server.call("GET", address)).status for address in kinds} == {410}


async def test_a_resumed_upload_on_a_remote_store(start_server: StartServer, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await start_server(storage_url=s3_url)
    anna = await server.person("anna")
    film = media.mp4(seconds=2.0)
    path = await begin(anna, len(film))
    half = len(film) // 2
    assert (await tus(anna, "PATCH", path, film[:half], Upload_Offset="0")).status == 204
    assert await offset(anna, path) == half

    async def away(key: str, data: object) -> StoredObject:
        raise errors.Unavailable("The object store does not answer.")

    # What the store did not take is not acknowledged, then or later.
    with monkeypatch.context() as patched:
        patched.setattr(server.app.storage, "put", away)
        assert (await tus(anna, "PATCH", path, film[half : half + 5000], Upload_Offset=str(half))).status == 503
    assert await offset(anna, path) == half
    answer = await tus(anna, "PATCH", path, film[half:], Upload_Offset=str(half))
    found = await settled(anna, related(answer))
    assert (await anna.get(f"/api/v1/videos/{found['id']}/download")).body == film
