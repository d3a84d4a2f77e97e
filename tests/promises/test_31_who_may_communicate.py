"""31. Who may communicate: "manage the users of our Services with whom you communicate"."""

import pytest

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


@pytest.mark.parametrize("setting", ["who_can_request", "who_can_add_to_groups", "who_can_invite"])
async def test_31_who_may_ask_add_and_invite(server: Server, setting: str) -> None:
    anna, *others = [await server.person(name) for name in ("anna", "friend", "contact", "stranger")]
    friend, contact, stranger = others
    await server.befriend(anna, friend)
    await anna.post("/api/v1/contacts", {"authorized": True, "add": [contact.phone]})
    rank = {stranger.username: 0, contact.username: 1, friend.username: 2}
    for place, audience in enumerate(AUDIENCES):
        await anna.patch("/api/v1/me/settings", {setting: audience})
        for person in others:
            may = rank[person.username] >= place
            if setting == "who_can_request":
                if person is friend:
                    continue
                assert (await person.get("/api/v1/users/anna")).json["can_request"] is may
                answer = await person.post("/api/v1/friend-requests", {"username": "anna"})
                if may:
                    assert (await person.delete(f"/api/v1/friend-requests/{answer.json['id']}")).status == 204
            elif setting == "who_can_add_to_groups":
                answer = await person.post("/api/v1/conversations", {"kind": "group", "title": "Us", "members": ["anna"]})
            else:
                answer = await person.post("/api/v1/lives", {"title": "Ours", "guests": ["anna"]})
            assert answer.status == (201 if may else 403), (audience, person.username, answer)


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
