"""6. Feed: "browse through the feed"."""

from collections.abc import Awaitable, Callable

import pytest

from tests.feed.seeding import seed_posts, seed_videos
from tests.library import media
from tests.library.sending import sent
from tests.people import Person
from tests.serving import Server
from tests.trust.test_reports import open_cases, report

SEEDED = 1000


async def walk(person: Person, scope: str, during: Callable[[int], Awaitable[None]]) -> list[str]:
    """Every id to the end of the feed, in the order in which they came."""
    seen: list[str] = []
    cursor, pages = None, 0
    while True:
        answer = await person.get(f"/api/v1/feed?scope={scope}&limit=50" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status == 200, answer
        seen += [item["id"] for item in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return seen
        await during(pages)
        pages += 1


@pytest.mark.parametrize(("scope", "personalised"), [("home", True), ("discover", True), ("discover", False)])
async def test_06_a_walk_while_others_publish_repeats_nothing_and_misses_nothing(server: Server, scope: str, personalised: bool) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    await server.befriend(anna, ben)
    await anna.patch("/api/v1/me/settings", {"personalised": personalised})
    there = await seed_videos(server, ben, SEEDED)
    there += await seed_posts(server, ben, 60)

    async def others_publish(page: int) -> None:
        await seed_videos(server, ben, 3, title="late")
        assert (await carl.post("/api/v1/posts", {"text": f"meanwhile {page}"})).status == 201

    seen = await walk(anna, scope, others_publish)
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)


@pytest.mark.parametrize("scope", ["home", "discover"])
async def test_06_what_was_blocked_or_deleted_a_moment_ago_does_not_come(server: Server, scope: str) -> None:
    anna, ben, carl = [await server.person(name) for name in ("anna", "ben", "carl")]
    for friend in (ben, carl):
        await server.befriend(anna, friend)
    of_ben, of_carl = await seed_videos(server, ben, 150), await seed_videos(server, carl, 150)
    blocked_after: list[str] = []
    gone: list[str] = []

    async def block_and_delete(page: int) -> None:
        if page == 0:
            assert (await anna.put(f"/api/v1/blocks/{ben.username}")).status == 204
            for video_id in of_carl[:40]:
                assert (await carl.delete(f"/api/v1/videos/{video_id}")).status == 204
                gone.append(video_id)
            blocked_after.append("now")

    first = (await anna.get(f"/api/v1/feed?scope={scope}&limit=50")).json["items"]
    seen = await walk(anna, scope, block_and_delete)
    assert blocked_after
    after = set(seen[50:])
    assert not after & set(of_ben)
    assert not after & set(gone)
    assert len(seen) == len(set(seen))
    left = set(of_carl) - set(gone) - {item["id"] for item in first}
    assert left <= set(seen)


async def test_06_a_cursor_is_ones_own_and_cannot_be_made_up(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await seed_videos(server, ben, 30)
    cursor = (await anna.get("/api/v1/feed?scope=discover&limit=5")).json["next_cursor"]
    assert (await anna.get(f"/api/v1/feed?scope=discover&limit=5&cursor={cursor}")).status == 200
    for person, scope, changed in ((ben, "discover", cursor), (anna, "home", cursor), (anna, "discover", cursor[:-2] + "AA")):
        assert (await person.get(f"/api/v1/feed?scope={scope}&limit=5&cursor={changed}")).status == 422


@pytest.mark.parametrize("scope", ["home", "discover"])
async def test_06_a_walk_goes_on_while_films_are_uploaded_staff_removes_one_and_somebody_is_blocked(server: Server, scope: str) -> None:
    anna, ben, carl, dora = [await server.person(name) for name in ("anna", "ben", "carl", "dora")]
    mona = await server.person("mona", staff="moderator")
    for friend in (ben, carl, dora):
        await server.befriend(anna, friend)
    of_dora = await seed_videos(server, dora, 100, step_ms=60)
    of_ben = await seed_videos(server, ben, SEEDED)
    # The lowest of the walk, so that it is still to come when it goes.
    (removed,) = await seed_videos(server, ben, 1, published_ms=server.app.clock.at_ms() - 600_000)
    uploaded: list[str] = []

    async def meanwhile(page: int) -> None:
        if page < 3:
            uploaded.append((await sent(carl, media.faststart(), title=f"Film {page}", visibility="everyone"))["id"])
        if page == 0:
            assert (await carl.post("/api/v1/reports", report({"kind": "video", "id": removed}))).status == 201
            (case,) = await open_cases(mona)
            decided = {"decision": "remove", "reason": "Against the terms."}
            assert (await mona.post(f"/api/v1/admin/reports/{case['id']}/decision", decided)).status == 200
            assert (await anna.put("/api/v1/blocks/dora")).status == 204

    seen = await walk(anna, scope, meanwhile)
    assert len(seen) == len(set(seen))
    assert set(of_ben) <= set(seen)
    assert not set(seen[50:]) & set(of_dora)
    assert removed not in seen[50:]
    anew = [item["id"] for item in (await anna.get("/api/v1/feed?scope=home&limit=3")).json["items"]]
    assert anew == uploaded[::-1]
