"""29. Broadcast lists managed: "broadcast lists"."""

import json
from typing import Any

from tests.people import Person
from tests.rooms.talk import bodies, say
from tests.serving import Server
from tests.waiting import until

RECIPIENTS = 100
# Of these the sockets are watched, too.
LISTENING = 8
BLOCKER = 5


async def with_list(server: Server) -> tuple[Person, list[Person], str]:
    """Somebody, a hundred friends of theirs, and a broadcast list of them all."""
    anna = await server.person("anna")
    others = [await server.person(f"friend{number:03d}") for number in range(RECIPIENTS)]
    for other in others:
        await server.befriend(anna, other)
    names = [other.username for other in others]
    made = await anna.post("/api/v1/conversations", {"kind": "broadcast", "title": "News", "members": names})
    assert made.status == 201, made
    return anna, others, str(made.json["id"])


async def held(person: Person) -> tuple[list[dict[str, Any]], str]:
    """What waits for somebody over all their conversations, and all that these tell."""
    listed = (await person.get("/api/v1/conversations")).json["items"]
    found: list[dict[str, Any]] = []
    for conversation in listed:
        assert (conversation["kind"], len(conversation["members"])) == ("direct", 2)
        found += (await person.get(f"/api/v1/conversations/{conversation['id']}/messages")).json["messages"]
    return found, json.dumps([listed, found])


async def test_29_one_send_to_a_hundred_arrives_as_a_hundred_direct_messages(server: Server) -> None:
    anna, others, listed = await with_list(server)
    blocker = others[BLOCKER]
    assert (await blocker.put("/api/v1/blocks/anna")).status == 204
    listeners = {person.username: await person.connect() for person in others[:LISTENING]}
    await say(await anna.connect(), listed, "to all of you")
    for person in others:
        if person is blocker:
            continue

        async def arrived(person: Person = person) -> str:
            found, told = await held(person)
            return told if bodies(found) == ["to all of you"] else ""

        told = await until(arrived, f"the message for {person.username}")
        # Nobody sees that there is a list, nor who else is on it.
        assert listed not in told
        assert not [other.username for other in others if other is not person and other.username in told]
    for username, listener in listeners.items():
        expected = [] if username == blocker.username else ["to all of you"]
        assert bodies(listener.heard("message:new")) == expected, username
    assert (await held(blocker))[0] == []
    assert (await others[0].get(f"/api/v1/conversations/{listed}")).status == 404
