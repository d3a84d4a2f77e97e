"""AsyncAPI 3 from the events' own models: what is published is what the gateway checks."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from livecore import __version__
from livecore.signaling.gateway import EVENTS
from livecore.signaling.models import lives, messages, people, shapes

# What the server says, with the words of the table in docs/protocol.md.
SERVER_EVENTS: dict[str, tuple[type[BaseModel], str]] = {
    "message:new": (messages.NewMessage, "A message, in one order for all members; not to the device that sent it"),
    "message:reaction": (messages.Reaction, "A reaction to a message, or its withdrawal"),
    "message:edited": (messages.Edited, "A message has another body"),
    "message:deleted": (messages.Deleted, "A message was taken back"),
    "message:receipt": (messages.Receipt, "How far a member has received or read; high-water marks, coalesced"),
    "conversation:new": (messages.ConversationNew, "A conversation that you are in now"),
    "conversation:changed": (messages.ConversationChanged, "Members, roles, title, picture or timer changed; read it again"),
    "conversation:marked": (messages.ConversationMarked, "You muted, archived or pinned it; told to your own devices"),
    "conversation:left": (messages.ConversationLeft, "You are in it no more"),
    "typing": (messages.TypingTold, "Somebody writes, or no more"),
    "presence:update": (people.PresenceTold, "Somebody whom you watch came, went or changed"),
    "presence:device": (people.OwnDevice, "Another of your own devices came or went; told to nobody else"),
    "live:message": (lives.LiveLine, "A line in a live's room"),
    "live:viewers": (lives.LiveViewers, "How many watch; at most twice a second"),
    "live:reactions": (lives.LiveReactions, "Reactions since the last time; at most twice a second"),
    "live:pinned": (lives.LivePinned, "A line is kept in sight of all, or no longer (`line` null)"),
    "live:removed": (lives.LiveRemoved, "A line was taken away for all"),
    "live:role": (lives.LiveRole, "You moderate this live now, or no more"),
    "live:restricted": (lives.LiveRestricted, "You were muted, put out or banned, or that is over"),
    "live:publications": (lives.LivePublications, "Which publications there are"),
    "live:speaker": (lives.LiveSpeaker, "Of several publications, the one that speaks"),
    "live:layers": (
        lives.LiveLayers,
        "To a publisher: which of its layers anybody watches, simulcast and scalable; the others need not be sent",
    ),
    "live:session": (
        lives.LiveSession,
        "To a viewer: its path carries sound only, nothing for now (no sound, `too_slow`), or the picture again; or the session has ended and why",
    ),
    "live:ended": (lives.LiveEnded, "The live is over"),
    "live:recording": (lives.LiveRecording, "What you publish is recorded no more, and why: `disk_full`, `too_large`, `empty`"),
    "friend:request": (shapes.Free, "Somebody asks to be your friend"),
    "friend:accepted": (shapes.Free, "Somebody is your friend now"),
    "call:ringing": (people.CallRinging, "Somebody calls you"),
    "call:accepted": (people.CallAccepted, "Your call was answered"),
    "call:answered": (people.CallAnswered, "A call that rang was answered on one of your devices"),
    "call:ended": (people.CallEnded, "A call is over, with the reason"),
    "keys:low": (shapes.KeysLow, "One of your devices has few one-time keys left: bring more"),
    "contact:joined": (shapes.Free, "Somebody of your contacts is here now"),
    "video.progress": (shapes.VideoProgress, "How far a video of yours is with being made ready; at most twice a second"),
    "match:found": (people.MatchFound, "Somebody to meet"),
    "match:ended": (people.MatchEnded, "The meeting is over"),
    "notice": (shapes.Free, "A notice, as in GET /api/v1/me/notices"),
}

_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "retry_after": {"type": "integer", "description": "Seconds."},
    },
    "additionalProperties": True,
}


def build() -> dict[str, Any]:
    """The document of `/asyncapi.json`."""
    wanted: dict[tuple[type[BaseModel], Any], None] = {}
    for event in EVENTS.values():
        wanted[(event.model, "validation")] = None
        wanted[(event.answer, "serialization")] = None
    wanted[(messages.SyncedConversation, "serialization")] = None
    for model, _ in SERVER_EVENTS.values():
        wanted[(model, "serialization")] = None
    refs, definitions = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    listed: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for event in EVENTS.values():
        answer: Any = refs[(event.answer, "serialization")]
        if event.name == "sync":
            answer = {"type": "object", "additionalProperties": refs[(messages.SyncedConversation, "serialization")]}
        name = _name(event.name)
        listed[name] = {"name": event.name, "summary": event.summary, "payload": refs[(event.model, "validation")]}
        listed[f"{name}.ack"] = {
            "name": event.name,
            "summary": f"The acknowledgement of {event.name}",
            "payload": {"oneOf": [_accepted(answer), _refused()]},
        }
        operations[f"receive.{name}"] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/main"},
            "summary": event.summary,
            "messages": [{"$ref": f"#/channels/main/messages/{name}"}],
            "reply": {"channel": {"$ref": "#/channels/main"}, "messages": [{"$ref": f"#/channels/main/messages/{name}.ack"}]},
        }
    for event_name, (model, summary) in SERVER_EVENTS.items():
        name = f"{_name(event_name)}.told" if _name(event_name) in listed else _name(event_name)
        listed[name] = {"name": event_name, "summary": summary, "payload": refs[(model, "serialization")]}
        operations[f"send.{name}"] = {
            "action": "send",
            "channel": {"$ref": "#/channels/main"},
            "summary": summary,
            "messages": [{"$ref": f"#/channels/main/messages/{name}"}],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "livecore",
            "version": __version__,
            "license": {"name": "Apache-2.0"},
            "description": "Socket.IO 5 over Engine.IO 4. Connect with `auth: {token}`; every client event is acknowledged. REST is described at "
            "/openapi.json.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "main": {
                "address": "/socket.io/",
                "title": 'Namespace "/"',
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in listed},
            }
        },
        "operations": operations,
        "components": {"messages": listed, "schemas": {**definitions.get("$defs", {}), "Problem": _PROBLEM}},
    }


def _name(event: str) -> str:
    return event.replace(":", ".")


def _accepted(data: Any) -> dict[str, Any]:
    return {"type": "object", "required": ["ok", "data"], "properties": {"ok": {"const": True}, "data": data}}


def _refused() -> dict[str, Any]:
    problem = {"$ref": "#/components/schemas/Problem"}
    return {"type": "object", "required": ["ok", "error"], "properties": {"ok": {"const": False}, "error": problem}}
