"""Comments, mentions and choices through the feed's public interface: who may, who is told, what goes with what."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from livecore.feed import service
from livecore.feed.ranking import Ranked
from livecore.ports import TakedownTarget
from livecore.rest.feed import FeedList
from tests.feed.seeding import seed_posts, seed_videos
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def notices(person: Person) -> list[tuple[str, dict[str, Any]]]:
    return [(notice["kind"], notice["data"]) for notice in (await person.get("/api/v1/me/notices")).json["items"]]


async def kinds(person: Person, *wanted: str) -> list[str]:
    return sorted(kind for kind, _ in await notices(person) if kind in wanted)


async def test_a_thread_is_one_level_deep_and_goes_with_its_comment(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    (video_id,) = await seed_videos(server, anna, 1)
    path = f"/api/v1/videos/{video_id}/comments"
    first = (await ben.post(path, {"text": "first"})).json
    answer = (await carl.post(path, {"text": "answer", "parent": first["id"]})).json
    deeper = (await anna.post(path, {"text": "deeper", "parent": answer["id"]})).json
    assert answer["parent"] == deeper["parent"] == first["id"]
    assert [one["text"] for one in (await ben.get(f"{path}?parent={first['id']}")).json["items"]] == ["answer", "deeper"]
    (shown,) = (await ben.get(path)).json["items"]
    assert shown["replies"] == 2
    assert (await anna.get(f"/api/v1/videos/{video_id}")).json["comments"] == 3
    assert (await ben.post(path, {"text": "x", "parent": "0" * 32})).status == 422
    assert (await carl.delete(f"{path}/{first['id']}")).status == 403
    assert (await carl.delete(f"{path}/{answer['id']}")).status == 204
    assert (await ben.get(path)).json["items"][0]["replies"] == 1
    assert (await ben.delete(f"{path}/{first['id']}")).status == 204
    assert (await anna.get(path)).json["items"] == []
    assert (await anna.get(f"/api/v1/videos/{video_id}")).json["comments"] == 0


async def test_likes_of_comments_count_people_and_are_told_once(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    (video_id,) = await seed_videos(server, anna, 1)
    path = f"/api/v1/videos/{video_id}/comments"
    comment = f"{path}/{(await ben.post(path, {'text': 'hi'})).json['id']}/like"
    for who, likes in ((anna, 1), (anna, 1), (carl, 2), (ben, 3)):
        answer = await who.put(comment)
        assert (answer.status, answer.json["likes"], answer.json["liked"]) == (200, likes, True)
    assert (await anna.delete(comment)).json["likes"] == 2
    assert (await anna.delete(comment)).json["likes"] == 2
    assert await kinds(ben, "comment_like") == ["comment_like"]


async def test_who_may_comment_by_account_and_by_video(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    await server.befriend(anna, ben)
    (video_id,) = await seed_videos(server, anna, 1)
    path = f"/api/v1/videos/{video_id}/comments"
    assert (await anna.patch("/api/v1/me/settings", {"who_can_comment": "friends"})).status == 200
    assert (await ben.post(path, {"text": "friend"})).status == 201
    refused = await carl.post(path, {"text": "stranger"})
    assert (refused.status, refused.type) == (403, "comments_limited")
    for audience, statuses in (("everyone", (201, 201)), ("nobody", (403, 403))):
        assert (await anna.patch(f"/api/v1/videos/{video_id}", {"who_can_comment": audience})).status == 200
        assert tuple([(await who.post(path, {"text": "now"})).status for who in (ben, carl)]) == statuses
    assert (await anna.post(path, {"text": "mine"})).status == 201


async def test_notices_honour_blocks_and_settings(server: Server) -> None:
    anna, ben, carl, dora = [await server.person(name) for name in ("anna", "ben", "carl", "dora")]
    (video_id,) = await seed_videos(server, anna, 1)
    path = f"/api/v1/videos/{video_id}/comments"
    first = (await ben.post(path, {"text": "see @carl and @dora"})).json
    await carl.post(path, {"text": "answer", "parent": first["id"]})
    assert await kinds(anna, "comment") == ["comment", "comment"]
    assert await kinds(ben, "reply", "comment") == ["reply"]
    assert await kinds(carl, "mention") == await kinds(dora, "mention") == ["mention"]
    await dora.put("/api/v1/blocks/ben")
    await carl.patch("/api/v1/me/settings", {"who_can_mention": "friends"})
    await anna.patch("/api/v1/me/settings", {"notify_comments": False, "notify_mentions": False})
    await ben.post(path, {"text": "again @carl @dora @anna @ben"})
    assert (await ben.post("/api/v1/posts", {"text": "for me alone, @carl", "visibility": "nobody"})).status == 201
    assert await kinds(anna, "comment", "mention") == ["comment", "comment"]
    assert await kinds(carl, "mention") == await kinds(dora, "mention") == ["mention"]
    for who in (anna, ben, carl, dora):
        assert not any(
            set(data) - {"video", "comment", "post"} for kind, data in await notices(who) if kind in ("comment", "reply", "mention")
        )


async def test_what_somebody_muted_does_is_told_by_no_notice(server: Server) -> None:
    """Each notice that another person's act makes, and the events of friends; whoever mutes hears the same of others, and of them again."""
    anna, loud, other = [await server.person(name) for name in ("anna", "loud", "other")]
    assert (await anna.put("/api/v1/feed/muted/loud")).status == 204
    listener = await anna.connect()

    async def heard_of(person: Person) -> list[str]:
        """What anna is told of what the person does to what she just made."""
        (video_id,) = await seed_videos(server, anna, 1)
        post = (await anna.post("/api/v1/posts", {"text": "here"})).json["id"]
        comments = f"/api/v1/videos/{video_id}/comments"
        mine = (await anna.post(comments, {"text": "first"})).json["id"]
        before, told = len(await notices(anna)), len(listener.events)
        for what in (f"/api/v1/videos/{video_id}/like", f"/api/v1/posts/{post}/like", f"{comments}/{mine}/like"):
            assert (await person.put(what)).status == 200
        for text in ({"text": "well"}, {"text": "so", "parent": mine}, {"text": "I say, @anna"}):
            assert (await person.post(comments, text)).status == 201
        assert (await person.post("/api/v1/posts", {"text": "hear, @anna"})).status == 201
        assert (await person.put("/api/v1/follows/anna")).status == 204
        asked = await person.post("/api/v1/friend-requests", {"username": "anna"})
        assert asked.status == 201
        # It waits in her list all the same.
        assert asked.json["id"] in [one["id"] for one in (await anna.get("/api/v1/friend-requests")).json["items"]]
        assert (await person.delete(f"/api/v1/friend-requests/{asked.json['id']}")).status == 204
        # What comes after it shows that nothing of it is late.
        await server.app.signals.to_account(anna.id, "after", {})
        await until(lambda: "after" in [name for name, _ in listener.events[told:]], "what comes after it")
        events = [name for name, _ in listener.events[told:] if name.startswith("friend:")]
        now = [kind for kind, _ in await notices(anna)]
        return sorted(now[: len(now) - before] + events)

    everything = ["comment", "comment", "comment_like", "friend:request", "like", "like", "mention", "reply"]
    assert await heard_of(loud) == []
    assert await heard_of(other) == everything
    assert (await anna.delete("/api/v1/feed/muted/loud")).status == 204
    assert await heard_of(loud) == everything
    await listener.close()


async def test_each_kind_of_notice_has_a_switch_of_its_own(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    (video_id,) = await seed_videos(server, anna, 1)
    path = f"/api/v1/videos/{video_id}"
    mine = (await anna.post(f"{path}/comments", {"text": "first"})).json["id"]
    await anna.patch("/api/v1/me/settings", {"notify_likes": False})
    await ben.put(f"{path}/like")
    await ben.put(f"{path}/comments/{mine}/like")
    await ben.post(f"{path}/comments", {"text": "well"})
    assert await kinds(anna, "like", "comment_like", "comment") == ["comment"]
    await anna.patch("/api/v1/me/settings", {"notify_likes": True, "notify_comments": False})
    for what in (f"{path}/like", f"{path}/comments/{mine}/like"):
        await ben.delete(what)
        await ben.put(what)
    await ben.post(f"{path}/comments", {"text": "again"})
    assert sorted(await kinds(anna, "like", "comment_like", "comment")) == ["comment", "comment_like", "like"]


async def test_what_was_hidden_or_muted_is_not_shown_until_it_is_taken_back(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    posts = await seed_posts(server, anna, 3)
    await server.befriend(anna, ben)

    async def shown(scope: str) -> set[str]:
        return {item["id"] for item in (await ben.get(f"/api/v1/feed?scope={scope}")).json["items"]}

    async def muted() -> list[str]:
        return [one["username"] for one in (await ben.get("/api/v1/feed/muted")).json["items"]]

    for what in (f"hidden/{posts[0]}", f"not-interested/{posts[1]}", "muted/anna"):
        for _ in range(2):
            assert (await ben.put(f"/api/v1/feed/{what}")).status == 204
        assert await muted() == (["anna"] if what == "muted/anna" else [])
        left_out = (await ben.get("/api/v1/feed/hidden")).json["items"]
        assert [(one["choice"], one["item"]["id"]) for one in left_out] == (
            [] if what == "muted/anna" else [("hide" if what.startswith("hidden") else "not_interested", what.rpartition("/")[2])]
        )
        gone = set(posts) if what.startswith("muted") else {what.rpartition("/")[2]}
        for scope in ("home", "discover"):
            assert await shown(scope) == set(posts) - gone
        for _ in range(2):
            assert (await ben.delete(f"/api/v1/feed/{what}")).status == 204
        assert await shown("home") == set(posts)
    assert await muted() == []
    # Each page goes on where the last ended; what may not be seen any more is not shown here either.
    for post in posts:
        await ben.put(f"/api/v1/feed/hidden/{post}")
    first = (await ben.get("/api/v1/feed/hidden?limit=2")).json
    rest = (await ben.get(f"/api/v1/feed/hidden?limit=2&cursor={first['next_cursor']}")).json
    assert [one["item"]["id"] for one in (*first["items"], *rest["items"])] == posts[::-1]
    assert rest["next_cursor"] is None
    assert (await ben.get("/api/v1/feed/hidden?cursor=made-up")).status == 422
    await anna.delete(f"/api/v1/posts/{posts[1]}")
    assert [one["item"]["id"] for one in (await ben.get("/api/v1/feed/hidden")).json["items"]] == [posts[2], posts[0]]
    assert (await ben.put("/api/v1/feed/muted/ben")).status == 409
    assert (await ben.put(f"/api/v1/feed/hidden/{'0' * 32}")).status == 404
    await anna.put("/api/v1/blocks/ben")
    assert (await ben.put("/api/v1/feed/muted/anna")).status == 404
    assert (await ben.put(f"/api/v1/feed/hidden/{posts[0]}")).status == 404


async def test_every_answer_of_the_feed_fits_its_model(server: Server, tmp_path: Path) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    (video_id,) = await seed_videos(server, anna, 1)
    await anna.post("/api/v1/posts", {"text": "with #film", "video": video_id})
    await anna.post("/api/v1/lives", {"title": "On the air"})
    await server.befriend(anna, ben)
    for query in ("scope=home", "scope=discover", "scope=discover&explain=1", "scope=home&limit=1"):
        answer = await ben.get(f"/api/v1/feed?{query}")
        read = TypeAdapter(FeedList).validate_python(answer.json, extra="forbid")
        assert read.items
        assert read.model_dump(mode="json") == answer.json


async def test_reasons_of_every_page_come_from_the_one_ranking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    posts = [(await anna.post("/api/v1/posts", {"text": f"Number {n}", "visibility": "everyone"})).json["id"] for n in range(5)]
    rankings = 0
    rank = service.rank

    def counted(*given: Any) -> list[Ranked]:
        nonlocal rankings
        rankings += 1
        return rank(*given)

    monkeypatch.setattr(service, "rank", counted)
    path, reasons = "/api/v1/feed?scope=discover&limit=2&explain=1", {}
    page = (await ben.get(path)).json
    reasons |= page["reasons"]
    while page["next_cursor"]:
        page = (await ben.get(f"{path}&cursor={page['next_cursor']}")).json
        reasons |= page["reasons"]
    assert set(reasons) == set(posts)
    assert all(reasons.values())
    assert all("fresh" in some for some in reasons.values())
    assert rankings == 1


async def test_search_shows_what_may_be_seen_now(server: Server) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    await server.befriend(anna, ben)

    async def found(who: Person, query: str = "walrus") -> set[str]:
        return {item["id"] for item in (await who.get("/api/v1/search", params={"q": query, "kind": "posts"})).json["items"]}

    open_one = (await anna.post("/api/v1/posts", {"text": "A Walrus #Sea"})).json["id"]
    friends = (await anna.post("/api/v1/posts", {"text": "walrus", "visibility": "friends"})).json["id"]
    await anna.post("/api/v1/posts", {"text": "walrus", "visibility": "nobody"})
    assert await found(ben) == {open_one, friends}
    assert await found(carl) == await found(carl, "#sea") == await found(carl, "walr") == {open_one}
    target = TakedownTarget("post", open_one)
    async with server.app.db.write() as conn:
        await server.app.posts.disable(conn, target, "report")
    assert await found(carl) == set()
    async with server.app.db.write() as conn:
        await server.app.posts.enable(conn, target)
    for who in (anna, carl):  # a block either way
        other = carl if who is anna else anna
        await who.put(f"/api/v1/blocks/{other.username}")
        assert await found(carl) == set()
        await who.delete(f"/api/v1/blocks/{other.username}")
    assert (await anna.patch(f"/api/v1/posts/{open_one}", {"text": "a seal"})).status == 200
    assert (await found(carl), await found(carl, "seal")) == (set(), {open_one})
    assert (await anna.delete(f"/api/v1/posts/{open_one}")).status == 204
    assert await found(carl, "seal") == set()


@pytest.mark.parametrize(
    "query", ['"', "a OR", "NEAR(", "*", "'; DROP", "tags:x", "\u0301", "🙂", "a" * 100, unicodedata.normalize("NFD", "é")]
)
async def test_an_odd_query_is_a_query(server: Server, query: str) -> None:
    anna = await server.person("anna")
    assert (await anna.get("/api/v1/search", params={"q": query})).status == 200
