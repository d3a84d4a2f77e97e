"""Friend requests, friendships and blocks over HTTP."""

from tests.serving import Server


async def test_a_request_is_accepted(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    friends = (await anna.get("/api/v1/friends")).json["items"]
    assert [friend["user"]["username"] for friend in friends] == ["ben"]
    assert (await ben.get("/api/v1/users/anna")).json["standing"] == "friends"


async def test_two_who_ask_each_other_are_friends(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await anna.post("/api/v1/friend-requests", {"username": "ben"})).json["status"] == "pending"
    assert (await ben.post("/api/v1/friend-requests", {"username": "anna"})).json["status"] == "accepted"
    assert (await anna.get("/api/v1/friend-requests")).json["items"] == []
    assert len((await ben.get("/api/v1/friends")).json["items"]) == 1


async def test_the_asker_does_not_learn_of_a_refusal(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    asked = await anna.post("/api/v1/friend-requests", {"username": "ben"})
    assert (await ben.post(f"/api/v1/friend-requests/{asked.json['id']}/decline")).status == 204
    assert (await ben.get("/api/v1/friend-requests")).json["items"] == []
    still = (await anna.get("/api/v1/friend-requests")).json["items"]
    assert [(one["id"], one["status"]) for one in still] == [(asked.json["id"], "pending")]
    assert (await anna.post("/api/v1/friend-requests", {"username": "ben"})).type == "already_requested"
