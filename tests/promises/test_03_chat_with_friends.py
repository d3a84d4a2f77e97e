"""3. Chat with friends: "chat with friends"."""

from tests.rooms.talk import direct, hears, refusal, say
from tests.serving import Server
from tests.waiting import until


async def test_03_a_friends_message_is_acknowledged_and_arrives_once(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    talk = await direct(anna, ben)
    a, b = await anna.connect(), await ben.connect()
    sent = await say(a, talk, "hello", "k1")
    assert await say(a, talk, "hello", "k1") == sent
    await say(a, talk, "end", "k2")
    heard = await hears(b, "hello", "end")
    assert heard[0]["id"] == sent["id"]
    assert heard[0]["sender"] == "anna"


async def test_03_a_stranger_gets_not_friends_by_default(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    answer = await anna.post("/api/v1/conversations", {"kind": "direct", "members": ["ben"]})
    assert (answer.status, answer.type) == (403, "not_friends")
    await server.befriend(anna, ben)
    talk = await direct(anna, ben)
    assert (await ben.delete("/api/v1/friends/anna")).status == 204
    a, b = await anna.connect(), await ben.connect()
    assert await refusal(a, "message:send", {"conversation": talk, "client_id": "k", "body": "still there?"}) == "not_friends"
    await server.befriend(anna, ben)
    await say(a, talk, "friends again")
    await hears(b, "friends again")


async def test_03_a_stranger_reaches_who_takes_messages_from_everyone_as_a_request(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await ben.patch("/api/v1/me/settings", {"who_can_message": "everyone"})).status == 200
    b = await ben.connect()
    talk = await direct(anna, ben)
    [told] = await until(lambda: b.heard("conversation:new"))
    assert told == {"conversation": talk, "kind": "direct", "request": True}
    a = await anna.connect()
    await say(a, talk, "we have not met")
    await hears(b, "we have not met")
    assert (await ben.get(f"/api/v1/conversations/{talk}")).json["request"] == "asked"
    assert (await anna.get(f"/api/v1/conversations/{talk}")).json["request"] == "waiting"
    assert (await ben.patch(f"/api/v1/conversations/{talk}", {"request": "accept"})).json["request"] is None
    await say(b, talk, "nice to meet you")
    await hears(a, "nice to meet you")
