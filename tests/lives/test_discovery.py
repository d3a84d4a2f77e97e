"""Who is live now: the order and its reasons, and a walk while lives begin and end."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from livecore.lives.ranking import NEWCOMER_EVERY, Known, by_time, ranked
from livecore.lives.tables import live
from tests.people import Person
from tests.serving import Server

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000

LIVES = st.lists(
    st.builds(
        Known,
        id=st.uuids().map(lambda one: one.hex),
        started_ms=st.integers(NOW_MS - 300 * MINUTE_MS, NOW_MS),
        viewers=st.integers(0, 100_000),
        friend=st.booleans(),
        followed=st.booleans(),
        common=st.integers(0, 4),
        former_lives=st.integers(0, 20),
    ),
    unique_by=lambda one: one.id,
    max_size=30,
)


@given(LIVES)
def test_every_live_stands_once_and_the_order_of_the_list_does_not_matter(lives: list[Known]) -> None:
    order = ranked(lives, NOW_MS)
    assert sorted(one.id for one in order) == sorted(one.id for one in lives)
    assert ranked(lives[::-1], NOW_MS) == order


@given(LIVES)
def test_every_fifth_place_is_a_newcomers_while_there_are_any(lives: list[Known]) -> None:
    known = {one.id: one for one in lives}
    order = ranked(lives, NOW_MS)
    for place in range(NEWCOMER_EVERY - 1, len(order), NEWCOMER_EVERY):
        left = [known[one.id] for one in order[place:]]
        assert known[order[place].id].newcomer or not any(one.newcomer for one in left)


def test_whom_one_knows_comes_before_any_crowd_and_each_reason_is_the_strongest() -> None:
    old_ms = NOW_MS - 200 * MINUTE_MS
    lives = [
        Known("crowd", old_ms, 5000, former_lives=9),
        Known("fresh", NOW_MS, 0, former_lives=9),
        Known("friend", old_ms, 1, friend=True, former_lives=9),
        Known("same", old_ms, 1, common=1, former_lives=9),
        Known("followed", old_ms, 1, followed=True, former_lives=9),
        Known("quiet", old_ms, 0, former_lives=0),
    ]
    order = [(one.id, one.reason) for one in ranked(lives, NOW_MS)]
    assert order[:4] == [("friend", "friend"), ("crowd", "popular"), ("followed", "followed"), ("same", "interests")]
    assert order[4] == ("quiet", "newcomer")
    assert next(one.id for one in by_time(lives)) == "fresh"


async def on_air(server: Server, person: Person, title: str, visibility: str = "everyone", started_ms: int | None = None) -> str:
    made = await person.post("/api/v1/lives", {"title": title, "visibility": visibility})
    values = {"state": "live", "started_ms": started_ms or server.clock.at_ms()}
    async with server.app.db.write() as conn:
        await conn.execute(update(live).where(live.c.id == made.json["id"]).values(values))
    return str(made.json["id"])


async def titles(person: Person, **params: str) -> list[tuple[str, Any]]:
    answer = await person.get("/api/v1/discover/lives", params={"reasons": "true"} | params)
    assert answer.status == 200, answer
    return [(item["title"], item["reason"]) for item in answer.json["items"]]


async def test_friends_come_first_and_who_is_hidden_does_not_come(server: Server) -> None:
    anna, ben, cara, dora, blocked = [await server.person(name) for name in ("anna", "ben", "cara", "dora", "blocked")]
    await server.befriend(anna, ben)
    await anna.put("/api/v1/follows/cara")
    await anna.put("/api/v1/blocks/blocked")
    hour_ago = server.clock.at_ms() - 60 * MINUTE_MS
    for person, title, visibility in (
        (ben, "of a friend", "friends"),
        (cara, "of one followed", "everyone"),
        (dora, "of a stranger", "everyone"),
    ):
        await on_air(server, person, title, visibility, hour_ago)
    await on_air(server, dora, "for her friends", "friends")
    await on_air(server, dora, "for nobody", "nobody")
    await on_air(server, blocked, "of somebody blocked")
    await on_air(server, anna, "mine")
    found = await titles(anna)
    assert found == [("of a friend", "friend"), ("of one followed", "followed"), ("of a stranger", "fresh")]
    assert [title for title, _ in await titles(blocked)] == ["of one followed", "of a stranger"]
    without = (await anna.get("/api/v1/discover/lives")).json["items"]
    assert {item["reason"] for item in without} == {None}
    # Plainly by time for who wants nothing chosen.
    await on_air(server, dora, "just begun")
    await anna.patch("/api/v1/me/settings", {"personalised": False})
    assert (await titles(anna))[0] == ("just begun", "fresh")


async def test_interests_viewers_and_newcomers_count_as_they_do(server: Server) -> None:
    anna, *hosts = [await server.person(name) for name in ("anna", "alike", "crowd", "begun", "former", "newcomer", "last")]
    alike, _, begun, former, newcomer, last = hosts
    for host in hosts:
        # Who was live five times is no newcomer any more.
        for _ in range(0 if host is newcomer else 5):
            ended = await on_air(server, host, "former")
            assert (await host.post(f"/api/v1/lives/{ended}/end")).status == 200
    await anna.patch("/api/v1/me", {"interests": ["chess", "hiking"]})
    await alike.patch("/api/v1/me", {"interests": ["#Chess", "hiking"]})
    hours_ago = server.clock.at_ms() - 200 * MINUTE_MS
    ids = {host.username: await on_air(server, host, host.username, started_ms=None if host is begun else hours_ago) for host in hosts}
    sockets = [await viewer.connect() for viewer in (former, newcomer, last)]
    for socket in sockets:
        assert (await socket.call("live:join", {"live": ids["crowd"]}))["ok"]
    # A single viewer each: less than the crowd's, and more than the newcomer's none.
    for socket, live_id in zip(sockets, (ids["last"], ids["former"], ids["former"]), strict=True):
        assert (await socket.call("live:join", {"live": live_id}))["ok"]
    order = await titles(anna)
    assert order[:3] == [("alike", "interests"), ("begun", "fresh"), ("crowd", "popular")]
    assert [title for title, _ in order[3:]] == ["former", "newcomer", "last"]
    assert order[4] == ("newcomer", "newcomer")
    # Interests that a profile hides are no reason.
    await alike.patch("/api/v1/me/settings", {"visibility_status": "friends"})
    assert "interests" not in [reason for _, reason in await titles(anna)]
    # Nothing of it for who limits the use of their data: plainly by time.
    await anna.patch("/api/v1/me/settings", {"restrict": True})
    assert {reason for _, reason in await titles(anna)} == {"fresh"}
    for socket in sockets:
        await socket.close()


async def test_who_is_muted_is_not_among_the_lives_that_are_on_but_is_found_and_watched(server: Server) -> None:
    anna, loud, calm, late = [await server.person(name) for name in ("anna", "loud", "calm", "late")]
    await server.befriend(anna, loud)
    muted_live = await on_air(server, loud, "loud live")
    await on_air(server, calm, "calm live")
    await on_air(server, late, "late live")
    first = (await anna.get("/api/v1/discover/lives", params={"limit": "1"})).json
    assert [item["title"] for item in first["items"]] == ["loud live"]
    for name in ("loud", "late"):
        assert (await anna.put(f"/api/v1/feed/muted/{name}")).status == 204
    assert [title for title, _ in await titles(anna)] == ["calm live"]
    # Also on the next page of a walk that began before.
    rest = (await anna.get("/api/v1/discover/lives", params={"cursor": first["next_cursor"]})).json["items"]
    assert [item["title"] for item in rest] == ["calm live"]
    # No block: what is asked for by itself is there, and the other sees what they saw.
    assert (await anna.get(f"/api/v1/lives/{muted_live}")).status == 200
    found = (await anna.get("/api/v1/search", params={"q": "loud", "kind": "people"})).json["people"]
    assert [one["username"] for one in found] == ["loud"]
    await on_air(server, anna, "mine")
    assert "mine" in [title for title, _ in await titles(loud)]
    assert (await anna.delete("/api/v1/feed/muted/loud")).status == 204
    assert {title for title, _ in await titles(anna)} == {"loud live", "calm live"}


async def test_a_walk_repeats_nothing_and_leaves_out_what_ended_or_was_blocked(server: Server) -> None:
    anna, *hosts = [await server.person(f"host{number}") for number in range(7)]
    ids = [await on_air(server, host, f"live {number}") for number, host in enumerate(hosts)]
    first = (await anna.get("/api/v1/discover/lives", params={"limit": "2"})).json
    seen = [item["id"] for item in first["items"]]
    left = [live_id for live_id in ids if live_id not in seen]
    ended, gone = left[0], left[1]
    assert (await hosts[ids.index(ended)].post(f"/api/v1/lives/{ended}/end")).status == 200
    await anna.put(f"/api/v1/blocks/{hosts[ids.index(gone)].username}")
    await on_air(server, hosts[ids.index(ended)], "begun meanwhile")
    cursor = first["next_cursor"]
    while cursor:
        page = (await anna.get("/api/v1/discover/lives", params={"limit": "2", "cursor": cursor})).json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(set(ids) - {ended, gone})
    assert (await hosts[0].get("/api/v1/discover/lives", params={"cursor": first["next_cursor"]})).status == 422
