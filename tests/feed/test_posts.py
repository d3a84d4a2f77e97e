"""What people say under posts and which they like, through the public interface: the same service as under videos."""

import io
import json
import zipfile
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from livecore.talk.comments import PER_PERSON_LIMIT
from livecore.talk.tables import comment_like, content_comment, content_like
from tests.conftest import StartServer
from tests.feed.test_talk import kinds, notices
from tests.library.sending import send
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def write(author: Person, text: str = "Hello", **fields: Any) -> str:
    made = await author.post("/api/v1/posts", {"text": text, **fields})
    assert made.status == 201, made
    return f"/api/v1/posts/{made.json['id']}"


async def counts(reader: Person, path: str) -> tuple[int, int, int, bool]:
    found = (await reader.get(path)).json
    return found["likes"], found["comments"], found["shares"], found["liked"]


async def test_likes_of_a_post_count_people_and_say_who(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    path = await write(anna)
    for who, likes in ((ben, 1), (ben, 1), (carl, 2)):
        answer = await who.put(f"{path}/like")
        assert (answer.status, answer.json) == (200, {"views": 0, "likes": likes, "comments": 0, "shares": 0})
        server.clock.advance(1)
    assert await counts(ben, path) == (2, 0, 0, True)
    assert await counts(anna, path) == (2, 0, 0, False)
    (item,) = (await anna.get("/api/v1/feed?scope=home")).json["items"]
    assert (item["likes"], item["liked"]) == (2, False)
    assert [(kind, data) for kind, data in await notices(anna) if kind == "like"] == [("like", {"post": path.rpartition("/")[2]})]
    first = (await anna.get(f"{path}/likes?limit=1")).json
    rest = (await anna.get(f"{path}/likes?limit=1&cursor={first['next_cursor']}")).json
    assert [one["username"] for page in (first, rest) for one in page["items"]] == ["carl", "ben"]
    assert (await ben.delete(f"{path}/like")).json["likes"] == 1
    assert (await ben.delete(f"{path}/like")).json["likes"] == 1
    assert [one["username"] for one in (await ben.get(f"{path}/likes")).json["items"]] == ["carl"]


async def test_a_thread_under_a_post_its_notices_and_its_end(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    path = await write(anna)
    post_id = path.rpartition("/")[2]
    key = {"Idempotency-Key": "once"}
    first = (await ben.post(f"{path}/comments", {"text": "  first, @carl  "}, headers=key)).json
    assert (first["text"], first["post"], first["video"], first["parent"]) == ("first, @carl", post_id, None, None)
    assert (await ben.post(f"{path}/comments", {"text": "first, @carl"}, headers=key)).json == first
    answer = (await carl.post(f"{path}/comments", {"text": "answer", "parent": first["id"]})).json
    assert answer["parent"] == first["id"]
    liked = await anna.put(f"{path}/comments/{answer['id']}/like")
    assert (liked.status, liked.json["likes"], liked.json["liked"]) == (200, 1, True)
    assert await counts(ben, path) == (0, 2, 0, False)
    told = {"post": post_id, "comment": first["id"]}
    assert ("comment", told) in await notices(anna)
    assert ("mention", told) in await notices(carl)
    assert await kinds(ben, "reply") == ["reply"]
    assert await kinds(carl, "comment_like") == ["comment_like"]
    assert (await carl.delete(f"{path}/comments/{first['id']}")).status == 403
    for reader, refused in ((ben, {"text": ""}), (ben, {"text": "x" * 501}), (ben, {"text": "x", "parent": "0" * 32})):
        assert (await reader.post(f"{path}/comments", refused)).status == 422
    assert (await anna.delete(f"{path}/comments/{first['id']}")).status == 204  # the post's author
    assert (await carl.get(f"{path}/comments")).json["items"] == []
    assert await counts(ben, path) == (0, 0, 0, False)
    # With the post everything goes that hung on it.
    await ben.post(f"{path}/comments", {"text": "again"})
    await ben.put(f"{path}/like")
    assert (await anna.delete(path)).status == 204
    async with server.app.db.read() as conn:
        for table in (content_comment, content_like, comment_like):
            assert (await conn.execute(select(table).where(table.c.content_id == post_id))).all() == []


async def test_who_may_comment_on_a_post(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    await server.befriend(anna, ben)
    path = await write(anna, who_can_comment="friends")

    async def statuses() -> list[int]:
        return [(await who.post(f"{path}/comments", {"text": "now"})).status for who in (anna, ben, carl)]

    assert await statuses() == [201, 201, 403]
    assert (await carl.post(f"{path}/comments", {"text": "x"})).type == "comments_limited"
    assert (await anna.patch(path, {"who_can_comment": "nobody"})).json["who_can_comment"] == "nobody"
    assert await statuses() == [201, 403, 403]
    assert (await anna.patch(path, {"who_can_comment": None})).json["who_can_comment"] is None
    assert await statuses() == [201, 201, 201]
    assert (await anna.patch("/api/v1/me/settings", {"who_can_comment": "friends"})).status == 200
    assert await statuses() == [201, 201, 403]
    hidden = await write(anna, visibility="friends")
    for answer in (
        await carl.post(f"{hidden}/comments", {"text": "x"}),
        await carl.put(f"{hidden}/like"),
        await carl.get(f"{hidden}/likes"),
    ):
        assert answer.status == 404


async def test_people_blocked_either_way_do_not_meet_under_a_post(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    path = await write(anna)
    mine = (await ben.post(f"{path}/comments", {"text": "mine"})).json["id"]
    await ben.put(f"{path}/like")

    async def seen(reader: Person) -> tuple[list[str], list[str]]:
        comments, likes = await reader.get(f"{path}/comments"), await reader.get(f"{path}/likes")
        return [one["author"]["username"] for one in comments.json["items"]], [one["username"] for one in likes.json["items"]]

    for one, other in ((carl, ben), (ben, carl)):
        assert await seen(carl) == (["ben"], ["ben"])
        await one.put(f"/api/v1/blocks/{other.username}")
        assert await seen(carl) == ([], [])
        assert (await carl.put(f"{path}/comments/{mine}/like")).status == 404
        assert (await carl.post(f"{path}/comments", {"text": "x", "parent": mine})).status == 422
        await one.delete(f"/api/v1/blocks/{other.username}")
    for one, other in ((anna, ben), (ben, anna)):  # the author and a reader
        await one.put(f"/api/v1/blocks/{other.username}")
        assert await seen(anna) == ([], [])
        for answer in (
            await ben.get(f"{path}/comments"),
            await ben.get(f"{path}/likes"),
            await ben.put(f"{path}/like"),
            await ben.post(f"{path}/comments", {"text": "x"}),
            await ben.delete(f"{path}/comments/{mine}"),
        ):
            assert answer.status == 404
        await one.delete(f"/api/v1/blocks/{other.username}")
    assert await seen(anna) == (["ben"], ["ben"])


async def test_a_comment_under_a_post_is_reported_and_taken_down(server: Server) -> None:
    anna, ben, mona = await server.person("anna"), await server.person("ben"), await server.person("mona", staff="moderator")
    path = await write(anna)
    comment = (await ben.post(f"{path}/comments", {"text": "rude words"})).json["id"]
    reported = await anna.post("/api/v1/reports", {"target": {"kind": "comment", "id": comment}, "reason": "harassment"})
    assert reported.status == 201, reported
    case = (await mona.get("/api/v1/admin/reports")).json["items"][0]
    decided = await mona.post(f"/api/v1/admin/reports/{case['id']}/decision", {"decision": "remove", "reason": "rude"})
    assert decided.status == 200, decided
    assert "rude words" not in (await anna.get(f"{path}/comments")).body.decode()
    assert await counts(anna, path) == (0, 0, 0, False)
    assert "takedown" in [kind for kind, _ in await notices(ben)]


async def test_acts_under_posts_are_exported_and_erased_with_their_counters(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    path = await write(anna)
    comment = (await ben.post(f"{path}/comments", {"text": "the marker of ben"})).json
    await ben.put(f"{path}/like")
    await anna.post(f"{path}/comments", {"text": "an answer", "parent": comment["id"]})
    asked = (await ben.post("/api/v1/me/exports")).json

    async def ready() -> dict[str, Any] | None:
        one: dict[str, Any] = (await ben.get(f"/api/v1/me/exports/{asked['id']}")).json
        return one if one["state"] == "ready" else None

    archive = await server.call("GET", (await until(ready, "the export"))["download"])
    with zipfile.ZipFile(io.BytesIO(archive.body)) as found:
        (written,) = json.loads(found.read("data/comments/content_comment.json"))
        (liked,) = json.loads(found.read("data/likes/content_like.json"))
    assert (written["text"], written["kind"], liked["content_id"]) == ("the marker of ben", "post", path.rpartition("/")[2])
    await server.app.erasure.erase(ben.id)
    await server.app.erasure.erase(ben.id)
    assert await counts(anna, path) == (0, 0, 0, False)
    other = await server.person("carl")
    await other.put(f"{path}/like")
    await server.app.erasure.erase(anna.id)
    async with server.app.db.read() as conn:
        for table in (content_comment, content_like):
            assert (await conn.execute(select(table))).all() == []


async def test_one_person_says_so_much_under_one_post(server: Server) -> None:
    anna = await server.person("anna")
    path = await write(anna)
    rows = [
        {"id": f"{n:032x}", "kind": "post", "content_id": path.rpartition("/")[2], "author_id": anna.id, "text": "x", "created_ms": 1}
        for n in range(PER_PERSON_LIMIT)
    ]
    async with server.app.db.write() as conn:
        await conn.execute(content_comment.insert(), rows)
    full = await anna.post(f"{path}/comments", {"text": "one more"})
    assert (full.status, full.type) == (409, "too_many_comments")


async def test_comments_are_limited_in_time(start_server: StartServer) -> None:
    server = await start_server(rate_scale=0.2)
    anna = await server.person("anna")
    path = await write(anna)
    answers = [await anna.post(f"{path}/comments", {"text": "x"}) for _ in range(13)]
    assert [answer.status for answer in answers] == [201] * 12 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


async def test_a_picture_of_a_post_says_what_it_shows(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    image = await send(anna, picture.getvalue(), filetype="image/png", purpose="image")
    assert (await anna.patch(image, {"alt": "  A boat at sea  "})).json["alt"] == "A boat at sea"
    assert (await ben.patch(image, {"alt": "mine"})).status == 403
    assert (await anna.patch(image, {"alt": "x" * 501})).status == 422
    path = await write(anna, "", images=[image.rpartition("/")[2]])
    assert (await ben.get(path)).json["images"][0]["alt"] == "A boat at sea"


async def test_a_posts_tag_follows_its_counters_and_its_version_guards_it(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    path = await write(anna)
    before = (await anna.get(path)).headers["ETag"]
    assert (await anna.get(path, headers={"If-None-Match": before})).status == 304
    await ben.put(f"{path}/like")
    assert (await anna.get(path, headers={"If-None-Match": before})).status == 200
    assert (await anna.patch(path, {"text": "edited"}, headers={"If-Match": before})).status == 200
    for answer in (
        await anna.patch(path, {"text": "x"}, headers={"If-Match": before}),
        await anna.delete(path, headers={"If-Match": before}),
    ):
        assert answer.status == 412
    await ben.post(f"{path}/shares", {"channel": "link"}, headers={"Idempotency-Key": "s"})
    await ben.post(f"{path}/shares", {"channel": "link"}, headers={"Idempotency-Key": "s"})
    assert await counts(anna, path) == (1, 0, 1, False)


@pytest.mark.postgres
async def test_posts_are_liked_and_talked_about_on_postgresql(start_server: StartServer, postgres_url: str) -> None:
    server = await start_server(database_url=postgres_url)
    anna, ben = await server.person("anna"), await server.person("ben")
    path = await write(anna)
    comment = (await ben.post(f"{path}/comments", {"text": "hi"}, headers={"Idempotency-Key": "c"})).json
    assert (await ben.post(f"{path}/comments", {"text": "hi"}, headers={"Idempotency-Key": "c"})).json == comment
    for _ in range(2):
        assert (await ben.put(f"{path}/like")).json == {"views": 0, "likes": 1, "comments": 1, "shares": 0}
        assert (await anna.put(f"{path}/comments/{comment['id']}/like")).json["likes"] == 1
    assert [one["username"] for one in (await anna.get(f"{path}/likes")).json["items"]] == ["ben"]
    await server.app.erasure.erase(ben.id)
    assert await counts(anna, path) == (0, 0, 0, False)
