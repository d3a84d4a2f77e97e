"""How an item looks on the wire: the same for a live delivery and for `sync`."""

from typing import Any

import orjson

from livecore.rooms.items import Item

EVENTS = {"message": "message:new", "reaction": "message:reaction", "edited": "message:edited", "deleted": "message:deleted"}


def pack(content: dict[str, Any]) -> bytes:
    """The sealed part of an item: what people wrote, nothing else."""
    return orjson.dumps({key: value for key, value in content.items() if value not in (None, [])})


def wire(item: Item, sender: str | None) -> dict[str, Any]:
    """`sender` is the username, None when the account is gone. `kind` says which event it is where events come in one list."""
    content: dict[str, Any] = orjson.loads(item.content)
    shown: dict[str, Any] = {
        "kind": item.kind,
        "conversation": item.conversation_id,
        "epoch": item.epoch,
        "seq": item.seq,
        "sender": sender,
        "sent_at": item.sent_ms,
    }
    if item.kind == "message":
        return shown | {
            "id": item.id,
            "client_id": content.get("client_id"),
            "body": content.get("body"),
            "attachments": content.get("attachments", []),
            "reply_to": content.get("reply_to"),
            "timer": content.get("timer"),
        }
    shown["id"] = item.target_id
    if item.kind == "reaction":
        shown |= {"emoji": content.get("emoji"), "active": content.get("active", True)}
    elif item.kind == "edited":
        shown["body"] = content.get("body")
    return shown
