"""An event on the wire, made once for all who get it: Socket.IO 5 packets as text (JSON) or bytes (the msgpack parser's)."""

from collections.abc import Mapping
from typing import Any

import msgpack
import orjson

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

    __slots__ = ("_binary", "_text", "data", "event")

    def __init__(self, event: str, data: Mapping[str, Any]) -> None:
        self.event = event
        self.data = data
        self._text: str | None = None
        self._binary: bytes | None = None

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
