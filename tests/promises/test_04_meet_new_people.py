"""4. Meet new people: "interact with new people"."""

from pathlib import Path

from tests.clocks import ShiftedClock
from tests.conftest import StartServer
from tests.library.recorded import keep
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def suggested(person: Person) -> list[str]:
    answer = await person.get("/api/v1/discover/people", params={"limit": "50"})
    assert answer.status == 200, answer
    return [item["user"]["username"] for item in answer.json["items"]]


async def test_04_strangers_are_suggested_and_nobody_else(server: Server) -> None:
    names = ("anna", "friend", "blocked", "blocker", "hidden", "suspended", "asked", "declined", "decliner", "leaving", "muted", "stranger")
    people = {name: await server.person(name) for name in names}
    unconfirmed = await server.person("unconfirmed", verify=False)
    anna = people["anna"]
    assert sorted(await suggested(anna)) == sorted(set(names) - {"anna"})

    await server.befriend(anna, people["friend"])
    # Also as friends of a friend these are not suggested.
    for name in ("hidden", "suspended", "leaving"):
        await server.befriend(people["friend"], people[name])
    await anna.put("/api/v1/blocks/blocked")
    await people["blocker"].put("/api/v1/blocks/anna")
    await people["hidden"].patch("/api/v1/me/settings", {"discoverable_by_name": "nobody"})
    await anna.post("/api/v1/friend-requests", {"username": "asked"})
    request = await people["declined"].post("/api/v1/friend-requests", {"username": "anna"})
    await anna.post(f"/api/v1/friend-requests/{request.json['id']}/decline")
    request = await anna.post("/api/v1/friend-requests", {"username": "decliner"})
    await people["decliner"].post(f"/api/v1/friend-requests/{request.json['id']}/decline")
    await anna.put("/api/v1/feed/muted/muted")
    async with server.app.db.write() as conn:
        await server.app.accounts.suspend(conn, people["suspended"].id)
    assert (await people["leaving"].delete("/api/v1/me", json={})).status == 202
    assert await suggested(anna) == ["stranger"]
    assert unconfirmed.username not in await suggested(people["stranger"])


async def test_04_friends_of_friends_come_first_with_the_reason(server: Server) -> None:
    anna, ben, cara, dora = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    await server.person("newest")
    await server.befriend(anna, ben)
    await server.befriend(anna, cara)
    await server.befriend(ben, dora)
    await server.befriend(cara, dora)
    items = (await anna.get("/api/v1/discover/people")).json["items"]
    assert [(item["user"]["username"], item["reason"], item["mutual"]) for item in items] == [
        ("dora", "mutual_friends", 2),
        ("newest", "new_here", 0),
    ]
    # Somebody blocked is no bridge.
    await anna.put("/api/v1/blocks/cara")
    items = (await anna.get("/api/v1/discover/people")).json["items"]
    assert [(item["user"]["username"], item["mutual"]) for item in items] == [("dora", 1), ("newest", 0)]


async def test_04_a_friend_request_reaches_the_other_at_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    hers, his = await anna.connect(), await ben.connect()
    asked = await anna.post("/api/v1/friend-requests", {"username": "ben"})
    assert asked.status == 201
    await until(lambda: his.heard("friend:request"), "the request")
    event = his.heard("friend:request")[0]
    assert (event["id"], event["user"]["username"], event["user"]["name"]) == (asked.json["id"], "anna", "Anna Example")
    await ben.post(f"/api/v1/friend-requests/{asked.json['id']}/accept")
    await until(lambda: hers.heard("friend:accepted"), "the answer")
    assert hers.heard("friend:accepted")[0]["user"]["username"] == "ben"
    for listener in (hers, his):
        await listener.close()


async def test_04_who_takes_no_requests_gets_none(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    await ben.patch("/api/v1/me/settings", {"who_can_request": "nobody"})
    answer = await anna.post("/api/v1/friend-requests", {"username": "ben"})
    assert (answer.status, answer.type) == (403, "requests_closed")
    assert not (await anna.get("/api/v1/users/ben")).json["can_request"]
    # Whom he asks himself may answer.
    assert (await ben.post("/api/v1/friend-requests", {"username": "cara"})).status == 201
    assert (await cara.post("/api/v1/friend-requests", {"username": "ben"})).json["status"] == "accepted"


async def test_04_requests_of_a_day_are_limited_also_over_a_restart(start_server: StartServer, tmp_path: Path) -> None:
    clock = ShiftedClock()
    server = await start_server(clock=clock, data_dir=tmp_path / "kept")
    anna = await server.person("anna")
    # Two hundred a day, a twentieth of it here.
    server.app.platform.quota.scale = 0.05

    async def asked(times: int) -> list[int]:
        return [(await anna.post("/api/v1/friend-requests", {"username": "nobody"})).status for _ in range(times)]

    assert await asked(6) == [404] * 6
    await server.stop()
    server = anna.server = await start_server(clock=clock, data_dir=tmp_path / "kept")
    server.app.platform.quota.scale = 0.05
    assert await asked(5) == [404] * 4 + [429]
    # A friend link is no way round it.
    assert (await anna.post("/api/v1/friend-links/accept", {"token": "x" * 38})).status == 429
    clock.advance(86_400 + 3600)
    await anna.sign_in()
    assert await asked(1) == [404]


async def reasons(person: Person) -> dict[str, tuple[str, int, list[str]]]:
    items = (await person.get("/api/v1/discover/people", params={"limit": "50"})).json["items"]
    return {item["user"]["username"]: (item["reason"], item["mutual"], item["interests"]) for item in items}


async def test_04_each_is_suggested_with_a_reason_that_their_settings_let_be_told(server: Server) -> None:
    names = ("anna", "ben", "contact", "mutual", "alike", "near", "newcomer")
    people = {name: await server.person(name) for name in names}
    anna = people["anna"]
    await server.befriend(anna, people["ben"])
    await server.befriend(people["ben"], people["mutual"])
    await anna.patch("/api/v1/me", {"interests": ["chess", "Hiking"], "region": "AT-9"})
    for name in ("alike", "mutual"):
        await people[name].patch("/api/v1/me", {"interests": ["#Hiking", "opera"]})
    await people["near"].patch("/api/v1/me", {"region": "AT-9"})
    await anna.post("/api/v1/contacts", {"authorized": True, "add": [people["contact"].phone]})
    assert list((await reasons(anna)).items()) == [
        ("contact", ("contact", 0, [])),
        ("mutual", ("mutual_friends", 1, [])),
        ("alike", ("common_interests", 0, ["hiking"])),
        ("near", ("nearby", 0, [])),
        ("newcomer", ("new_here", 0, [])),
    ]
    # A reason must not tell what a profile would not.
    for name in ("alike", "near"):
        await people[name].patch("/api/v1/me/settings", {"visibility_status": "friends"})
    await people["contact"].patch("/api/v1/me/settings", {"discoverable_by_phone": "nobody", "discoverable_by_name": "nobody"})
    told = await reasons(anna)
    assert {name: told[name][0] for name in ("alike", "near")} == {"alike": "new_here", "near": "new_here"}
    assert "contact" not in told
    # Who limits the use of their data is given none of these reasons.
    for name in ("alike", "near"):
        await people[name].patch("/api/v1/me/settings", {"visibility_status": "everyone"})
    await anna.patch("/api/v1/me/settings", {"restrict": True})
    assert {reason for reason, _, _ in (await reasons(anna)).values()} == {"mutual_friends", "new_here"}


async def test_04_who_is_reported_or_under_review_is_not_suggested(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    boss = await server.person("boss", staff="moderator")
    report = await anna.post("/api/v1/reports", {"target": {"kind": "user", "username": "ben"}, "reason": "spam"})
    assert report.status in (200, 201), report
    assert "ben" not in await suggested(anna)
    assert "anna" not in await suggested(ben)
    # One person's word keeps the two apart, and nobody else from anybody; several people's does.
    assert "ben" in await suggested(cara)
    for name in ("dora", "emma"):
        other = await server.person(name)
        await other.post("/api/v1/reports", {"target": {"kind": "user", "username": "ben"}, "reason": "spam"})
    assert "ben" not in await suggested(cara)
    (case,) = (await boss.get("/api/v1/admin/reports")).json["items"]
    await boss.post(f"/api/v1/admin/reports/{case['id']}/decision", {"decision": "dismiss", "reason": "nothing in it"})
    assert "ben" in await suggested(cara)
    assert "ben" not in await suggested(anna)


async def test_04_friends_in_common_are_those_whom_both_have(server: Server) -> None:
    anna, ben, cara, dora = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    for friend in (cara, dora):
        await server.befriend(anna, friend)
        await server.befriend(ben, friend)
    found = (await anna.get("/api/v1/users/ben/mutual-friends")).json
    assert (sorted(person["username"] for person in found["items"]), found["total"]) == (["cara", "dora"], 2)
    # That two are friends is told if either of them shows it: by default they do to their own friends.
    hides = {"visibility_friends": "nobody"}
    await ben.patch("/api/v1/me/settings", hides)
    await dora.patch("/api/v1/me/settings", hides)
    found = (await anna.get("/api/v1/users/ben/mutual-friends")).json
    assert ([person["username"] for person in found["items"]], found["total"]) == (["cara"], 1)
    suggested_to = {item["user"]["username"]: item["mutual"] for item in (await anna.get("/api/v1/discover/people")).json["items"]}
    assert suggested_to == {"ben": 1}
    await ben.patch("/api/v1/me/settings", {"visibility_friends": "everyone"})
    assert (await anna.get("/api/v1/users/ben/mutual-friends")).json["total"] == 2
    await ben.put("/api/v1/blocks/dora")
    found = (await anna.get("/api/v1/users/ben/mutual-friends", params={"limit": "1"})).json
    assert ([person["username"] for person in found["items"]], found["total"]) == (["cara"], 1)
    await anna.put("/api/v1/blocks/ben")
    assert (await ben.get("/api/v1/users/anna/mutual-friends")).status == 404
    assert (await anna.get("/api/v1/users/ben/mutual-friends")).json == {"items": [], "total": 0}


async def test_04_open_requests_are_limited(start_server: StartServer) -> None:
    server = await start_server(friend_requests_open=2)
    anna, *others = [await server.person(name) for name in ("anna", "ben", "cara", "dora")]
    asked = [await anna.post("/api/v1/friend-requests", {"username": other.username}) for other in others]
    assert [answer.status for answer in asked] == [201, 201, 409]
    assert asked[2].type == "too_many_requests"
    assert (await anna.delete(f"/api/v1/friend-requests/{asked[0].json['id']}")).status == 204
    assert (await anna.post("/api/v1/friend-requests", {"username": "dora"})).status == 201


async def test_04_who_watched_the_same_is_suggested_if_both_let_it_be_used(server: Server, tmp_path: Path) -> None:
    anna, ben, maker = [await server.person(name) for name in ("anna", "ben", "maker")]
    videos = [await keep(server, maker, tmp_path) for _ in range(2)]
    for video in videos:
        for person in (anna, ben):
            assert (await person.post(f"/api/v1/videos/{video}/views", {"seconds": 1})).status in (200, 201)
    items = {item["user"]["username"]: item for item in (await anna.get("/api/v1/discover/people")).json["items"]}
    assert (items["ben"]["reason"], items["ben"]["watched"]) == ("watched_together", 2)
    assert items["maker"]["reason"] == "new_here"
    await ben.patch("/api/v1/me/settings", {"personalised": False})
    assert (await reasons(anna))["ben"][0] == "new_here"
    await ben.patch("/api/v1/me/settings", {"personalised": True})
    await anna.patch("/api/v1/me/settings", {"personalised": False})
    assert (await reasons(anna))["ben"][0] == "new_here"
