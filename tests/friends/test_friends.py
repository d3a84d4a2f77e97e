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


async def test_a_request_is_taken_back(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    asked = await anna.post("/api/v1/friend-requests", {"username": "ben"})
    assert (await ben.delete(f"/api/v1/friend-requests/{asked.json['id']}")).status == 404
    assert (await anna.delete(f"/api/v1/friend-requests/{asked.json['id']}")).status == 204
    assert (await ben.get("/api/v1/friend-requests")).json["items"] == []
    assert (await ben.post(f"/api/v1/friend-requests/{asked.json['id']}/accept")).status == 404


async def test_only_the_one_who_was_asked_answers(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    request = (await anna.post("/api/v1/friend-requests", {"username": "ben"})).json["id"]
    for person in (anna, cara):
        for answer in ("accept", "decline"):
            assert (await person.post(f"/api/v1/friend-requests/{request}/{answer}")).status == 404
    assert (await ben.post(f"/api/v1/friend-requests/{request}/accept")).status == 200
    assert (await ben.post(f"/api/v1/friend-requests/{request}/accept")).status == 404


async def test_a_friendship_ends_for_both(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    await server.befriend(anna, ben)
    assert (await anna.post("/api/v1/friend-requests", {"username": "ben"})).type == "already_friends"
    assert (await ben.delete("/api/v1/friends/anna")).status == 204
    assert (await ben.delete("/api/v1/friends/anna")).status == 404
    assert (await anna.get("/api/v1/friends")).json["items"] == []
    assert (await anna.get("/api/v1/users/ben")).json["standing"] == "none"
    await server.befriend(anna, ben)


async def test_one_cannot_deal_with_oneself_or_nobody(server: Server) -> None:
    anna = await server.person("anna")
    for method, path in (("PUT", "follows"), ("PUT", "blocks")):
        assert (await anna.call(method, f"/api/v1/{path}/ANNA")).type == "self"
        assert (await anna.call(method, f"/api/v1/{path}/nobody")).status == 404
        assert (await anna.call(method, f"/api/v1/{path}/%00%20")).status == 404
    assert (await anna.post("/api/v1/friend-requests", {"username": "anna"})).type == "self"
    assert (await anna.post("/api/v1/friend-requests", {"username": ""})).status == 422


async def test_lists_are_walked_to_the_end_without_repeats(server: Server) -> None:
    anna = await server.person("anna")
    names = [f"friend{number}" for number in range(5)]
    for name in names:
        person = await server.person(name)
        await server.befriend(anna, person)
        assert (await anna.put(f"/api/v1/follows/{name}")).status == 204
    for path in ("friends", "follows"):
        walked: list[str] = []
        params = {"limit": "2"}
        while True:
            page = (await anna.get(f"/api/v1/{path}", params=params)).json
            walked += [item["user"]["username"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            params = {"limit": "2", "cursor": page["next_cursor"]}
        assert sorted(walked) == names
    params = {"limit": "2", "q": "friend"}
    found: list[str] = []
    while True:
        page = (await anna.get("/api/v1/users", params=params)).json
        found += [item["username"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == names


async def test_following_needs_no_answer_and_is_counted(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    for _ in range(2):
        assert (await anna.put("/api/v1/follows/ben")).status == 204
    profile = (await anna.get("/api/v1/users/ben")).json
    assert (profile["following"], profile["followers"], profile["standing"]) == (True, 1, "none")
    assert await server.app.follows.followed_by(anna.id) == {ben.id}
    for _ in range(2):
        assert (await anna.delete("/api/v1/follows/ben")).status == 204
    assert (await anna.get("/api/v1/users/ben")).json["followers"] == 0


async def test_search_finds_the_beginnings_of_words_and_nothing_else(server: Server) -> None:
    anna = await server.person("anna")
    await server.person("zoe.lake", name="Zoë Anderson-Lake")
    await server.person("someone", name="Bo Li")

    async def found(text: str) -> list[str]:
        return [person["username"] for person in (await anna.get("/api/v1/users", params={"q": text})).json["items"]]

    for text in ("zoe", "ZOË", "zoe.l", "@zoe", "anderson", "Anders", "zoe and", "lake", "anderson-la zo"):
        assert await found(text) == ["zoe.lake"], text
    for text in ("oe", "ake", "zoe x", "%%", "_____", "zoe.lakes", "andersonlake"):
        assert await found(text) == [], text
    assert await found("bo li") == ["someone"]
    assert (await anna.get("/api/v1/users", params={"q": "z"})).status == 422
