"""One of each thing that somebody can own here, out of others' sight, by the kind of its id."""

from tests.calls.test_calls import ring
from tests.feed.seeding import seed_videos
from tests.library.sending import begin, send
from tests.people import Person
from tests.promises.test_60_preserve import hold_of
from tests.rooms.media_files import photo
from tests.rooms.talk import group, say
from tests.rooms.test_attachments import give
from tests.serving import Server
from tests.trust.filing import copyright_claim
from tests.waiting import until


async def belongings_of(server: Server, anna: Person, cara: Person) -> dict[str, str]:
    """What is anna's, shown to her friend cara at most. `claim` and `case` are about her, `hold` keeps what is hers."""
    await anna.patch("/api/v1/me/settings", {"visibility_photo": "friends"})
    await server.befriend(anna, cara)
    made: dict[str, str] = {"user": anna.username}
    (made["video"],) = await seed_videos(server, anna, 1, visibility="friends")
    made["comment"] = (await cara.post(f"/api/v1/videos/{made['video']}/comments", {"text": "Hers"})).json["id"]
    made["upload"] = (await begin(anna, 100)).rpartition("/")[2]
    made["image"] = (await send(anna, photo(), purpose="image", filename="p.jpg", visibility="friends")).rpartition("/")[2]
    made["post"] = (await anna.post("/api/v1/posts", {"text": "Mine", "visibility": "friends"})).json["id"]
    made["post_comment"] = (await cara.post(f"/api/v1/posts/{made['post']}/comments", {"text": "Hers"})).json["id"]
    made["live"] = (await anna.post("/api/v1/lives", {"title": "Mine", "visibility": "friends"})).json["id"]
    made["session"] = (await anna.get("/api/v1/me/sessions")).json["items"][0]["id"]
    answer = await anna.call("PUT", "/api/v1/me/avatar", data=photo("red"), headers={"Content-Type": "image/jpeg"})
    made["avatar"] = answer.json["avatar"].partition("?")[0].rpartition("/")[2]
    dora = await server.person()
    made["request"] = (await anna.post("/api/v1/friend-requests", {"username": dora.username})).json["id"]
    made["link"] = (await anna.post("/api/v1/friend-links", {})).json["id"]
    made["export"] = (await anna.post("/api/v1/me/exports")).json["id"]
    made["conversation"] = await group(anna, cara)
    invite = (await anna.post(f"/api/v1/conversations/{made['conversation']}/invites", {})).json
    made["invite"] = invite["id"]
    await anna.call(
        "PUT", f"/api/v1/conversations/{made['conversation']}/picture", data=photo("blue"), headers={"Content-Type": "image/jpeg"}
    )
    a, c = await anna.connect(), await cara.connect()
    made["message"] = (await say(a, made["conversation"], "Between us"))["id"]
    made["attachment"] = (await give(anna, made["conversation"], photo("green")))["id"]
    made["call"] = await ring(a, c, cara.username)
    pushed = await anna.put("/api/v1/me/push", {"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/anna"})
    assert pushed.status == 204, pushed
    return made | {"notice": await _notice(anna)} | await _with_staff(server, anna, cara, made["video"])


async def _notice(anna: Person) -> str:
    await anna.sign_in({"id": "device-anna-2", "name": "Another"})

    async def told() -> list[str]:
        return [one["id"] for one in (await anna.get("/api/v1/me/notices")).json["items"]]

    return (await until(told, "a notice of the new sign-in"))[0]


async def _with_staff(server: Server, anna: Person, cara: Person, video: str) -> dict[str, str]:
    claim = (await server.call("POST", "/api/v1/claims", copyright_claim({"kind": "video", "id": video}))).json["id"]
    body = {"target": {"kind": "user", "username": anna.username}, "reason": "spam"}
    assert (await cara.post("/api/v1/reports", body)).status == 201
    admin = await server.person("asking", staff="admin")
    (case,) = [one["id"] for one in (await admin.get("/api/v1/admin/reports")).json["items"]]
    hold = (await admin.post("/api/v1/admin/holds", hold_of(server, anna.username))).json["id"]
    return {"claim": claim, "case": case, "hold": hold}
