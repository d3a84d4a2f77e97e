"""31. Who may communicate: "manage the users of our Services with whom you communicate"."""

import pytest

from tests.people import Person
from tests.rooms.talk import direct, refusal
from tests.serving import Server
from tests.waiting import until

REFUSALS = {"friends": "not_friends", "contacts": "not_contacts", "nobody": "not_accepting"}


@pytest.mark.parametrize(
    ("audience", "stranger_may", "friend_may"),
    [("everyone", True, True), ("contacts", False, True), ("friends", False, True), ("nobody", False, False)],
)
async def test_31_who_can_message_is_held_over_http_and_socketio(
    server: Server, audience: str, stranger_may: bool, friend_may: bool
) -> None:
    anna, friend, stranger, contact = [await server.person(name) for name in ("anna", "friend", "stranger", "contact")]
    await server.befriend(anna, friend)
    await anna.post("/api/v1/contacts", {"authorized": True, "add": [contact.phone]})
    # Both have a conversation from a time when she took messages.
    await anna.patch("/api/v1/me/settings", {"who_can_message": "everyone"})
    held = {person.username: await direct(person, anna) for person in (friend, stranger, contact)}
    await anna.patch("/api/v1/me/settings", {"who_can_message": audience})
    newcomer = await server.person("newcomer")
    contact_may = audience in ("everyone", "contacts")
    for person, may in ((friend, friend_may), (contact, contact_may), (stranger, stranger_may), (newcomer, stranger_may)):
        assert (await person.get("/api/v1/users/anna")).json["can_message"] is may
        if person is newcomer:
            answer = await person.post("/api/v1/conversations", {"kind": "direct", "members": ["anna"]})
            assert answer.status == 201 if may else answer.type == REFUSALS[audience], answer
            continue
        listener = await person.connect()
        message = {"conversation": held[person.username], "client_id": "one", "body": "hello"}
        if may:
            assert (await listener.call("message:send", message))["ok"]
        else:
            assert await refusal(listener, "message:send", message) == REFUSALS[audience]
        await listener.close()


async def test_31_by_default_friends_write(server: Server) -> None:
    anna, ben = await server.person("anna"), await server.person("ben")
    assert (await anna.get("/api/v1/me/settings")).json["values"]["who_can_message"] == "friends"
    answer = await ben.post("/api/v1/conversations", {"kind": "direct", "members": ["anna"]})
    assert (answer.status, answer.type) == (403, "not_friends")


AUDIENCES = ("everyone", "contacts", "friends", "nobody")


async def requested(person: Person, owner: Person) -> bool:
    answer = await person.post("/api/v1/friend-requests", {"username": owner.username})
    may = answer.status == 201
    assert (await person.get(f"/api/v1/users/{owner.username}")).json["can_request"] is may
    if may:
        assert (await person.delete(f"/api/v1/friend-requests/{answer.json['id']}")).status == 204
    return may


async def added_to_a_group(person: Person, owner: Person) -> bool:
    """At its beginning, and later to one with `middle`, whom everybody may add."""
    begun = await person.post("/api/v1/conversations", {"kind": "group", "title": "Us", "members": [owner.username]})
    empty = (await person.post("/api/v1/conversations", {"kind": "group", "title": "Us", "members": ["middle"]})).json["id"]
    later = await person.put(f"/api/v1/conversations/{empty}/members/{owner.username}", {})
    assert (begun.status, later.status) in ((201, 200), (403, 403)), (begun, later)
    return begun.status == 201


async def invited(person: Person, owner: Person) -> bool:
    answer = await person.post("/api/v1/lives", {"title": "Ours", "guests": [owner.username]})
    own = (await person.post("/api/v1/lives", {"title": "Mine"})).json["id"]
    later = await person.post(f"/api/v1/lives/{own}/guests", {"username": owner.username})
    assert (answer.status, later.status) in ((201, 201), (403, 403)), (answer, later)
    return answer.status == 201


async def called(person: Person, owner: Person) -> bool:
    listener = await person.connect()
    answer = await listener.call("call:start", {"user": owner.username})
    if answer["ok"]:
        assert (await listener.call("call:end", {"call": answer["data"]["call"]}))["ok"]
    await listener.close()
    return bool(answer["ok"])


async def commented(person: Person, owner: Person) -> bool:
    post = (await owner.post("/api/v1/posts", {"text": "here"})).json["id"]
    answer = await person.post(f"/api/v1/posts/{post}/comments", {"text": "well"})
    assert answer.status == 201 or answer.type == "comments_limited", answer
    return answer.status == 201


async def mentioned(person: Person, owner: Person) -> bool:
    """The text is written all the same; whether she is told."""

    async def told() -> int:
        return sum(one["kind"] == "mention" for one in (await owner.get("/api/v1/me/notices", params={"limit": "100"})).json["items"])

    before = await told()
    assert (await person.post("/api/v1/posts", {"text": f"see @{owner.username}"})).status == 201
    return await told() > before


async def found_by_name(person: Person, owner: Person) -> bool:
    name = (await person.get(f"/api/v1/users/{owner.username}")).json["name"]
    lists = [
        await person.get("/api/v1/users", params={"q": name}),
        await person.get("/api/v1/search", params={"q": name}),
        await person.get("/api/v1/discover/people", params={"limit": "50"}),
    ]
    holding = [f'"{owner.username}"'.encode() in answer.body for answer in lists]
    # Friends are not suggested.
    assert len(set(holding[:2])) == 1, holding
    assert holding[2] is holding[0] or (await person.get(f"/api/v1/users/{owner.username}")).json["standing"] == "friends"
    return holding[0]


WAYS = {
    "who_can_request": requested,
    "who_can_add_to_groups": added_to_a_group,
    "who_can_invite": invited,
    "who_can_call": called,
    "who_can_comment": commented,
    "who_can_mention": mentioned,
    "discoverable_by_name": found_by_name,
}


async def test_31_who_may_reach_one_in_each_other_way(server: Server) -> None:
    """Each way, four audiences, three people: 84 cases."""
    anna, *others = [await server.person(name) for name in ("anna", "stranger", "contact", "friend")]
    await (await server.person("middle")).patch("/api/v1/me/settings", {"who_can_add_to_groups": "everyone"})
    await server.befriend(anna, others[2])
    await anna.post("/api/v1/contacts", {"authorized": True, "add": [others[1].phone]})
    for setting, reach in WAYS.items():
        for place, audience in enumerate(AUDIENCES):
            await anna.patch("/api/v1/me/settings", {setting: audience})
            may = [await reach(person, anna) for person in others]
            wanted = [rank >= place for rank in range(3)]
            if setting == "who_can_request":
                wanted[2] = False  # friends already
            assert may == wanted, (setting, audience)


async def test_31_who_wants_no_news_of_friends_is_told_nothing(server: Server) -> None:
    anna, ben, cara = [await server.person(name) for name in ("anna", "ben", "cara")]
    await anna.patch("/api/v1/me/settings", {"notify_friends": False})
    listener = await anna.connect()
    assert (await ben.post("/api/v1/friend-requests", {"username": "anna"})).status == 201
    await anna.patch("/api/v1/me/settings", {"notify_friends": True})
    await cara.post("/api/v1/friend-requests", {"username": "anna"})
    await until(lambda: listener.heard("friend:request"), "the second request")
    assert [event["user"]["username"] for event in listener.heard("friend:request")] == ["cara"]
    # Both are in the list.
    assert len((await anna.get("/api/v1/friend-requests")).json["items"]) == 2
    await listener.close()
