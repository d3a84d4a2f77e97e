"""Per-message deflate (RFC 7692), the server's side. Pure.

No context is taken over, either way: a message is compressed by itself, so that one frame serves a whole room, and nothing is
kept for a connection between its messages. The price is the ratio of short messages, which are not worth it and go as they are.
"""

import zlib
from collections.abc import Iterable

from livecore.signaling.engine import frames

# 4 KiB: an event is hardly longer, and a client needs no more to read it.
WINDOW_BITS = 12
# Above some of these bytes deflate begins to save a packet; below it only costs.
MIN_BYTES = 256
# The lowest level that matches lazily: what follows costs twice for some percent.
LEVEL = 4
# About 12 KiB while a message is compressed.
_MEMORY_LEVEL = 5
# What a message ends with and leaves out (7.2.1).
_TAIL = b"\x00\x00\xff\xff"
_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_NUMBERS = ("server_max_window_bits", "client_max_window_bits")
_BITS = {str(bits): bits for bits in range(8, 16)}


def agreed(headers: Iterable[str]) -> str | None:
    """The `Sec-WebSocket-Extensions` that answers the first offer that we can take; None when there is none."""
    for offer in ",".join(headers).split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == "permessage-deflate" and _is_takeable(parameters):
            return f"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits={WINDOW_BITS}"
    return None


def _is_takeable(parameters: list[str]) -> bool:
    """An offer with a parameter that is unknown, doubled or malformed is declined (7.1), as is one with a smaller window than ours."""
    seen: set[str] = set()
    for parameter in parameters:
        name, has_value, value = (part.strip() for part in parameter.partition("="))
        bits = _BITS.get(value.strip('"'))
        if name in seen or (name in _FLAGS and has_value) or name not in (*_FLAGS, *_NUMBERS):
            return False
        if name in _NUMBERS and bits is None and (has_value or name == "server_max_window_bits"):
            return False
        if name == "server_max_window_bits" and bits is not None and bits < WINDOW_BITS:
            return False
        seen.add(name)
    return True


def frame(data: bytes, opcode: int = frames.TEXT) -> bytes:
    """One unmasked frame, compressed where that makes it smaller."""
    if len(data) >= MIN_BYTES:
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, _MEMORY_LEVEL)
        packed = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
        if len(packed) - len(_TAIL) < len(data):
            return frames.frame(packed[: -len(_TAIL)], opcode | frames.COMPRESSED)
    return frames.frame(data, opcode)


def inflated(data: bytes, limit_bytes: int) -> bytes:
    """Raises BadFrame: 1009 for more than the limit, of which no more is inflated, 1007 for what is no deflate."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = unpacker.decompress(data + _TAIL, limit_bytes + 1)
    except zlib.error as exc:
        raise frames.BadFrame(frames.BAD_TEXT, "not deflate") from exc
    if len(found) > limit_bytes:
        raise frames.BadFrame(frames.TOO_BIG, "the message is too large")
    # A sender may mark its last block as final and add a byte (7.2.3.4); anything after it would be a second stream.
    if unpacker.eof and unpacker.unused_data not in (_TAIL, b"\x00" + _TAIL):
        raise frames.BadFrame(frames.BAD_TEXT, "more after the last block")
    return found
