"""The published description of events against the gateway and against itself."""

from typing import Any

from livecore.signaling.asyncapi import SERVER_EVENTS, build
from livecore.signaling.gateway import EVENTS
from tests.serving import Server

# Fixed for clients outside this repository.
CLIENT_EVENTS = {
    "message:send",
    "message:received",
    "message:read",
    "message:react",
    "message:edit",
    "message:delete",
    "typing",
    "sync",
    "presence:subscribe",
    "presence:set",
    "live:join",
    "live:leave",
    "live:say",
    "live:react",
}


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere() -> None:
    document = build()
    for reference in references(document):
        here: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in here, reference
            here = here[part]


def test_every_event_is_described() -> None:
    assert set(EVENTS) >= CLIENT_EVENTS
    messages = build()["components"]["messages"]
    assert {message["name"] for message in messages.values()} == set(EVENTS) | set(SERVER_EVENTS)


async def test_it_is_published(server: Server) -> None:
    answer = await server.call("GET", "/asyncapi.json")
    assert answer.status == 200
    assert answer.json["asyncapi"] == "3.0.0"
    assert "message.send" in answer.json["components"]["messages"]
