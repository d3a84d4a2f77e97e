"""Videos over HTTP: coming from a recording, read, changed, watched, liked, discussed, shared, taken down, deleted."""

import hashlib
import io
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from livecore.ids import new_id
from livecore.ports import TakedownTarget
from tests.conftest import StartServer
from tests.library.recorded import facts, keep, recorded_bytes
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


@pytest.fixture
async def anna(server: Server) -> Person:
    return await server.person("anna")


@pytest.fixture
async def ben(server: Server) -> Person:
    return await server.person("ben")


async def test_a_recording_becomes_a_video_with_a_poster(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path)
    seen = (await ben.get(f"/api/v1/videos/{video_id}")).json
    data = recorded_bytes("vp8")
    assert seen["owner"]["username"] == "anna"
    assert (seen["title"], seen["visibility"], seen["allow_download"]) == ("A walk", "everyone", True)
    assert (seen["width"], seen["height"], seen["duration_s"], seen["media_type"]) == (320, 180, 1.0, "video/webm")
    assert (seen["size_bytes"], seen["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert (seen["status"], seen["progress"], seen["liked"]) == ("ready", 1.0, False)
    poster = await server.call("GET", seen["poster"])
    assert (poster.status, poster.headers["Content-Type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(poster.body)) as picture:
        assert picture.size == (320, 180)
    played = await server.call("GET", seen["file"])
    assert (played.status, played.body, played.headers["Content-Type"]) == (200, data, "video/webm")
    assert played.headers["Content-Disposition"] == "inline"
    stored = [item.key async for item in server.app.storage.list("videos")]
    names = ("original.webm", f"poster-{hashlib.sha256(poster.body).hexdigest()[:16]}.jpg", "preview.webp", "sprites.jpg")
    assert sorted(stored) == [f"videos/{anna.id}/{video_id}/{name}" for name in names]


async def test_the_same_recording_told_twice_is_kept_once(server: Server, anna: Person, tmp_path: Path) -> None:
    path, told = tmp_path / "r.webm", facts("vp8")
    path.write_bytes(recorded_bytes("vp8"))
    first = await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once")
    again = await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once")
    assert first == again
    assert len((await anna.get("/api/v1/me/videos")).json["items"]) == 1
    other = await server.app.videos.create_from_recording(anna.id, new_id(), path, told | {"part": 1}, "everyone", "Once")
    assert other != first


async def test_sound_alone_is_ready_without_a_poster(server: Server, anna: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path, codec=None)
    seen = (await anna.get(f"/api/v1/videos/{video_id}")).json
    assert (seen["media_type"], seen["poster"]) == ("audio/webm", None)
    assert (await anna.get(f"/api/v1/videos/{video_id}/poster.jpg")).status == 404


async def test_a_file_that_cannot_be_shown_fails_and_is_for_nobody_else(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path, data=b"no video" * 1000, status="failed")
    assert (await anna.get(f"/api/v1/videos/{video_id}")).json["failure"] == "not_showable"
    assert (await ben.get(f"/api/v1/videos/{video_id}")).status == 404
    assert (await ben.get("/api/v1/feed?scope=discover")).json["items"] == []


async def test_a_stop_in_the_middle_of_keeping_is_made_good_at_the_next_telling(server: Server, anna: Person, tmp_path: Path) -> None:
    """The row is there, the object is not: as a kill between the two leaves it."""
    told, path = facts("vp8"), tmp_path / "r.webm"
    await server.app.videos._begin(anna.id, new_id(), f"{told['recording']}.0", path, told, "everyone", "Once")
    (seen,) = (await anna.get("/api/v1/me/videos")).json["items"]
    assert (seen["status"], seen["file"], seen["sha256"]) == ("processing", None, None)
    assert (await anna.get(f"/api/v1/videos/{seen['id']}/stream")).status == 409
    path.write_bytes(recorded_bytes("vp8"))
    assert await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once") == seen["id"]

    async def is_ready() -> bool:
        return bool((await anna.get(f"/api/v1/videos/{seen['id']}")).json["status"] == "ready")

    await until(is_ready, "the video")


async def test_a_recording_that_is_told_after_its_video_was_deleted_does_not_come_back(
    server: Server, anna: Person, tmp_path: Path
) -> None:
    path, told = tmp_path / "r.webm", facts("vp8")
    path.write_bytes(recorded_bytes("vp8"))
    video_id = await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once")
    path.unlink()
    assert await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once") == video_id
    assert (await anna.delete(f"/api/v1/videos/{video_id}")).status == 204
    with pytest.raises(FileNotFoundError):
        await server.app.videos.create_from_recording(anna.id, new_id(), path, told, "everyone", "Once")
    assert (await anna.get("/api/v1/me/videos")).json["items"] == []


# -- who may see it


AUDIENCES = {
    "everyone": (200, 200, 200),
    "friends": (200, 200, 404),
    "nobody": (200, 404, 404),
}


@pytest.mark.parametrize("visibility", AUDIENCES)
async def test_each_audience_is_held_on_every_address(server: Server, anna: Person, ben: Person, tmp_path: Path, visibility: str) -> None:
    stranger = await server.person("carl")
    await server.befriend(anna, ben)
    video_id = await keep(server, anna, tmp_path, visibility=visibility)
    for who, status in zip((anna, ben, stranger), AUDIENCES[visibility], strict=True):
        for path in ("", "/download", "/stream", "/poster.jpg", "/comments"):
            assert (await who.get(f"/api/v1/videos/{video_id}{path}")).status == status
        listed = (await who.get("/api/v1/videos?owner=anna")).json["items"]
        assert [item["id"] for item in listed] == ([video_id] if status == 200 else [])
        for method, path, body in (
            ("PUT", "/like", None),
            ("POST", "/comments", {"text": "hello"}),
            ("POST", "/shares", {"channel": "link"}),
            ("POST", "/views", {"seconds": 1}),
        ):
            answer = await who.call(method, f"/api/v1/videos/{video_id}{path}", body)
            assert answer.status in ((404,) if status == 404 else (200, 201))


async def test_a_block_holds_in_the_next_request_even_for_a_link_that_was_given(
    server: Server, anna: Person, ben: Person, tmp_path: Path
) -> None:
    video_id = await keep(server, anna, tmp_path)
    link = (await ben.get(f"/api/v1/videos/{video_id}")).json["file"]
    assert (await server.call("GET", link)).status == 200
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 204)
    assert (await server.call("GET", link)).status == 404
    for path in ("", "/download", "/stream", "/poster.jpg"):
        assert (await ben.get(f"/api/v1/videos/{video_id}{path}")).status == 404
    assert (await ben.get("/api/v1/videos?owner=anna")).status == 404
    assert (await ben.get("/api/v1/feed?scope=discover")).json["items"] == []
    assert (await anna.delete("/api/v1/blocks/ben")).status in (200, 204)
    assert (await server.call("GET", link)).status == 200


async def test_without_a_token_or_with_a_wrong_one_there_is_nothing(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    video_id, other_id = await keep(server, anna, tmp_path), await keep(server, anna, tmp_path)
    for path in ("/download", "/stream", "/poster.jpg"):
        assert (await server.call("GET", f"/api/v1/videos/{video_id}{path}")).status == 401
        assert (await server.call("GET", f"/api/v1/videos/{video_id}{path}?token=nonsense")).status == 403
    link = (await ben.get(f"/api/v1/videos/{video_id}")).json["file"]
    token = urllib.parse.urlsplit(link).query
    assert (await server.call("GET", f"/api/v1/videos/{other_id}/stream?{token}")).status == 403
    assert (await server.call("GET", f"/api/v1/videos/{video_id}/download?{token}")).status == 200


async def test_a_link_expires(server: Server, anna: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path)
    link = (await anna.get(f"/api/v1/videos/{video_id}")).json["file"]
    server.clock.advance(server.settings.media_link_s + 1)
    expired = await server.call("GET", link)
    assert (expired.status, expired.type) == (410, "link_expired")


# -- change, delete


async def test_changes_need_the_present_version(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path)
    path = f"/api/v1/videos/{video_id}"
    tag = (await anna.get(path)).headers["ETag"]
    changed = await anna.patch(path, {"title": "Another walk", "visibility": "friends"}, headers={"If-Match": tag})
    assert (changed.status, changed.json["title"], changed.json["visibility"]) == (200, "Another walk", "friends")
    stale = await anna.patch(path, {"title": "Lost"}, headers={"If-Match": tag})
    assert stale.status == 412
    assert (await anna.delete(path, headers={"If-Match": tag})).status == 412
    assert (await anna.get(path)).json["title"] == "Another walk"
    assert (await anna.patch(path, {"allow_download": False})).json["allow_download"] is False
    assert (await ben.patch(path, {"title": "Mine"})).status == 404


async def test_a_tag_stays_good_for_a_change_while_others_like_and_watch(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    tag = (await anna.get(path)).headers["ETag"]
    assert (await anna.get(path, headers={"If-None-Match": tag})).status == 304
    assert (await ben.put(f"{path}/like")).status == 200
    assert (await anna.get(path, headers={"If-None-Match": tag})).status == 200
    assert (await anna.patch(path, {"title": "New"}, headers={"If-Match": tag})).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x" * 201}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"visibility": "friend"}, "visibility"),
        ({"allow_download": "perhaps"}, "allow_download"),
        ({"owner_id": "x"}, "owner_id"),
    ],
)
async def test_a_bad_change_names_its_field_and_changes_nothing(
    server: Server, anna: Person, tmp_path: Path, body: dict[str, Any], field: str
) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    before = (await anna.get(path)).headers["ETag"]
    answer = await anna.patch(path, body)
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert (await anna.get(path)).headers["ETag"] == before


async def test_a_deleted_video_is_gone_with_its_objects(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    video_id = await keep(server, anna, tmp_path)
    path = f"/api/v1/videos/{video_id}"
    link = (await ben.get(path)).json["file"]
    await ben.post(f"{path}/comments", {"text": "nice"})
    assert (await ben.delete(path)).status == 403
    assert (await anna.delete(path)).status == 204
    assert (await anna.get(path)).status == (await ben.get(path)).status == (await server.call("GET", link)).status == 404

    async def no_objects() -> bool:
        return not [item.key async for item in server.app.storage.list(f"videos/{anna.id}")]

    await until(no_objects, "the objects to go")


# -- what people do with it


async def test_likes_count_people(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    for who, likes in ((ben, 1), (ben, 1), (anna, 2)):
        assert (await who.put(f"{path}/like")).json["likes"] == likes
    assert (await ben.get(path)).json["liked"] is True
    assert (await ben.delete(f"{path}/like")).json["likes"] == 1
    assert (await ben.delete(f"{path}/like")).json["likes"] == 1
    assert (await ben.get(path)).json["liked"] is False


async def test_views_count_days_of_others(start_server: StartServer, tmp_path: Path) -> None:
    server = await start_server()
    anna, ben = await server.person("anna"), await server.person("ben")
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}/views"
    assert (await anna.post(path, {"seconds": 1})).json["views"] == 0
    assert (await ben.post(path, {"seconds": 1})).json["views"] == 1
    assert (await ben.post(path, {"seconds": 86400})).json["views"] == 1
    server.clock.advance(25 * 3600)
    await ben.sign_in()
    assert (await ben.post(path, {"seconds": 0.5})).json["views"] == 2
    assert (await ben.post(path, {"seconds": -1})).status == 422


async def test_a_share_counts_once_per_key(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}/shares"
    key = {"Idempotency-Key": "k1"}
    for headers, shares in ((key, 1), (key, 1), ({"Idempotency-Key": "k2"}, 2), ({}, 3)):
        answer = await ben.post(path, {"channel": "link"}, headers=headers)
        assert (answer.status, answer.json["shares"]) == (201, shares)
    assert (await ben.post(path, {"channel": "pigeon"})).status == 422


async def test_comments_are_written_read_and_deleted(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    written = [await ben.post(f"{path}/comments", {"text": f"comment {n}"}) for n in range(3)]
    first = await ben.post(f"{path}/comments", {"text": "once"}, headers={"Idempotency-Key": "c"})
    again = await ben.post(f"{path}/comments", {"text": "once"}, headers={"Idempotency-Key": "c"})
    assert first.json == again.json
    page = (await anna.get(f"{path}/comments?limit=3")).json
    rest = (await anna.get(f"{path}/comments?limit=3&cursor={page['next_cursor']}")).json
    assert [c["text"] for c in page["items"] + rest["items"]] == ["once", "comment 2", "comment 1", "comment 0"]
    assert rest["next_cursor"] is None
    assert page["items"][0]["author"]["username"] == "ben"
    carl = await server.person("carl")
    ids = [answer.json["id"] for answer in written]
    assert (await carl.delete(f"{path}/comments/{ids[0]}")).status == 403
    assert (await ben.delete(f"{path}/comments/{ids[0]}")).status == 204
    assert (await anna.delete(f"{path}/comments/{ids[1]}")).status == 204
    assert (await anna.delete(f"{path}/comments/{ids[1]}")).status == 404
    assert (await anna.get(path)).json["comments"] == 2
    for text in ("", "  ", "x" * 501):
        assert (await ben.post(f"{path}/comments", {"text": text})).status == 422


async def test_people_who_blocked_one_another_do_not_read_each_other_s_comments(
    server: Server, anna: Person, ben: Person, tmp_path: Path
) -> None:
    carl = await server.person("carl")
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}/comments"
    await ben.post(path, {"text": "from ben"})
    await carl.put("/api/v1/blocks/ben")
    assert (await carl.get(path)).json["items"] == []
    assert len((await anna.get(path)).json["items"]) == 1


# -- takedown


async def test_a_takedown_hides_a_video_everywhere_at_once_and_can_be_taken_back(
    server: Server, anna: Person, ben: Person, tmp_path: Path
) -> None:
    video_id = await keep(server, anna, tmp_path)
    path, target = f"/api/v1/videos/{video_id}", TakedownTarget("video", video_id)
    shown = (await ben.get(path)).json
    assert await server.app.videos.owner_of(target) == anna.id
    async with server.app.db.write() as conn:
        await server.app.videos.disable(conn, target, "copyright")
    await server.app.videos.disabled_now(target)
    for address in (shown["file"], shown["poster"], shown["download"]):
        assert (await server.call("GET", address)).status == 451
    for part in ("", "/download", "/stream", "/poster.jpg", "/comments"):
        assert (await ben.get(path + part)).status == 451
    assert (await ben.post(f"{path}/shares", {"channel": "link"})).status == 451
    assert (await ben.put(f"{path}/like")).status == 451
    assert (await ben.get("/api/v1/videos?owner=anna")).json["items"] == []
    assert (await ben.get("/api/v1/feed?scope=discover")).json["items"] == []
    own = (await anna.get(path)).json
    assert (own["status"], own["removed_reason"], own["file"], own["poster"], own["download"]) == ("removed", "copyright", None, None, None)
    assert (await anna.get(f"{path}/download")).status == 451
    async with server.app.db.write() as conn:
        await server.app.videos.enable(conn, target)
    assert (await server.call("GET", shown["file"])).status == 200
    assert len((await ben.get("/api/v1/feed?scope=discover")).json["items"]) == 1


async def test_a_comment_can_be_taken_down(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    comment = (await ben.post(f"{path}/comments", {"text": "rude"})).json
    target = TakedownTarget("comment", comment["id"])
    assert await server.app.comments.owner_of(target) == ben.id
    for change, count in ((server.app.comments.disable, 0), (server.app.comments.enable, 1)):
        for _ in range(2):
            async with server.app.db.write() as conn:
                await (change(conn, target, "rude") if count == 0 else change(conn, target))  # type: ignore[call-arg, arg-type]
        assert len((await anna.get(f"{path}/comments")).json["items"]) == count
        assert (await anna.get(path)).json["comments"] == count


async def test_erasing_an_account_takes_its_acts_out_of_the_counters(server: Server, anna: Person, ben: Person, tmp_path: Path) -> None:
    path = f"/api/v1/videos/{await keep(server, anna, tmp_path)}"
    await ben.put(f"{path}/like")
    await ben.post(f"{path}/comments", {"text": "hello"})
    for _ in range(2):
        await server.app.talk.erase(ben.id)
        seen = (await anna.get(path)).json
        assert (seen["likes"], seen["comments"]) == (0, 0)
    await server.app.videos.erase(anna.id)
    assert (await anna.get(path)).status == 404
