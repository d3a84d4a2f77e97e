"""Signed addresses: the same for hours, of the same bytes always, kept by browsers as the operator says."""

import io

import pytest
from PIL import Image

from tests.conftest import StartServer
from tests.library import media
from tests.library.sending import send, sent
from tests.people import Person
from tests.promises.test_76_takedown import GONE
from tests.rooms.media_files import photo
from tests.rooms.talk import direct, friends
from tests.rooms.test_attachments import give
from tests.serving import Server
from tests.trust.filing import decide, file_claim
from tests.waiting import until

ADDRESSES = ("file", "hls", "poster", "preview", "sprites", "download")
KEPT = "private, max-age=600, immutable"


async def shown(person: Person, video_id: str) -> dict[str, str]:
    found = (await person.get(f"/api/v1/videos/{video_id}")).json
    return {name: found[name] for name in ADDRESSES if found[name] is not None}


async def of_each_kind(server: Server, anna: Person, ben: Person) -> dict[str, str]:
    """A signed address of everything whose bytes are fixed, as ben is given it."""
    film = await shown(ben, (await sent(anna, media.mp4(seconds=2.0)))["id"])
    old = await shown(ben, (await sent(anna, media.avi(seconds=1.0)))["id"])
    master = (await server.call("GET", old["hls"])).body.decode()
    playlist = next(line for line in master.splitlines() if not line.startswith("#"))
    sheet = (await server.call("GET", film["sprites"])).body.decode()
    picture = (await anna.get(await send(anna, photo(), purpose="image"))).json["files"]["320"]
    talk = await direct(anna, ben)
    put = await anna.put("/api/v1/me/avatar", data=photo(), headers={"Content-Type": "image/jpeg"})
    assert put.status == 200
    return {
        "play": film["file"],
        "poster": film["poster"],
        "preview": film["preview"],
        "download": film["download"],
        "sheet": next(line for line in sheet.splitlines() if "sprites.jpg" in line).partition("#")[0],
        "rendition": playlist,
        "segments": playlist.replace("m3u8", "m4s"),
        "picture": picture,
        "attachment": (await give(anna, talk, photo()))["url"],
        "avatar": (await ben.get("/api/v1/users/anna")).json["avatar"],
    }


async def test_an_address_stays_the_same_for_half_of_its_life_and_its_owner_s_feed_with_it(start_server: StartServer) -> None:
    server = await start_server(media_link_s=7200)
    anna, ben = await server.person("anna"), await server.person("ben")
    video_id = (await sent(anna, media.faststart()))["id"]
    step_s = server.settings.media_link_s / 2
    # To just after the moment at which ben's addresses change.
    left_s = (server.app.links.steady_end_ms(ben.id) - server.app.clock.at_ms()) / 1000 - step_s
    server.clock.advance(left_s + 1)
    await ben.sign_in()
    first = await shown(ben, video_id)
    feed = (await ben.get("/api/v1/feed?scope=discover")).json["items"]
    tag = (await ben.get(f"/api/v1/videos/{video_id}")).headers["ETag"]
    server.clock.advance(step_s - 60)
    await ben.sign_in()
    assert await shown(ben, video_id) == first
    assert (await ben.get("/api/v1/feed?scope=discover")).json["items"] == feed
    assert (await ben.get(f"/api/v1/videos/{video_id}", headers={"If-None-Match": tag})).status == 304
    server.clock.advance(120)
    assert set((await shown(ben, video_id)).values()).isdisjoint(first.values())
    assert (await ben.get(f"/api/v1/videos/{video_id}", headers={"If-None-Match": tag})).status == 200
    # Those that were given are good for as long again.
    server.clock.advance(step_s - 120)
    assert {(await server.call("GET", address)).status for address in first.values()} == {200}
    server.clock.advance(120)
    assert {(await server.call("GET", address)).type for address in first.values()} == {"link_expired"}


async def test_bytes_that_take_others_place_have_an_address_of_their_own(start_server: StartServer) -> None:
    server = await start_server(media_cache_s=600)
    anna = await server.person("anna")
    film = media.made(
        "film.mp4", *media.H264, "-vf", "drawbox=c=blue:t=fill:enable='lt(t,1)',drawbox=c=red:t=fill:enable='gte(t,1)'", seconds=2.0
    )
    found = await sent(anna, film)
    path = f"/api/v1/videos/{found['id']}"
    blue = await server.call("GET", found["poster"])
    assert (await anna.patch(path, {"poster_at_s": 1.5})).status == 200

    async def another() -> str | None:
        address = str((await anna.get(path)).json["poster"])
        return address if address != found["poster"] else None

    address = await until(another, "the other poster's address")
    assert address is not None
    red = await server.call("GET", address)
    assert (red.status, red.headers["Cache-Control"]) == (200, KEPT)
    assert red.body != blue.body
    gone = await server.call("GET", found["poster"])
    assert (gone.status, gone.type) == (410, "replaced")
    # The film was made to play at once; who was given the file as it came goes on with that one.
    token = found["file"].partition("&")[2]
    repacked = await server.call("GET", found["file"])
    assert repacked.body != film
    original = await server.call("GET", f"{path}/stream?v={found['sha256'][:16]}&{token}")
    assert (original.body, original.headers["Cache-Control"]) == (film, KEPT)
    assert (await server.call("GET", f"{path}/stream?v=0123456789abcdef&{token}")).type == "replaced"
    # Without `v` it is whatever plays now, and nothing to keep.
    assert (await server.call("GET", f"{path}/stream?{token}")).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("cache_s", [0, 600])
async def test_media_are_asked_for_again_or_kept_as_the_operator_says(start_server: StartServer, cache_s: int) -> None:
    server = await start_server(media_cache_s=cache_s)
    anna, ben = await friends(server, "anna", "ben")
    addresses = await of_each_kind(server, anna, ben)
    for kind, address in addresses.items():
        answer = await server.call("GET", address)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, KEPT if cache_s else "private, no-cache"), kind
        again = await server.call("GET", address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", answer.headers["ETag"]), kind
        assert again.headers["Cache-Control"] == answer.headers["Cache-Control"], kind
        assert not answer.headers["ETag"].startswith("W/"), kind
    # What names signed addresses, and what a bearer token gets, is always asked for again.
    found = (await ben.get("/api/v1/feed?scope=discover")).json["items"]
    for address in [item[name] for item in found for name in ("hls", "sprites") if item[name] is not None]:
        text = await server.call("GET", address)
        assert text.headers["Cache-Control"] == "private, no-cache"
        assert (await server.call("GET", address, headers={"If-None-Match": text.headers["ETag"]})).status == 304
    assert (await ben.get(addresses["poster"])).headers["Cache-Control"] == "private, no-cache"
    if cache_s:
        # Never past the end of the address itself.
        server.clock.advance((server.app.links.steady_end_ms(ben.id) - server.app.clock.at_ms()) / 1000 - 100)
        kept = (await server.call("GET", addresses["poster"])).headers["Cache-Control"]
        assert 0 < int(kept.removeprefix("private, max-age=").removesuffix(", immutable")) <= 100


async def test_what_is_taken_down_is_refused_at_once_however_long_browsers_keep_it(start_server: StartServer) -> None:
    server = await start_server(media_cache_s=600)
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    video_id = (await sent(anna, media.faststart()))["id"]
    given = await shown(ben, video_id)
    tags = {address: (await server.call("GET", address)).headers["ETag"] for address in given.values()}
    receipt = await file_claim(server, {"kind": "video", "id": video_id})
    await decide(lena, receipt["id"], "uphold")
    for address, tag in tags.items():
        assert (await server.call("GET", address)).status in GONE
        assert (await server.call("GET", address, headers={"If-None-Match": tag})).status in GONE


async def test_a_picture_s_sizes_have_the_address_of_their_bytes(start_server: StartServer) -> None:
    server = await start_server(media_cache_s=600)
    anna = await server.person("anna")
    for colour in ("teal", "red"):
        assert (await anna.put("/api/v1/me/avatar", data=photo(colour), headers={"Content-Type": "image/jpeg"})).status == 200
        address = (await anna.get("/api/v1/me")).json["avatar"]
        bodies = {size: (await server.call("GET", f"{address}&size={size}")).body for size in (64, 256)}
        for size, body in bodies.items():
            with Image.open(io.BytesIO(body)) as picture:
                assert picture.size == (size, size)
        if colour == "teal":
            before = address
    assert (await server.call("GET", before)).status == 404
