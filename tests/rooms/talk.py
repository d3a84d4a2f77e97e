"""People who talk: short words for what tests of conversations do again and again."""

from typing import Any

from tests.people import Listener, Person
from tests.serving import Server
from tests.waiting import until


async def direct(one: Person, other: Person) -> str:
    answer = await one.post("/api/v1/conversations", {"kind": "direct", "members": [other.username]})
    assert answer.status in (200, 201), answer
    return str(answer.json["id"])


async def group(owner: Person, *members: Person, title: str = "Team") -> str:
    body = {"kind": "group", "title": title, "members": [member.username for member in members]}
    answer = await owner.post("/api/v1/conversations", body)
    assert answer.status == 201, answer
    return str(answer.json["id"])


async def friends(server: Server, *names: str) -> list[Person]:
    """People who are all friends of each other."""
    people = [await server.person(name) for name in names]
    for index, one in enumerate(people):
        for other in people[index + 1 :]:
            await server.befriend(one, other)
    return people


async def say(listener: Listener, conversation: str, body: str, client_id: str | None = None, **more: Any) -> dict[str, Any]:
    """The acknowledgement's data."""
    answer = await listener.call("message:send", {"conversation": conversation, "client_id": client_id or body, "body": body} | more)
    assert answer["ok"], answer
    return dict(answer["data"])


async def refusal(listener: Listener, event: str, data: dict[str, Any]) -> str:
    """The word of the problem that an event is refused with."""
    answer = await listener.call(event, data)
    assert not answer["ok"], answer
    return str(answer["error"]["type"]).rpartition("/")[2]


async def received(listener: Listener, conversation: str, seq: int) -> None:
    answer = await listener.call("message:received", {"conversation": conversation, "seq": seq})
    assert answer == {"ok": True, "data": {}}


async def synced(listener: Listener, conversation: str, epoch: str | None = None, seq: int = 0) -> dict[str, Any]:
    answer = await listener.call("sync", {"conversations": {conversation: {"epoch": epoch, "seq": seq}}})
    assert answer["ok"], answer
    return dict(answer["data"][conversation])


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["body"] for message in messages if message["kind"] == "message"]


async def hears(listener: Listener, *expected: str) -> list[dict[str, Any]]:
    """Wait until exactly these bodies came, in this order."""
    await until(lambda: len(listener.heard("message:new")) >= len(expected), f"{expected} in {listener.events}")
    assert bodies(listener.heard("message:new")) == list(expected)
    return listener.heard("message:new")


async def rows(server: Server, table: str) -> int:
    async with server.app.db.read() as conn:
        return int((await conn.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one())


async def nothing_held(server: Server) -> None:
    """Wait until no body and no key of a body is left."""

    async def gone() -> bool:
        return await rows(server, "message") == 0 and await rows(server, "body_key") == 0

    await until(gone, "bodies and their keys to go")
