"""An event on the wire, made once for all who get it: Socket.IO 5 packets as text (JSON) or bytes (the msgpack parser's)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgpack
import orjson

from livecore.signaling.engine.frames import BINARY, frame

_EVENT, _ACK = 2, 3


class Json:
    """What python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        return orjson.loads(text)


class Form(IntEnum):
    """How a client is spoken to. With the offset as the last argument: a client that asked for recovery."""

    TEXT = 0
    MSGPACK = 1
    TEXT_OFFSET = 2
    MSGPACK_OFFSET = 3


_TEXT_FORMS = (Form.TEXT, Form.TEXT_OFFSET)
_OFFSET_FORMS = (Form.TEXT_OFFSET, Form.MSGPACK_OFFSET)


class Encoded:
    """One event of the namespace "/", encoded at the first use of each form. `offset`: its place in the recovery log, if it has one."""

    __slots__ = ("_frames", "_packets", "data", "event", "offset")

    def __init__(self, event: str, data: Mapping[str, Any]) -> None:
        self.event = event
        self.data = data
        self.offset: str | None = None
        self._packets: list[str | bytes | None] = [None] * len(Form)
        self._frames: list[bytes | None] = [None] * len(Form)

    def packet(self, form: Form) -> str | bytes:
        """The Socket.IO packet, as it goes into an Engine.IO message."""
        made = self._packets[form]
        if made is None:
            arguments: list[Any] = [self.event, self.data]
            if form in _OFFSET_FORMS and self.offset is not None:
                arguments.append(self.offset)
            if form in _TEXT_FORMS:
                made = f"{_EVENT}{orjson.dumps(arguments).decode()}"
            else:
                made = msgpack.packb({"type": _EVENT, "data": arguments, "nsp": "/"})
            self._packets[form] = made
        return made

    def frame(self, form: Form) -> bytes:
        """As a WebSocket frame."""
        made = self._frames[form]
        if made is None:
            made = self._frames[form] = packet_frame(self.packet(form))
        return made


def packet_frame(packet: str | bytes) -> bytes:
    """A Socket.IO packet as an Engine.IO message in a WebSocket frame."""
    return frame(packet, BINARY) if isinstance(packet, bytes) else frame(b"4" + packet.encode())


def acknowledgement(number: int, result: Any, form: Form) -> str | bytes:
    """The packet that answers event `number` with one argument."""
    if form in _TEXT_FORMS:
        return f"{_ACK}{number}{orjson.dumps([result]).decode()}"
    packed: bytes = msgpack.packb({"type": _ACK, "id": number, "data": [result], "nsp": "/"})
    return packed
