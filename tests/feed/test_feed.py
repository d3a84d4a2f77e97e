"""The feed and posts over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from livecore.ports import TakedownTarget
from tests.feed.seeding import seed_videos
from tests.library.recorded import keep
from tests.people import Person
from tests.serving import Server


async def walk(person: Person, path: str, limit: int) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        page = (await person.get(f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen


async def test_home_is_of_friends_and_oneself_discover_of_everyone(server: Server, tmp_path: Path) -> None:
    anna, ben, carl = await server.person("anna"), await server.person("ben"), await server.person("carl")
    await server.befriend(anna, ben)
    own = await keep(server, ben, tmp_path, visibility="nobody")
    friends = await keep(server, anna, tmp_path, visibility="friends")
    public = await keep(server, carl, tmp_path)
    hidden = await keep(server, anna, tmp_path, visibility="nobody")
    assert await walk(ben, "/api/v1/feed?scope=home", 2) == [friends, own]
    assert await walk(ben, "/api/v1/feed?scope=discover", 2) == [public]
    assert await walk(anna, "/api/v1/feed?scope=home", 1) == [hidden, friends]
    item = (await carl.get("/api/v1/feed?scope=discover")).json["items"][0]
    assert (item["kind"], item["owner"]["username"]) == ("video", "carl")
    assert (await server.call("GET", item["file"])).status == 200


@pytest.mark.parametrize("query", ["scope=best", "limit=0", "limit=51", "limit=x", "cursor=nonsense", "what=1"])
async def test_a_bad_query_is_named(server: Server, query: str) -> None:
    anna = await server.person("anna")
    answer = await anna.get(f"/api/v1/feed?{query}")
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


async def test_a_cursor_works_for_the_list_and_the_person_that_got_it_only(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await seed_videos(server, anna, 5)
    cursor = (await anna.get("/api/v1/feed?scope=discover&limit=2")).json["next_cursor"]
    assert (await anna.get(f"/api/v1/feed?scope=home&cursor={cursor}")).status == 422
    assert (await ben.get(f"/api/v1/feed?scope=discover&cursor={cursor}")).status == 422
    assert (await anna.get(f"/api/v1/posts?cursor={cursor}")).status == 422


async def test_posts_are_written_read_listed_and_deleted(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    first = await anna.post("/api/v1/posts", {"text": "Hello"}, headers={"Idempotency-Key": "p"})
    again = await anna.post("/api/v1/posts", {"text": "Hello"}, headers={"Idempotency-Key": "p"})
    assert (first.status, first.json) == (201, again.json)
    path = first.headers["Location"]
    assert (await ben.get(path)).json["text"] == "Hello"
    private = (await anna.post("/api/v1/posts", {"text": "For me", "visibility": "nobody"})).json
    assert (await ben.get(f"/api/v1/posts/{private['id']}")).status == 404
    assert [post["text"] for post in (await ben.get("/api/v1/posts?scope=discover")).json["items"]] == ["Hello"]
    assert [post["text"] for post in (await ben.get("/api/v1/posts?owner=anna")).json["items"]] == ["Hello"]
    assert await walk(anna, "/api/v1/posts?owner=me", 1) == [private["id"], first.json["id"]]
    assert await walk(anna, "/api/v1/posts?scope=home", 1) == [private["id"], first.json["id"]]
    assert (await ben.delete(path)).status == 403
    assert (await anna.delete(path)).status == 204
    assert (await ben.get(path)).status == 404
    assert (await ben.get("/api/v1/posts?owner=nobody-here")).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a", "visibility": "all"}, "visibility"),
        ({"text": "a", "x": 1}, "x"),
        ({"images": ["0" * 32]}, "images"),
        ({"video": "0" * 32}, "video"),
    ],
)
async def test_a_bad_post_is_refused_by_its_field_and_nothing_is_kept(server: Server, body: dict[str, Any], field: str) -> None:
    anna = await server.person("anna")
    answer = await anna.post("/api/v1/posts", body)
    assert (answer.status, [error["field"] for error in answer.json["errors"]]) == (422, [field])
    assert (await anna.get("/api/v1/posts?owner=me")).json["items"] == []


async def test_a_post_that_was_taken_down_is_hidden_from_others(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    post = (await anna.post("/api/v1/posts", {"text": "Hello"})).json
    target = TakedownTarget("post", post["id"])
    assert await server.app.posts.owner_of(target) == anna.id
    async with server.app.db.write() as conn:
        await server.app.posts.disable(conn, target, "report")
    assert (await ben.get(f"/api/v1/posts/{post['id']}")).status == 451
    assert (await ben.get("/api/v1/posts?scope=discover")).json["items"] == []
    assert (await anna.get(f"/api/v1/posts/{post['id']}")).json["removed"] is True
    async with server.app.db.write() as conn:
        await server.app.posts.enable(conn, target)
    assert (await ben.get(f"/api/v1/posts/{post['id']}")).status == 200
