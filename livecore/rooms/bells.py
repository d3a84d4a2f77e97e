"""What a conversation's channel carries between processes. Pure.

A bell says which numbers are new; where the event is short it brings the packet that every reader gets, so that the process that
hears it copies bytes. A word is something without a number (a receipt, typing). The first line is read, the rest is the packet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from livecore.rooms.items import Item

# A longer packet is read from the store where it is wanted: Redis keeps what slow subscribers have not yet taken in memory.
PACKET_LIMIT_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Bell:
    """Numbers `first` to `last`. `version`: the conversation's at the commit. `payload` empty: read the store."""

    node: str
    conversation_id: str
    first: int
    last: int
    version: int
    event: str = ""
    account_id: str = ""  # the author
    device_id: str = ""  # the author's device, which does not get its own message
    withheld: tuple[str, ...] = ()
    payload: bytes = b""

    def pack(self) -> bytes:
        head = [
            "items", self.node, self.conversation_id, self.first, self.last,
            self.version, self.event, self.account_id, self.device_id, self.withheld,
        ]  # fmt: skip
        return orjson.dumps(head) + b"\n" + self.payload


@dataclass(frozen=True, slots=True)
class Word:
    """An event without a number, for these readers."""

    node: str
    conversation_id: str
    event: str
    accounts: Sequence[str]
    payload: bytes

    def pack(self) -> bytes:
        return orjson.dumps(["word", self.node, self.conversation_id, self.event, self.accounts]) + b"\n" + self.payload


def bell_of(node: str, item: Item, event: str, payload: bytes) -> Bell:
    if len(payload) > PACKET_LIMIT_BYTES:
        payload = b""
    device_id = item.device_id if item.kind == "message" else ""
    return Bell(
        node, item.conversation_id, item.seq, item.seq, item.version, event, item.account_id, device_id, tuple(item.withheld), payload
    )


def unpack(data: bytes) -> Bell | Word:
    head, _, payload = data.partition(b"\n")
    fields = orjson.loads(head)
    if fields[0] == "word":
        _, node, conversation_id, event, accounts = fields
        return Word(node, conversation_id, event, accounts, payload)
    _, node, conversation_id, first, last, version, event, account_id, device_id, withheld = fields
    return Bell(node, conversation_id, first, last, version, event, account_id, device_id, tuple(withheld), payload)
