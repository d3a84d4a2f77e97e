"""WebSocket frames (RFC 6455), the server's side. Pure: bytes in, messages out. RSV1 is per-message deflate where that was agreed on; other RSV bits are errors."""

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, GOING_AWAY, PROTOCOL_ERROR, BAD_TEXT, POLICY, TOO_BIG = 1000, 1001, 1002, 1007, 1008, 1009
_CONTROL_LIMIT_BYTES = 125
# RSV1 (RFC 7692, 6): beside the opcode of a message's first frame.
COMPRESSED = 0x40
_LENGTH_CODES = {126: 2, 127: 8}
# A message in more pieces than its bytes would need is made to cost more than it carries.
_FRAGMENTS_LIMIT = 1024


class BadFrame(ValueError):
    """`code` is the close code (RFC 6455, 7.4.1) that the connection ends with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message or a control frame; text is decoded."""

    opcode: int
    data: str | bytes


def frame(data: bytes, opcode: int = TEXT) -> bytes:
    """One unmasked frame."""
    size = len(data)
    if size < 126:
        return bytes((0x80 | opcode, size)) + data
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + data
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + data


def close_frame(code: int) -> bytes:
    return frame(struct.pack("!H", code), CLOSE)


def unmask(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    if not size:
        return b""
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class FrameReader:
    """`feed` answers the messages that are complete. Raises BadFrame; the reader is of no use afterwards.

    What most reads bring is whole frames: nothing is kept then, and nothing copied but the payload.
    """

    __slots__ = ("_buffer", "_inflate", "_is_compressed", "_limit_bytes", "_need", "_opcode", "_parts", "_size")

    def __init__(self, limit_bytes: int, inflate: Callable[[bytes, int], bytes] | None = None) -> None:
        """`inflate(data, limit_bytes)`: of compressed messages, where these were agreed on; raises BadFrame."""
        self._limit_bytes = limit_bytes
        self._inflate = inflate
        self._is_compressed = False  # the message whose end has not come
        self._buffer: bytearray | None = None  # the beginning of a frame; None between frames
        self._need = 2  # bytes of it below which nothing can be read
        self._parts: list[bytes] | None = None
        self._opcode: int | None = None  # of a message whose end has not come
        self._size = 0

    def feed(self, data: bytes) -> list[Message]:
        found: bytes | bytearray = data
        if self._buffer is not None:
            self._buffer += data
            found = self._buffer
        messages: list[Message] = []
        position, size = 0, len(found)
        while size - position >= self._need:
            end = self._end(found, position)
            if not end:
                continue
            message = self._message(found, position, end)
            position = end
            self._need = 2
            if message is not None:
                messages.append(message)
        if position < size:
            self._buffer = bytearray(found[position:])
        else:
            self._buffer = None
        return messages

    def _end(self, found: bytes | bytearray, at: int) -> int:
        """Where the frame that begins there ends; 0 while that is not there, with `_need` raised."""
        first, second = found[at], found[at + 1]
        opcode, size = first & 0x0F, second & 0x7F
        if first & 0x70 and not (first & 0x70 == COMPRESSED and self._inflate is not None and opcode in (TEXT, BINARY)):
            raise BadFrame(PROTOCOL_ERROR, "a reserved bit is set")
        if not second & 0x80:
            raise BadFrame(PROTOCOL_ERROR, "a client's frame is masked")
        if opcode >= CLOSE and (not first & 0x80 or size > _CONTROL_LIMIT_BYTES):
            raise BadFrame(PROTOCOL_ERROR, "a control frame is short and whole")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise BadFrame(PROTOCOL_ERROR, "an unknown opcode")
        extra = _LENGTH_CODES.get(size, 0)
        head = 2 + extra + 4
        if extra:
            if len(found) - at < head:
                self._need = head
                return 0
            size = int.from_bytes(found[at + 2 : at + 2 + extra], "big")
        if opcode < CLOSE and self._size + size > self._limit_bytes:
            raise BadFrame(TOO_BIG, "the message is too large")
        if len(found) - at < head + size:
            self._need = head + size
            return 0
        return at + head + size

    def _message(self, found: bytes | bytearray, at: int, end: int) -> Message | None:
        first = found[at]
        head = 2 + _LENGTH_CODES.get(found[at + 1] & 0x7F, 0) + 4
        payload = unmask(bytes(found[at + head : end]), bytes(found[at + head - 4 : at + head]))
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return Message(opcode, payload)
        if opcode != CONTINUATION:
            self._is_compressed = bool(first & COMPRESSED)
        return self._join(opcode, bool(first & 0x80), payload)

    def _join(self, opcode: int, final: bool, payload: bytes) -> Message | None:
        if (opcode == CONTINUATION) != (self._opcode is not None):
            raise BadFrame(PROTOCOL_ERROR, "fragments out of order")
        if self._opcode is None:
            self._opcode = opcode
        if not final or self._parts:
            self._parts = self._parts or []
            self._parts.append(payload)
            self._size += len(payload)
            if len(self._parts) > _FRAGMENTS_LIMIT:
                raise BadFrame(POLICY, "too many fragments")
            if not final:
                return None
            payload = b"".join(self._parts)
            self._parts = None
        whole, self._opcode, self._size = self._opcode, None, 0
        if self._is_compressed and self._inflate is not None:
            payload = self._inflate(payload, self._limit_bytes)
        if whole == BINARY:
            return Message(BINARY, payload)
        try:
            return Message(TEXT, codecs.decode(payload, "utf-8", "strict"))
        except UnicodeDecodeError as exc:
            raise BadFrame(BAD_TEXT, "not UTF-8") from exc
