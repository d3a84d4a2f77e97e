"""An event on the wire, made once for all who get it: Socket.IO 5 packets as text (JSON) or bytes (the msgpack parser's)."""

from collections.abc import Mapping
from typing import Any

import msgpack
import orjson

from livecore.signaling.engine.frames import BINARY, frame

_EVENT = 2


class Json:
    """What python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        return orjson.loads(text)


class Encoded:
    """One event of the namespace "/", encoded at the first use of each form."""

    __slots__ = ("_binary", "_binary_frame", "_text", "_text_frame", "data", "event")

    def __init__(self, event: str, data: Mapping[str, Any]) -> None:
        self.event = event
        self.data = data
        self._text: str | None = None
        self._binary: bytes | None = None
        self._text_frame: bytes | None = None
        self._binary_frame: bytes | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = f"{_EVENT}{orjson.dumps([self.event, self.data]).decode()}"
        return self._text

    @property
    def binary(self) -> bytes:
        if self._binary is None:
            self._binary = msgpack.packb({"type": _EVENT, "data": [self.event, self.data], "nsp": "/"})
        return self._binary

    @property
    def text_frame(self) -> bytes:
        """As a WebSocket frame: an Engine.IO message with the text packet."""
        if self._text_frame is None:
            self._text_frame = frame(b"4" + self.text.encode())
        return self._text_frame

    @property
    def binary_frame(self) -> bytes:
        if self._binary_frame is None:
            self._binary_frame = frame(self.binary, BINARY)
        return self._binary_frame
