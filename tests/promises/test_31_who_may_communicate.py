"""31. Who may communicate: "manage the users of our Services with whom you communicate"."""

import pytest

from tests.rooms.talk import direct, refusal
from tests.serving import Server

REFUSALS = {"friends": "not_friends", "contacts": "not_contacts", "nobody": "not_accepting"}


@pytest.mark.parametrize(
    ("audience", "stranger_may", "friend_may"),
    [("everyone", True, True), ("contacts", False, True), ("friends", False, True), ("nobody", False, False)],
)
async def test_31_who_can_message_is_held_over_http_and_socketio(
    server: Server, audience: str, stranger_may: bool, friend_may: bool
) -> None:
    anna, friend, stranger = [await server.person(name) for name in ("anna", "friend", "stranger")]
    await server.befriend(anna, friend)
    # Both have a conversation from a time when she took messages.
    await anna.patch("/api/v1/me/settings", {"who_can_message": "everyone"})
    held = {person.username: await direct(person, anna) for person in (friend, stranger)}
    await anna.patch("/api/v1/me/settings", {"who_can_message": audience})
    newcomer = await server.person("newcomer")
    for person, may in ((friend, friend_may), (stranger, stranger_may), (newcomer, stranger_may)):
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
