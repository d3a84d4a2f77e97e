"""An event on the wire, made once for all who get it: Socket.IO 5 packets as text (JSON) or bytes (the msgpack parser's)."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgpack
import orjson

from livecore.signaling.engine import deflate
from livecore.signaling.engine.frames import BINARY, TEXT, frame

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
    """How a client is spoken to. With the offset as the last argument: a client that asked for recovery. Four more: the same,
    deflated on the wire."""

    TEXT = 0
    MSGPACK = 1
    TEXT_OFFSET = 2
    MSGPACK_OFFSET = 3
    TEXT_DEFLATED = 4
    MSGPACK_DEFLATED = 5
    TEXT_OFFSET_DEFLATED = 6
    MSGPACK_OFFSET_DEFLATED = 7

    @property
    def plain(self) -> "Form":
        return Form(self & 3)

    @property
    def deflated(self) -> "Form":
        return Form(self | 4)


_TEXT_FORMS = (Form.TEXT, Form.TEXT_OFFSET)
_OFFSET_FORMS = (Form.TEXT_OFFSET, Form.MSGPACK_OFFSET)


class Encoded:
    """One event of the namespace "/", encoded at the first use of each form. `offset`: its place in the recovery log, if it has one.

    One that another process encoded (`received`) is copied and not read, unless a client speaks msgpack or the log asks.
    """

    __slots__ = ("_data", "_frames", "_packets", "_payload", "event", "offset")

    def __init__(self, event: str, data: Mapping[str, Any] | None, payload: bytes | None = None) -> None:
        self.event = event
        self._data = data
        self._payload = payload
        self.offset: str | None = None
        self._packets: list[str | bytes | None] = [None] * len(Form)
        self._frames: list[bytes | None] = [None] * len(Form)

    @classmethod
    def received(cls, event: str, payload: bytes) -> "Encoded":
        return cls(event, None, payload)

    @classmethod
    def of_json(cls, event: str, data: bytes) -> "Encoded":
        """`data`: a JSON object that was made elsewhere."""
        return cls(event, None, b'%d["%b",%b]' % (_EVENT, event.encode(), data))

    @property
    def data(self) -> Mapping[str, Any]:
        if self._data is None:
            self._data = orjson.loads(self.payload()[1:])[1]
        return self._data

    def payload(self) -> bytes:
        """The Socket.IO packet as JSON, without an offset: what other processes are given."""
        if self._payload is None:
            self._payload = b"%d%b" % (_EVENT, orjson.dumps([self.event, self._data]))
        return self._payload

    def _text(self, form: Form) -> bytes:
        payload = self.payload()
        if form is Form.TEXT_OFFSET and self.offset is not None:
            return b'%b,"%b"]' % (payload[:-1], self.offset.encode())
        return payload

    def packet(self, form: Form) -> str | bytes:
        """The Socket.IO packet, as it goes into an Engine.IO message."""
        made = self._packets[form]
        if made is None:
            if form in _TEXT_FORMS:
                made = self._text(form).decode()
            else:
                arguments: list[Any] = [self.event, self.data]
                if form in _OFFSET_FORMS and self.offset is not None:
                    arguments.append(self.offset)
                made = msgpack.packb({"type": _EVENT, "data": arguments, "nsp": "/"})
            self._packets[form] = made
        return made

    def frame(self, form: Form) -> bytes:
        """As a WebSocket frame."""
        made = self._frames[form]
        if made is None:
            if form >= Form.TEXT_DEFLATED:
                made = packet_frame(self.packet(form.plain), deflates=True)
            else:
                made = frame(b"4" + self._text(form)) if form in _TEXT_FORMS else packet_frame(self.packet(form))
            self._frames[form] = made
        return made


def packet_frame(packet: str | bytes, *, deflates: bool = False) -> bytes:
    """A Socket.IO packet as an Engine.IO message in a WebSocket frame."""
    data, opcode = (packet, BINARY) if isinstance(packet, bytes) else (b"4" + packet.encode(), TEXT)
    return deflate.frame(data, opcode) if deflates else frame(data, opcode)


def acknowledgement(number: int, result: Any, form: Form) -> str | bytes:
    """The packet that answers event `number` with one argument."""
    if form in _TEXT_FORMS:
        return f"{_ACK}{number}{orjson.dumps([result]).decode()}"
    packed: bytes = msgpack.packb({"type": _ACK, "id": number, "data": [result], "nsp": "/"})
    return packed
