"""VP9 (RFC 9628), with spatial layers joined into superframes."""

import struct
from collections.abc import Sequence

from livecore.media.depacketise.assemble import PictureAssembler
from livecore.media.depacketise.bits import BitReader
from livecore.media.depacketise.frame import Frame, Malformed
from livecore.media.depacketise.vp9_header import References, color, hidden, sync

# A superframe index counts to eight frames (VP9 bitstream specification, Annex B).
_SUPERFRAME_LIMIT = 8
# RFC 9628, 4.2.1: a picture names at most three references.
_REFERENCES_LIMIT = 3


def key_frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height when `data` starts a key frame, else None (bitstream specification, 6.2). Raises Malformed."""
    reader = BitReader(data[:16])
    if reader.bits(2) != 2:
        raise Malformed("bad_frame_marker")
    profile = reader.bits(1) | reader.bits(1) << 1
    if profile == 3:
        reader.bits(1)
    show_existing = reader.bits(1)
    if show_existing or reader.bits(1):
        return None
    reader.bits(2)
    sync(reader)
    color(reader, profile)
    return reader.bits(16) + 1, reader.bits(16) + 1


def superframe(layers: list[bytes]) -> bytes:
    """Frames of one instant as one chunk with an index (Annex B). One frame stays as it is. Raises Malformed."""
    if len(layers) == 1:
        return layers[0]
    if len(layers) > _SUPERFRAME_LIMIT:
        raise Malformed("too_many_layers")
    width = max((len(layer).bit_length() + 7) // 8 for layer in layers)
    marker = bytes([0b11000000 | (width - 1) << 3 | (len(layers) - 1)])
    sizes = b"".join(len(layer).to_bytes(width, "little") for layer in layers)
    return b"".join(layers) + marker + sizes + marker


class Vp9Depacketiser(PictureAssembler):
    """Parts are whole layer frames, the last one still growing."""

    def __init__(self) -> None:
        super().__init__()
        self._structure_size = (0, 0)  # the largest layer as the scalability structure told, (0, 0) if it did not
        self._references: References | None = None  # followed from a key picture of several layers on; None: there is one layer

    def _add_all(self, payloads: Sequence[bytes]) -> None:
        rest: list[bytes] = []  # of the last layer, joined once
        for payload in payloads:
            if not payload:
                continue
            position = self._open(payload)
            if payload[0] & 0x08:
                self._join(rest)
                self._parts.append(payload[position:])
            elif self._parts:
                rest.append(payload[position:])
            else:
                raise Malformed("no_start")
        self._join(rest)

    def _join(self, rest: list[bytes]) -> None:
        if rest:
            self._parts[-1] = b"".join([self._parts[-1], *rest])
            rest.clear()

    def _add(self, payload: bytes) -> None:
        self._add_all((payload,))

    def _open(self, payload: bytes) -> int:
        """Where the picture begins behind the descriptor. Raises Malformed, IndexError, struct.error."""
        flags = payload[0]
        position = 1
        if flags & 0x80:
            position += 2 if payload[position] & 0x80 else 1
        if flags & 0x20:
            position += 1 if flags & 0x10 else 2
        if flags & 0x10 and flags & 0x40:
            for _ in range(_REFERENCES_LIMIT):
                more = payload[position] & 1
                position += 1
                if not more:
                    break
            else:
                raise Malformed("too_many_references")
        if flags & 0x02:
            position = self._read_structure(payload, position)
        if position >= len(payload):
            raise Malformed("truncated")
        return position

    def _read_structure(self, payload: bytes, position: int) -> int:
        header = payload[position]
        position += 1
        layers = (header >> 5) + 1
        if header & 0x10:
            sizes = struct.unpack_from(f">{2 * layers}H", payload, position)
            position += 4 * layers
            self._structure_size = (max(sizes[0::2]), max(sizes[1::2]))
        if header & 0x08:
            groups = payload[position]
            position += 1
            for _ in range(groups):
                position += 1 + (payload[position] >> 2 & 3)
        return position

    def _complete(self, timestamp: int, parts: list[bytes]) -> Frame:
        size = key_frame_size(parts[0])
        if size is not None:
            is_layered = len(parts) > 1 and all(self._structure_size)
            self.width, self.height = self._structure_size if is_layered else size
            self._references = References() if len(parts) > 1 else None
        if self._references is not None:
            parts = self._one_shown(self._references, parts)
        return Frame(timestamp, superframe(parts), size is not None, self.width, self.height)

    def _one_shown(self, references: References, parts: list[bytes]) -> list[bytes]:
        """Of each picture the largest layer alone is shown. What cannot be read (a header of another profile, encrypted) stays as it is."""
        try:
            headers = [references.take(part) for part in parts]
        except Malformed:
            return parts
        return [hidden(part, header) if header is not None else part for part, header in zip(parts[:-1], headers, strict=False)] + parts[
            -1:
        ]
