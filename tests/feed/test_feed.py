"""The feed and posts over HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from livecore.feed.service import Feed
from livecore.ids import new_id
from livecore.library.feed_source import VideoFeed
from livecore.library.tables import video
from livecore.ports import FeedEntry, Principal, TakedownTarget
from tests.library.recorded import keep
from tests.people import Person
from tests.serving import Server


async def seed(server: Server, owner: Person, count: int, visibility: str = "everyone", step_ms: int = 7) -> list[str]:
    """Ready videos straight into the table, several in the same millisecond, oldest first."""
    now_ms = server.app.clock.at_ms()
    ids = [new_id() for _ in range(count)]
    rows = [
        {
            "id": video_id,
            "owner_id": owner.id,
            "title": f"video {n}",
            "visibility": visibility,
            "allow_download": True,
            "status": "ready",
            "progress": 1.0,
            "media_type": "video/webm",
            "object_key": f"videos/{owner.id}/{video_id}/original.webm",
            "created_ms": now_ms - (count - n) // 3 * step_ms,
            "published_ms": now_ms - (count - n) // 3 * step_ms,
        }
        for n, video_id in enumerate(ids)
    ]
    async with server.app.db.write() as conn:
        await conn.execute(insert(video), rows)
    return ids


async def walk(person: Person, path: str, limit: int, during: Any = None) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        page = (await person.get(f"{path}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return seen
        if during is not None:
            await during()


async def test_a_walk_repeats_nothing_and_loses_nothing_while_others_publish(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    there = await seed(server, anna, 100)

    async def publish() -> None:
        await seed(server, anna, 3)

    for limit in (7, 50):
        seen = await walk(ben, "/api/v1/feed?scope=discover", limit, publish)
        assert len(seen) == len(set(seen))
        assert set(there) <= set(seen)


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


async def test_a_block_or_a_takedown_takes_items_out_of_the_next_page(server: Server) -> None:
    anna, ben, carl = await server.person("anna"), await server.person("ben"), await server.person("carl")
    ids = await seed(server, anna, 3)
    others = await seed(server, carl, 2)
    async with server.app.db.write() as conn:
        await server.app.videos.disable(conn, TakedownTarget("video", ids[1]), "copyright")
    assert set(await walk(ben, "/api/v1/feed?scope=discover", 10)) == {ids[0], ids[2], *others}
    await ben.put("/api/v1/blocks/anna")
    assert set(await walk(ben, "/api/v1/feed?scope=discover", 10)) == set(others)
    assert set(await walk(anna, "/api/v1/feed?scope=discover", 10)) == {ids[0], ids[2], *others}


@pytest.mark.parametrize("query", ["scope=best", "limit=0", "limit=51", "limit=x", "cursor=nonsense", "what=1"])
async def test_a_bad_query_is_named(server: Server, query: str) -> None:
    anna = await server.person("anna")
    answer = await anna.get(f"/api/v1/feed?{query}")
    assert answer.status == 422
    assert answer.json["errors"][0]["field"] == query.partition("=")[0]


async def test_a_cursor_works_for_the_list_and_the_person_that_got_it_only(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await seed(server, anna, 5)
    cursor = (await anna.get("/api/v1/feed?scope=discover&limit=2")).json["next_cursor"]
    assert (await anna.get(f"/api/v1/feed?scope=home&cursor={cursor}")).status == 422
    assert (await ben.get(f"/api/v1/feed?scope=discover&cursor={cursor}")).status == 422
    assert (await anna.get(f"/api/v1/posts?cursor={cursor}")).status == 422


# -- lives among videos


class Lives:
    """A source of items that were not stored: the port's promise in a few lines."""

    def __init__(self, entries: list[tuple[int, str, str]]) -> None:
        self.there = [FeedEntry("live", i, owner, at, "everyone") for at, i, owner in sorted(entries, reverse=True)]

    kind = "live"

    async def newest(self, owners: frozenset[str] | None, before: tuple[int, str], limit: int, *, after_ms: int = 0) -> list[FeedEntry]:
        return [entry for entry in self.there if (entry.at_ms, entry.id) < before and entry.at_ms >= after_ms][:limit]

    async def entries(self, ids: Sequence[str]) -> list[FeedEntry]:
        return [entry for entry in self.there if entry.id in ids]


async def test_lives_and_videos_come_in_one_order_of_time(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    videos = await seed(server, anna, 9)
    now_ms = server.app.clock.at_ms()
    lives = [(now_ms - 5, "f" * 32, anna.id), (now_ms - 8, "a" * 32, ben.id), (now_ms - 90_000, "0" * 32, anna.id)]
    app = server.app
    sources = [VideoFeed(app.db), Lives(lives)]
    feed = Feed(app.relations, app.directory, app.follows, app.choices, app.views, app.clock, sources, ranked=False)
    me = Principal(ben.id, "ben", "s", "d")
    seen: list[FeedEntry] = []
    place = None
    while True:
        page = await feed.page(me, "discover", 2, place)
        seen += page.entries
        place = page.next
        if place is None:
            break
    assert [(entry.at_ms, entry.id) for entry in seen] == sorted(((entry.at_ms, entry.id) for entry in seen), reverse=True)
    assert sorted(entry.id for entry in seen) == sorted(videos + [live[1] for live in lives])


# -- posts


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
    "body", [{}, {"text": ""}, {"text": "x" * 2001}, {"text": 5}, {"text": "a", "visibility": "all"}, {"text": "a", "x": 1}]
)
async def test_a_bad_post_is_refused_and_nothing_is_kept(server: Server, body: dict[str, Any]) -> None:
    anna = await server.person("anna")
    assert (await anna.post("/api/v1/posts", body)).status == 422
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
