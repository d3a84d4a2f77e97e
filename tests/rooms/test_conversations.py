"""Groups, broadcast lists, requests and blocks, through the public interfaces."""

from tests.rooms.talk import bodies, direct, friends, group, hears, nothing_held, received, refusal, rows, say, synced
from tests.serving import Server
from tests.waiting import until


async def test_a_direct_conversation_is_there_once_for_each_pair(either_server: Server) -> None:
    anna, ben = await friends(either_server, "anna", "ben")
    first = await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["ben"]})
    second = await ben.post("/api/v1/conversations", {"kind": "direct", "members": ["anna"]})
    assert (first.status, second.status) == (201, 200)
    assert first.json["id"] == second.json["id"]
    assert {member["user"]["username"] for member in first.json["members"]} == {"anna", "ben"}
    assert (await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["anna"]})).status == 422
    assert (await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["nobody.here"]})).status == 422


async def test_conversations_are_listed_page_by_page(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    made = [await group(anna, ben, title=f"Team {number}") for number in range(5)]
    seen = []
    cursor = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await anna.get("/api/v1/conversations", params=params)).json
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_a_group_is_managed_by_its_admins(either_server: Server) -> None:
    anna, ben, carl, dora = await friends(either_server, "anna", "ben", "carl", "dora")
    talk = await group(anna, ben, carl)
    path = f"/api/v1/conversations/{talk}"
    b, d = await ben.connect(), await dora.connect()
    renamed = await anna.patch(path, {"title": "Crew"})
    assert renamed.json["title"] == "Crew"
    assert (await until(lambda: b.heard("conversation:changed")))[0]["title"] == "Crew"
    assert (await ben.patch(path, {"title": "Mine"})).type == "not_admin"
    assert (await ben.put(f"{path}/members/dora", {})).type == "not_admin"
    assert (await dora.get(path)).status == 404
    assert (await anna.put(f"{path}/members/dora", {})).status == 200
    assert await until(lambda: d.heard("conversation:new"))
    assert (await anna.put(f"{path}/members/ben", {"role": "admin"})).status == 200
    assert (await ben.delete(f"{path}/members/carl")).status == 204
    assert (await carl.get(path)).status == 404
    roles = {member["user"]["username"]: member["role"] for member in (await ben.get(path)).json["members"]}
    assert roles == {"anna": "owner", "ben": "admin", "dora": "member"}


async def test_a_removed_member_gets_no_later_message_and_holds_none_up(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    await say(a, talk, "before")
    await hears(c, "before")
    await received(b, talk, 1)
    assert (await anna.delete(f"/api/v1/conversations/{talk}/members/carl")).status == 204
    assert await until(lambda: c.heard("conversation:left")) == [{"conversation": talk}]
    await nothing_held(either_server)
    await say(a, talk, "after")
    await hears(b, "before", "after")
    assert bodies(c.heard("message:new")) == ["before"]
    assert await refusal(c, "message:send", {"conversation": talk, "client_id": "k", "body": "me too"}) == "not_found"
    assert talk not in (await c.call("sync", {}))["data"]


async def test_who_joins_later_is_given_what_comes_later(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    talk = await group(anna, ben)
    a = await anna.connect()
    await say(a, talk, "early")
    c = await carl.connect()
    assert (await anna.put(f"/api/v1/conversations/{talk}/members/carl", {})).status == 200
    await say(a, talk, "late")
    await hears(c, "late")
    held = await synced(c, talk)
    assert bodies(held["messages"]) == ["late"]
    assert "reset" not in held


async def test_the_owner_who_leaves_hands_over_and_the_last_member_ends_it(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    talk = await group(anna, ben, carl)
    path = f"/api/v1/conversations/{talk}"
    assert (await anna.delete(path)).status == 204
    roles = {member["user"]["username"]: member["role"] for member in (await ben.get(path)).json["members"]}
    assert sorted(roles.values()) == ["member", "owner"]
    assert set(roles) == {"ben", "carl"}
    assert (await ben.delete(path)).status == 204
    assert (await carl.delete(path)).status == 204
    for table in ("conversation", "member", "device_cursor"):
        assert await rows(either_server, table) == 0


async def test_a_change_against_an_old_version_is_refused(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    path = f"/api/v1/conversations/{await group(anna, ben)}"
    tag = (await anna.get(path)).headers["ETag"]
    assert (await anna.patch(path, {"title": "One"}, headers={"If-Match": tag})).status == 200
    assert (await anna.patch(path, {"title": "Two"}, headers={"If-Match": tag})).status == 412


async def test_a_broadcast_arrives_as_direct_messages_and_not_at_who_blocked_the_sender(either_server: Server) -> None:
    anna, ben, carl, dora = await friends(either_server, "anna", "ben", "carl", "dora")
    body = {"kind": "broadcast", "title": "All", "members": ["ben", "carl", "dora"]}
    made = await anna.post("/api/v1/conversations", body)
    assert made.status == 201
    assert (await dora.put("/api/v1/blocks/anna")).status in (200, 201, 204)
    a, b, c, d = [await person.connect() for person in (anna, ben, carl, dora)]
    first = await say(a, made.json["id"], "news", "n1")
    assert await say(a, made.json["id"], "news", "n1") == first
    talks = set()
    for listener in (b, c):
        [heard] = await hears(listener, "news")
        assert heard["conversation"] != made.json["id"]
        talks.add(heard["conversation"])
        assert (await listener.call("sync", {}))["data"].keys() == {heard["conversation"]}
    assert len(talks) == 2
    assert (await ben.get(f"/api/v1/conversations/{made.json['id']}")).status == 404
    assert (await d.call("sync", {}))["data"] == {} or not d.heard("message:new")
    assert not d.heard("message:new")


async def test_in_a_shared_group_the_blocked_are_not_heard_and_not_later_either(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    talk = await group(carl, anna, ben)
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    assert (await anna.put("/api/v1/blocks/ben")).status in (200, 201, 204)
    await say(b, talk, "can you hear me")
    await hears(c, "can you hear me")
    await say(c, talk, "I can")
    await hears(a, "I can")
    await say(a, talk, "hello all")
    await hears(b, "I can", "hello all")
    assert (await anna.delete("/api/v1/blocks/ben")).status == 204
    held = await synced(a, talk)
    assert bodies(held["messages"]) == ["I can"]
    assert held["upto"] == 3
    for listener in (a, b, c):
        await received(listener, talk, 3)
    await nothing_held(either_server)


async def test_a_request_that_is_declined_goes_with_its_messages(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.patch("/api/v1/me/settings", {"who_can_message": "everyone"})).status == 200
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    await say(a, talk, "buy this")
    await hears(b, "buy this")
    assert (await ben.patch(f"/api/v1/conversations/{talk}", {"request": "decline"})).status in (200, 204)
    await nothing_held(server)
    assert talk not in [one["id"] for one in (await ben.get("/api/v1/conversations")).json["items"]]


async def test_held_messages_are_read_over_rest_too(server: Server) -> None:
    anna, ben = await friends(server, "anna", "ben")
    talk = await direct(anna, ben)
    a = await anna.connect()
    await say(a, talk, "one")
    await say(a, talk, "two")
    held = (await ben.get(f"/api/v1/conversations/{talk}/messages")).json
    assert (bodies(held["messages"]), held["upto"], held["more"], held["reset"]) == (["one", "two"], 2, False, False)
    later = (await ben.get(f"/api/v1/conversations/{talk}/messages", params={"after": "1"})).json
    assert bodies(later["messages"]) == ["two"]
    stranger = await server.person("carl")
    assert (await stranger.get(f"/api/v1/conversations/{talk}/messages")).status == 404


async def test_the_end_of_an_account_leaves_groups_to_the_others_and_holds_nothing(either_server: Server) -> None:
    anna, ben, carl = await friends(either_server, "anna", "ben", "carl")
    team, talk = await group(ben, anna, carl), await direct(anna, ben)
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    await say(b, team, "held for two")
    await say(a, talk, "held for one")
    await either_server.app.rooms.eraser.erase(ben.id)
    await either_server.app.rooms.eraser.erase(ben.id)
    await nothing_held(either_server)
    roles = {member["user"]["username"]: member["role"] for member in (await anna.get(f"/api/v1/conversations/{team}")).json["members"]}
    assert (set(roles), sorted(roles.values())) == ({"anna", "carl"}, ["member", "owner"])
    await say(a, team, "going on")
    await until(lambda: "going on" in bodies(c.heard("message:new")))
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k", "body": "anybody?"}) == "account_closed"
    async with either_server.app.db.read() as conn:
        for table in ("member", "device_cursor"):
            held = await conn.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE account_id = '{ben.id}'")
            assert held.scalar_one() == 0


async def test_who_is_taken_off_a_broadcast_list_is_not_told(server: Server) -> None:
    anna, ben, carl = await friends(server, "anna", "ben", "carl")
    made = await anna.post("/api/v1/conversations", {"kind": "broadcast", "title": "All", "members": ["ben", "carl"]})
    a, b, c = [await person.connect() for person in (anna, ben, carl)]
    assert (await anna.delete(f"/api/v1/conversations/{made.json['id']}/members/ben")).status == 204
    await say(a, made.json["id"], "news")
    await hears(c, "news")
    assert b.events == []
