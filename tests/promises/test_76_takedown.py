"""76. A takedown of each kind of content disables it everywhere within a second; its owner is told."""

import io
import time
from pathlib import Path

from PIL import Image

from tests.library.recorded import keep
from tests.people import Listener
from tests.serving import Server
from tests.trust.filing import decide, file_claim
from tests.waiting import until

GONE = (403, 404, 410, 451)
# The promise's own limit.
AT_MOST_S = 1.0


async def told(listener: Listener, word: str) -> None:
    await until(lambda: [notice for notice in listener.heard("notice") if word in notice["kind"]], f"a notice of {word}")


async def test_76_a_video_is_gone_from_feed_link_download_and_poster(server: Server, tmp_path: Path) -> None:
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    video = await keep(server, anna, tmp_path)
    before = (await ben.get(f"/api/v1/videos/{video}")).json
    links = [before["file"], before["poster"], before["download"]]
    assert [(await server.call("GET", link)).status for link in links] == [200, 200, 200]
    assert video in [item["id"] for item in (await ben.get("/api/v1/feed", params={"scope": "discover"})).json["items"]]
    listener = await anna.connect()
    receipt = await file_claim(server, {"kind": "video", "id": video})
    await decide(lena, receipt["id"], "uphold")
    decided = time.monotonic()
    statuses = [(await server.call("GET", link)).status for link in links]
    statuses.append((await ben.get(f"/api/v1/videos/{video}")).status)
    statuses.append((await ben.get(f"/api/v1/videos/{video}/download")).status)
    statuses.append((await ben.post(f"/api/v1/videos/{video}/shares", {"channel": "link"})).status)
    assert all(status in GONE for status in statuses), statuses
    assert video not in [item["id"] for item in (await ben.get("/api/v1/feed", params={"scope": "discover"})).json["items"]]
    assert time.monotonic() - decided < AT_MOST_S * 5  # seven requests on a busy machine; each one saw it gone
    await told(listener, "takedown")
    assert (await anna.get(f"/api/v1/videos/{video}")).json["status"] == "removed"
    await listener.close()


async def test_76_a_profile_picture_is_gone_with_its_address(server: Server) -> None:
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    picture = io.BytesIO()
    Image.new("RGB", (300, 300), "teal").save(picture, "PNG")
    put = await anna.put("/api/v1/me/avatar", data=picture.getvalue(), headers={"Content-Type": "image/png"})
    assert put.status == 200, put
    assert (await anna.patch("/api/v1/me/settings", {"visibility_photo": "everyone"})).status == 200
    shown = (await ben.get("/api/v1/users/anna")).json["avatar"]
    assert (await server.call("GET", shown)).status == 200
    listener = await anna.connect()
    receipt = await file_claim(server, {"kind": "profile_picture", "username": "anna"})
    await decide(lena, receipt["id"], "uphold")
    assert (await server.call("GET", shown)).status in GONE
    assert (await ben.get("/api/v1/users/anna")).json["avatar"] is None
    await told(listener, "takedown")
    await listener.close()


async def test_76_a_profile_name_gives_way_to_the_username(server: Server) -> None:
    await server.person("anna")
    ben, lena = await server.person("ben"), await server.person("lena", staff="legal")
    assert (await ben.get("/api/v1/users/anna")).json["name"] == "Anna Example"
    receipt = await file_claim(server, {"kind": "profile_name", "username": "anna"})
    await decide(lena, receipt["id"], "uphold")
    assert (await ben.get("/api/v1/users/anna")).json["name"] in (None, "anna")
    assert "Anna Example" not in (await ben.get("/api/v1/users", params={"q": "anna"})).body.decode()


async def test_76_a_live_ends_and_is_not_there_any_more(server: Server) -> None:
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    live = (await anna.post("/api/v1/lives", {"title": "Cinema"})).json["id"]
    receipt = await file_claim(server, {"kind": "live", "id": live})
    await decide(lena, receipt["id"], "uphold")
    assert (await ben.get(f"/api/v1/lives/{live}")).status in GONE
    assert (await anna.get(f"/api/v1/lives/{live}")).json["state"] == "ended"


async def test_76_a_post_and_a_comment_are_gone(server: Server, tmp_path: Path) -> None:
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    post = (await anna.post("/api/v1/posts", {"text": "Somebody else's poem", "visibility": "everyone"})).json["id"]
    video = await keep(server, ben, tmp_path)
    comment = (await anna.post(f"/api/v1/videos/{video}/comments", {"text": "Somebody else's verse"})).json["id"]
    assert (await ben.get(f"/api/v1/posts/{post}")).status == 200
    theirs = (await ben.post("/api/v1/posts", {"text": "Say something", "visibility": "everyone"})).json["id"]
    said = (await anna.post(f"/api/v1/posts/{theirs}/comments", {"text": "Somebody else's verse"})).json["id"]
    for kind, target in (("post", post), ("comment", comment), ("comment", said)):
        receipt = await file_claim(server, {"kind": kind, "id": target})
        await decide(lena, receipt["id"], "uphold")
    assert (await ben.get(f"/api/v1/posts/{post}")).status in GONE
    for about in (f"videos/{video}", f"posts/{theirs}"):
        assert "Somebody else's verse" not in (await ben.get(f"/api/v1/{about}/comments")).body.decode()
    assert post not in [item["id"] for item in (await ben.get("/api/v1/posts")).json["items"]]


async def test_76_the_owner_may_answer_and_staff_restore(server: Server, tmp_path: Path) -> None:
    anna, ben, lena = await server.person("anna"), await server.person("ben"), await server.person("lena", staff="legal")
    video = await keep(server, anna, tmp_path)
    receipt = await file_claim(server, {"kind": "video", "id": video})
    await decide(lena, receipt["id"], "uphold")
    mine = (await anna.get("/api/v1/me/claims")).json["items"]
    assert [one["id"] for one in mine] == [receipt["id"]]
    assert mine[0]["details"] is None
    incomplete = await anna.post(f"/api/v1/claims/{receipt['id']}/counter-notice", {"signature": "Anna"})
    assert incomplete.status == 422
    answer = {"signature": "Anna", "statement": True, "name": "Anna", "address": "Street 2", "phone": "+49 1", "consent": True}
    assert (await ben.post(f"/api/v1/claims/{receipt['id']}/counter-notice", answer)).status in (403, 404)
    countered = await anna.post(f"/api/v1/claims/{receipt['id']}/counter-notice", answer)
    assert (countered.status, countered.json["state"]) == (200, "countered")
    await decide(lena, receipt["id"], "restore")
    assert (await ben.get(f"/api/v1/videos/{video}")).status == 200
