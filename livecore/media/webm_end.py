"""The end of a WebM file whose last write was refused: what came whole plays, half a cluster makes players complain."""

import os
from pathlib import Path

_EBML_HEAD, _SEGMENT = 0x1A45DFA3, 0x18538067
# What lies within a segment: seek head, information, tracks, cluster, cues, tags, void (RFC 9559, 5.1).
_WITHIN = frozenset((0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B, 0x1254C367, 0xEC))
# An id of four bytes and a size of eight.
_HEAD_LIMIT_BYTES = 12


def cut_torn_end(path: Path) -> int:
    """Cut off what follows the last whole element; answers the bytes that stay. Raises OSError."""
    size_bytes, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size_bytes:
            file.seek(at)
            head = _head(file.read(_HEAD_LIMIT_BYTES))
            if head is None:
                break
            name, length, payload_bytes = head
            if name == _SEGMENT and at + length <= size_bytes:
                at += length
            elif (name == _EBML_HEAD or name in _WITHIN) and at + length + payload_bytes <= size_bytes:
                at += length + payload_bytes
            else:
                break
    if at < size_bytes:
        os.truncate(path, at)
    return at


def _head(data: bytes) -> tuple[int, int, int] | None:
    """Id, length of the head, length of what follows; None where there is none."""
    name = _number(data, 0)
    size = _number(data, name[1]) if name is not None else None
    if name is None or size is None:
        return None
    value, length = size
    return name[0], name[1] + length, value & ((1 << 7 * length) - 1)


def _number(data: bytes, at: int) -> tuple[int, int] | None:
    """A number of variable length with its marker, and how long it is (RFC 8794, 4)."""
    if at >= len(data) or not data[at]:
        return None
    length = 9 - data[at].bit_length()
    return (int.from_bytes(data[at : at + length]), length) if at + length <= len(data) else None
