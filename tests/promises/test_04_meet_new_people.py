"""4. Meet new people: "interact with new people"."""

from tests.conftest import StartServer
from tests.people import Person
from tests.serving import Server
from tests.waiting import until


async def suggested(person: Person) -> list[str]:
    answer = await person.get("/api/v1/discover/people", params={"limit": "50"})
    assert answer.status == 200, answer
    return [item["user"]["username"] for item in answer.json["items"]]


async def test_04_strangers_are_suggested_and_nobody_else(server: Server) -> None:
    names = ("anna", "friend", "blocked", "blocker", "hidden", "suspended", "asked", "declined", "leaving", "stranger")
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


async def test_04_requests_are_limited(start_server: StartServer) -> None:
    server = await start_server(rate_scale=0.5)
    anna = await server.person("anna")
    statuses = [(await anna.post("/api/v1/friend-requests", {"username": "nobody"})).status for _ in range(102)]
    assert statuses == [404] * 100 + [429] * 2
