"""Packets as a kind of viewer gets them: templates that need only four numbers patched, laid out as runs for one send.

Viewers whose answers chose the same payload types and extension ids share a `Shape`; a packet is laid out once per shape,
however many viewers there are. A run is one send with UDP segmentation offload: equal segments, the last may be shorter.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from livecore.media.extensions import Extension
from livecore.media.packet import HEADER, Packet

# The kernel takes 64 segments and a little under 64 KiB in one call; beyond some thirty nothing is gained, and a burst is long.
SEGMENTS_LIMIT = 32
RUN_LIMIT_BYTES = 60_000
# Encoders cut a frame into packets that differ by a byte: padded to one size they leave in one call. More would be waste.
PAD_LIMIT_BYTES = 16


@dataclass(frozen=True, slots=True)
class ShapeKey:
    """`extensions`: (extension, id) of what is passed on; `transport_sequence_id`, `mid_id`: 0 when not negotiated.
    `pads`: whether RTP padding may be added (not where lost packets are sent again as they were: the bytes must be equal).
    `tag_bytes`: what SRTP appends."""

    payload_type: int
    extensions: tuple[tuple[Extension, int], ...]
    mid_id: int
    mid: str
    transport_sequence_id: int
    pads: bool
    tag_bytes: int


class Shape:
    """Lays packets out for one kind of viewer. Compared by identity: get it from a `ShapeTable`."""

    def __init__(self, key: ShapeKey) -> None:
        self.key = key
        self._ids = dict(key.extensions)
        # Dependency descriptors are longer than 16 bytes on key frames: then all packets have the two-byte form, so that they can share a run.
        self._dependency_id = self._ids.pop(Extension.DEPENDENCY, 0)
        self._profile = 0x1000 if self._dependency_id else 0xBEDE
        self._element = _two_bytes if self._dependency_id else _one_byte
        fixed = b""
        if key.transport_sequence_id:
            fixed += self._element(key.transport_sequence_id, bytes(2))
        # The transport-wide number stands first in the extension block: 12 bytes header, 4 of profile and length, its id.
        self.transport_sequence_at = 14 + len(fixed) if fixed else 0
        if key.mid_id:
            fixed += self._element(key.mid_id, key.mid.encode())
        self._fixed = fixed
        # A descriptor comes next, if a packet has one; its frame number follows id, length and a byte. 0: this viewer gets none.
        self.frame_at = 16 + len(fixed) + 3 if self._dependency_id else 0

    def header(self, packet: Packet, payload_type: int | None = None) -> bytes:
        """The RTP header with extensions; sequence, timestamp and SSRC are zero."""
        block = self._fixed
        if self._dependency_id and packet.dependency is not None:
            block += self._element(self._dependency_id, packet.dependency)
        for extension, value in packet.passed_on:
            identifier = self._ids.get(extension)
            if identifier is not None and len(value) <= 16:
                block += self._element(identifier, value)
        kind = self.key.payload_type if payload_type is None else payload_type
        if packet.marker:
            kind |= 0x80
        if not block:
            return HEADER.pack(0x80, kind, 0, 0, 0)
        block += bytes(-len(block) % 4)
        return HEADER.pack(0x90, kind, 0, 0, 0) + struct.pack("!HH", self._profile, len(block) // 4) + block


def _one_byte(identifier: int, value: bytes) -> bytes:
    """An extension element of 1 to 16 bytes (RFC 8285, 4.2)."""
    return bytes([identifier << 4 | len(value) - 1]) + value


def _two_bytes(identifier: int, value: bytes) -> bytes:
    """An extension element of up to 255 bytes (RFC 8285, 4.3)."""
    return bytes([identifier, len(value)]) + value


class ShapeTable:
    """One `Shape` per distinct key."""

    def __init__(self) -> None:
        self._shapes: dict[ShapeKey, Shape] = {}

    def get(self, key: ShapeKey) -> Shape:
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = Shape(key)
        return shape


class Offsets(Protocol):
    """What is added to a publisher's numbers for one viewer."""

    @property
    def sequence_offset(self) -> int: ...

    @property
    def timestamp_offset(self) -> int: ...

    @property
    def picture_offset(self) -> int: ...

    @property
    def tl0_offset(self) -> int: ...


class Segment:
    """One packet within a run: where it begins, how long it is before protection, its widened numbers.

    `picture_at`, `tl0_at` and `frame_at` are absolute in the run (0: none; a negative `picture_at` is the 7-bit form).
    `frame_at`: the frame number of a dependency descriptor, which is `picture_id` then."""

    __slots__ = ("frame_at", "length", "offset", "picture_at", "picture_id", "sequence", "timestamp", "tl0", "tl0_at")

    def __init__(self, offset: int, length: int, packet: Packet, payload_at: int, frame_at: int) -> None:
        self.offset = offset
        self.length = length
        self.sequence = packet.sequence
        self.timestamp = packet.timestamp
        at = packet.picture_id_at
        self.picture_at = offset + payload_at + at if at > 0 else -(offset + payload_at - at) if at < 0 else 0
        self.picture_id = packet.picture_id
        self.tl0_at = offset + payload_at + packet.tl0_at if packet.tl0_at else 0
        self.tl0 = packet.tl0
        self.frame_at = offset + frame_at if frame_at and packet.dependency is not None else 0


class Run:
    """A template ready to be copied, patched, protected in place and sent in one call.

    `template`: the packets, each followed by room for its tag. `segment_bytes`: size of each protected packet but perhaps
    the last. `octets`: payload bytes, as sender reports count them. `plan` and `native` are what the sending
    side derives from `segments` once for all viewers (they belong to `transport` and `senders`).
    """

    __slots__ = ("count", "native", "octets", "plan", "segment_bytes", "segments", "template", "transport_sequence_at")

    def __init__(self, template: bytes, segment_bytes: int, segments: list[Segment], octets: int, at: int) -> None:
        self.template = template
        self.segment_bytes = segment_bytes
        self.segments = segments
        self.count = len(segments)
        self.octets = octets
        self.transport_sequence_at = at
        self.plan: object | None = None
        self.native: Any = None


def lay_out(packets: Sequence[Packet], shape: Shape, limit: int = SEGMENTS_LIMIT) -> list[Run]:
    """Runs of at most `limit` packets that hold these in order."""
    runs: list[Run] = []
    group: list[tuple[Packet, bytes]] = []
    smallest = largest = 0
    for packet in packets:
        header = shape.header(packet)
        size = len(header) + len(packet.payload)
        if group:
            low, high = min(smallest, size), max(largest, size)
            fits = high - low <= (PAD_LIMIT_BYTES if shape.key.pads else 0)
            full = len(group) >= limit or (len(group) + 1) * (high + shape.key.tag_bytes) > RUN_LIMIT_BYTES
            if fits and not full:
                group.append((packet, header))
                smallest, largest = low, high
                continue
            if size < smallest and not full:  # shorter by more: it may still be the last of this run
                group.append((packet, header))
                runs.append(_run(group, largest, shape, short_tail=True))
                group = []
                continue
            runs.append(_run(group, largest, shape, short_tail=False))
        group = [(packet, header)]
        smallest = largest = size
    if group:
        runs.append(_run(group, largest, shape, short_tail=False))
    return runs


def cut(runs: Sequence[Run], limit: int = SEGMENTS_LIMIT) -> list[list[Run]]:
    """Runs in order, as bursts of at most `limit` packets."""
    bursts: list[list[Run]] = []
    room = 0
    for run in runs:
        if run.count > room:
            bursts.append([])
            room = limit
        bursts[-1].append(run)
        room -= run.count
    return bursts


def _run(group: list[tuple[Packet, bytes]], largest: int, shape: Shape, *, short_tail: bool) -> Run:
    tag = bytes(shape.key.tag_bytes)
    parts: list[bytes] = []
    segments: list[Segment] = []
    offset = octets = 0
    for index, (packet, header) in enumerate(group):
        size = len(header) + len(packet.payload)
        padding = 0 if short_tail and index == len(group) - 1 else largest - size
        segments.append(Segment(offset, size + padding, packet, len(header), shape.frame_at))
        if padding:
            header = bytes([header[0] | 0x20]) + header[1:]
            parts += (header, packet.payload, bytes(padding - 1) + bytes([padding]), tag)
        else:
            parts += (header, packet.payload, tag)
        octets += len(packet.payload)
        offset += size + padding + len(tag)
    return Run(b"".join(parts), largest + len(tag), segments, octets, shape.transport_sequence_at)
