"""The order of `discover`, as tables, and through the server."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.feed.ranking import REPEAT_FACTOR, Item, Viewer, engagement, rank
from tests.clocks import FakeClock
from tests.conftest import StartServer
from tests.feed.seeding import seed_videos
from tests.promises.test_41_watch_time import beat

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000

PLAIN = Item("video", "a", "owner-a", NOW_MS - HOUR_MS, length_ms=60_000, watched_ms=600_000, views=20)
OTHER = replace(PLAIN, id="b", owner_id="owner-b")


@pytest.mark.parametrize(
    ("better", "viewer", "quality"),
    [
        pytest.param(replace(PLAIN, at_ms=NOW_MS), Viewer(), {}, id="fresher"),
        pytest.param(replace(PLAIN, watched_ms=1_100_000), Viewer(), {}, id="watched to the end"),
        pytest.param(replace(PLAIN, likes=10), Viewer(), {}, id="liked"),
        pytest.param(replace(PLAIN, shares=10), Viewer(), {}, id="shared"),
        pytest.param(PLAIN, Viewer(friends=frozenset({"owner-a"})), {}, id="a friend's"),
        pytest.param(PLAIN, Viewer(followed=frozenset({"owner-a"})), {}, id="of one followed"),
        pytest.param(PLAIN, Viewer(creators={"owner-a": 0.3}), {}, id="of a creator watched before"),
        pytest.param(replace(PLAIN, tags=("bread",)), Viewer(tags={"bread": 0.3}), {}, id="about what was watched before"),
        pytest.param(PLAIN, Viewer(), {"owner-a": 0.9}, id="of a creator whose videos are watched"),
        pytest.param(replace(PLAIN, views=2, watched_ms=60_000), Viewer(), {}, id="of a newcomer"),
        pytest.param(PLAIN, Viewer(seen={"b": 1.0}), {}, id="not seen yet"),
        pytest.param(PLAIN, Viewer(unwanted=frozenset({"owner-b"})), {}, id="not of whom did not interest"),
    ],
)
def test_what_comes_first(better: Item, viewer: Viewer, quality: dict[str, float]) -> None:
    ordered = rank([OTHER, better], viewer, quality, NOW_MS)
    assert [one.item.id for one in ordered] == ["a", "b"]
    assert ordered[0].score > ordered[1].score


@pytest.mark.parametrize(
    ("item", "viewer", "reason"),
    [
        (replace(PLAIN, at_ms=NOW_MS), Viewer(), "fresh"),
        (PLAIN, Viewer(friends=frozenset({"owner-a"})), "close"),
        (PLAIN, Viewer(tags={"x": 0.5}), "engaging"),
        (replace(PLAIN, tags=("x",)), Viewer(tags={"x": 0.5}), "interests"),
        (replace(PLAIN, views=0, watched_ms=0, at_ms=NOW_MS - 400 * HOUR_MS), Viewer(), "new_creator"),
    ],
)
def test_the_reasons_are_told(item: Item, viewer: Viewer, reason: str) -> None:
    assert reason in rank([item], viewer, {}, NOW_MS)[0].reasons


def test_engagement_is_watch_time_over_length_and_average_while_few_have_seen_it() -> None:
    known = replace(PLAIN, views=1000, watched_ms=30_000 * 1000)
    assert engagement(known) == pytest.approx(0.5, abs=0.01)
    assert engagement(replace(PLAIN, views=1, watched_ms=60_000)) < 0.5
    assert engagement(replace(known, watched_ms=10**12)) == 1.0


def test_one_creator_does_not_fill_the_page() -> None:
    many = [replace(PLAIN, id=f"a{n}", at_ms=NOW_MS) for n in range(6)]
    others = [replace(PLAIN, id=f"o{n}", owner_id=f"owner-{n}", at_ms=NOW_MS - 6 * HOUR_MS) for n in range(3)]
    owners = [one.item.owner_id for one in rank(many + others, Viewer(), {}, NOW_MS)]
    assert owners[0] == "owner-a"
    assert len(set(owners[:4])) == 4
    assert REPEAT_FACTOR < 1


@given(
    st.lists(
        st.builds(
            Item,
            st.just("video"),
            st.text("abcdef", min_size=1, max_size=6),
            st.sampled_from(["x", "y", "z"]),
            st.integers(0, NOW_MS * 2),
            st.integers(0, 10**7),
            st.integers(0, 10**9),
            st.integers(0, 10**6),
            st.integers(0, 10**6),
        ),
        unique_by=lambda item: item.id,
        max_size=30,
    )
)
def test_every_item_once_and_the_same_order_whatever_order_they_come_in(items: list[Item]) -> None:
    once = rank(items, Viewer(), {}, NOW_MS)
    assert sorted(one.item.id for one in once) == sorted(item.id for item in items)
    assert once == rank(items[::-1], Viewer(), {}, NOW_MS)


async def test_the_feed_ranks_by_these_parts_and_says_so(start_server: StartServer) -> None:
    """Through the server: what friends made, what is watched to its end, how its creator does, room for newcomers, no two of one
    creator where there are others, what was seen and what does not interest later; plain by time for who wants it so."""
    server = await start_server(clock=FakeClock())
    anna, friend, star, dull, nova = [await server.person(name) for name in ("anna", "friend", "star", "dull", "nova")]
    await server.befriend(anna, friend)
    day_ms = 24 * HOUR_MS
    old = {"published_ms": server.clock.at_ms() - 3 * day_ms}
    (of_friend,) = await seed_videos(server, friend, 1, **old)
    loved = await seed_videos(server, star, 3, views=50, watched_ms=50 * 55_000, **old)
    left = await seed_videos(server, dull, 3, views=50, watched_ms=50 * 2_000, **old)
    (fresh,) = await seed_videos(server, nova, 1)
    await seed_videos(server, nova, 1, views=40, watched_ms=0, **old)

    async def read() -> tuple[list[str], dict[str, list[str]], list[str]]:
        page = (await anna.get("/api/v1/feed?scope=discover&explain=true")).json
        return [item["id"] for item in page["items"]], page["reasons"], [item["owner"]["username"] for item in page["items"]]

    order, reasons, owners = await read()
    assert len(order) == 9
    assert "close" in reasons[of_friend]
    assert {"fresh", "new_creator"} <= set(reasons[fresh])
    assert all({"engaging", "creator"} <= set(reasons[one]) for one in loved)
    assert not any("engaging" in reasons[one] for one in left)
    assert set(owners[:3]) == {"friend", "star", "nova"}
    assert {order.index(one) for one in left} <= set(range(4, 9))
    # Seen to its end, it comes after the others of its creator, and what they make is of interest.
    seen = next(one for one in order if one in loved)
    for _ in range(6):
        server.clock.advance(10)
        await beat(anna, seen, 10, source="feed")
    order, reasons, _ = await read()
    assert max(loved, key=order.index) == seen
    assert order[0] in loved
    assert any("interests" in reasons[one] for one in loved if one != seen)
    # What does not interest is out, and of its creator the rest comes later.
    await anna.put(f"/api/v1/feed/not-interested/{of_friend}")
    await anna.put(f"/api/v1/feed/not-interested/{seen}")
    order, _, owners = await read()
    assert not {of_friend, seen} & set(order)
    assert owners[0] != "star"
    assert (await anna.patch("/api/v1/me/settings", {"personalised": False})).status == 200
    page = (await anna.get("/api/v1/feed?scope=discover&explain=true")).json
    assert page["items"][0]["id"] == fresh
    times = [item["published_at"] for item in page["items"]]
    assert times == sorted(times, reverse=True)
    assert not any(page["reasons"].values())
