"""RTCP: compound packets taken apart and built (RFC 3550, 4585, 5104; REMB and transport-wide feedback drafts).

`parse` reads each packet of a compound by its own length, so that a malformed one never costs the others.
`docs/rtcp.md` says what livecore does with each message.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

SR, RR, SDES, BYE, APP, RTPFB, PSFB, XR = 200, 201, 202, 203, 204, 205, 206, 207
NACK, TRANSPORT_FEEDBACK = 1, 15
RRTR, DLRR = 4, 5  # blocks of extended reports (RFC 3611)
PLI, FIR, AFB = 1, 4, 15

_NTP_OFFSET_S = 2208988800
# A NACK names at most this many lost packets to us; the rest of a longer list is older than any jitter buffer.
NACK_LIMIT = 512
# Transport-wide feedback on more packets than this is malformed: a run-length chunk could name 8,191 in two bytes. A second at 40 Mb/s.
FEEDBACK_LIMIT = 4096
# Where the symbols of a feedback chunk begin.
_TWO_BITS, _ONE_BIT = range(12, -1, -2), range(13, -1, -1)


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """One source in a receiver or sender report (RFC 3550 section 6.4.1). `jitter` is in timestamp units;
    `last_sr` is the middle of an NTP time (0: none yet), `delay` since then in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest: int
    jitter: int
    last_sr: int
    delay: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...]


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: only CNAMEs are kept."""

    cnames: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Goodbye:
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nack:
    """Lost sequence numbers as on the wire: each 0 to 65535, wrapped."""

    sender: int
    ssrc: int
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """PLI, or one entry of a FIR (`command` is its number; None for a PLI)."""

    sender: int
    ssrc: int
    command: int | None = None


@dataclass(frozen=True, slots=True)
class Remb:
    """Receiver-estimated maximum bitrate (draft-alvestrand-rmcat-remb)."""

    sender: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]


class TransportFeedback(NamedTuple):
    """Transport-wide feedback: `arrivals[i]` is when packet `base + i` arrived in microseconds since the sender's own
    zero, None when it did not. `serial`: of the message, eight bits."""

    sender: int
    ssrc: int
    base: int
    serial: int
    arrivals: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Echo:
    """The answer to a receiver reference time (RFC 3611 section 4.5): `last_rr` is the middle of our NTP time, `delay` since then in
    1/65536 s, `ssrc` ours."""

    sender: int
    ssrc: int
    last_rr: int
    delay: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed message that livecore does nothing with."""

    kind: int
    format: int


Message = SenderReport | ReceiverReport | SourceDescription | Goodbye | Nack | KeyFrameRequest | Remb | TransportFeedback | Echo | Ignored


class _Malformed(ValueError):
    pass


def parse(data: bytes) -> tuple[list[Message], int]:
    """The messages of a compound packet, and how many of its parts were malformed. Never raises."""
    messages: list[Message] = []
    malformed = 0
    position, size = 0, len(data)
    while position < size:
        if position + 4 > size or data[position] >> 6 != 2:
            return messages, malformed + 1
        stop = position + 4 + 4 * (data[position + 2] << 8 | data[position + 3])
        if stop > size:
            return messages, malformed + 1
        end = stop
        if data[position] & 0x20:
            padding = data[stop - 1]
            end -= padding
            if not padding or end < position + 4:
                malformed += 1
                position = stop
                continue
        try:
            messages += _parse_one(data[position + 1], data[position] & 31, data[position + 4 : end])
        except (_Malformed, struct.error, IndexError):
            malformed += 1
        position = stop
    return messages, malformed


def _parse_one(kind: int, count: int, body: bytes) -> Sequence[Message]:
    # `count` is the feedback format (fmt) in RTPFB and PSFB: it is looked at before anything else is read as a NACK.
    if kind == SR:
        ssrc, ntp, timestamp, packets, octets = struct.unpack_from("!LQLLL", body)
        return [SenderReport(ssrc, ntp, timestamp, packets, octets, _blocks(body, 24, count))]
    if kind == RR:
        return [ReceiverReport(struct.unpack_from("!L", body)[0], _blocks(body, 4, count))]
    if kind == RTPFB:
        sender, ssrc = struct.unpack_from("!LL", body)
        if count == NACK:
            return [Nack(sender, ssrc, _lost(body[8:]))]
        if count == TRANSPORT_FEEDBACK:
            return [_transport_feedback(sender, ssrc, body[8:])]
        return [Ignored(kind, count)]
    if kind == PSFB:
        sender, ssrc = struct.unpack_from("!LL", body)
        if count == PLI:
            return [KeyFrameRequest(sender, ssrc)]
        if count == FIR:
            return [KeyFrameRequest(sender, struct.unpack_from("!L", body, at)[0], body[at + 4]) for at in range(8, len(body) - 7, 8)]
        if count == AFB and body[8:12] == b"REMB":
            exponent, mantissa = body[13] >> 2, (body[13] & 3) << 16 | body[14] << 8 | body[15]
            ssrcs = struct.unpack_from(f"!{body[12]}L", body, 16)
            return [Remb(sender, mantissa << exponent, ssrcs)]
        return [Ignored(kind, count)]
    if kind == SDES:
        return [SourceDescription(tuple(_cnames(body, count)))]
    if kind == BYE:
        return [Goodbye(struct.unpack_from(f"!{count}L", body))]
    if kind == XR:
        return list(_echoes(body)) or [Ignored(kind, count)]
    return [Ignored(kind, count)]


def _echoes(body: bytes) -> Iterable[Echo]:
    (sender,) = struct.unpack_from("!L", body)
    position = 4
    while position < len(body):
        kind, _, words = struct.unpack_from("!BBH", body, position)
        stop = position + 4 + 4 * words
        if stop > len(body):
            raise _Malformed
        if kind == DLRR:
            for at in range(position + 4, stop - 11, 12):
                yield Echo(sender, *struct.unpack_from("!LLL", body, at))
        position = stop


def _blocks(body: bytes, position: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for at in range(position, position + 24 * count, 24):
        ssrc, lost, highest, jitter, last_sr, delay = struct.unpack_from("!LLLLLL", body, at)
        total = lost & 0xFFFFFF
        if total & 0x800000:
            total -= 1 << 24
        blocks.append(ReportBlock(ssrc, lost >> 24, total, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _lost(body: bytes) -> tuple[int, ...]:
    lost: list[int] = []
    for packet, mask in struct.iter_unpack("!HH", body[: len(body) & ~3]):
        lost.append(packet)
        lost += [(packet + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(lost) >= NACK_LIMIT:
            break
    return tuple(lost)


def _cnames(body: bytes, chunks: int) -> Iterable[tuple[int, str]]:
    position = 0
    for _ in range(chunks):
        (ssrc,) = struct.unpack_from("!L", body, position)
        position += 4
        while body[position]:
            kind, length = body[position], body[position + 1]
            value = body[position + 2 : position + 2 + length]
            if len(value) < length:
                raise _Malformed
            if kind == 1:
                yield ssrc, value.decode("utf-8", "replace")
            position += 2 + length
        position += 4 - position % 4


def _transport_feedback(sender: int, ssrc: int, body: bytes) -> TransportFeedback:
    base, count, reference = struct.unpack_from("!HHL", body)
    if count > FEEDBACK_LIMIT:
        raise _Malformed
    ticks = reference >> 8
    if ticks & 0x800000:
        ticks -= 1 << 24
    quarters = ticks * 256  # a quarter of a millisecond is what deltas count
    chunk, position = body[8] << 8 | body[9] if count else 0, 10
    if chunk >> 13 == 1 and chunk & 0x1FFF >= count:  # all there, none far from the one before: nearly every message of a good path
        deltas = body[position : position + count]
        if len(deltas) < count:
            raise _Malformed
        told = accumulate(deltas, initial=quarters)
        next(told)
        return TransportFeedback(sender, ssrc, base, reference & 0xFF, tuple([at * 250 for at in told]))
    position = 8
    symbols: list[int] = []
    while len(symbols) < count:
        chunk = body[position] << 8 | body[position + 1]
        position += 2
        if not chunk & 0x8000:
            symbols += [chunk >> 13] * min(chunk & 0x1FFF, count - len(symbols))
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in _TWO_BITS]
        else:
            symbols += [chunk >> shift & 1 for shift in _ONE_BIT]
    del symbols[count:]
    arrivals: list[int | None] = []
    for symbol in symbols:
        if symbol == 1:
            quarters += body[position]
            position += 1
        elif symbol == 2:
            delta = body[position] << 8 | body[position + 1]
            quarters += delta - (delta >> 15 << 16)
            position += 2
        elif symbol == 3:
            raise _Malformed
        arrivals.append(quarters * 250 if symbol else None)
    return TransportFeedback(sender, ssrc, base, reference & 0xFF, tuple(arrivals))


def build(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _pack_blocks(blocks: Iterable[ReportBlock]) -> bytes:
    return b"".join(
        struct.pack(
            "!LLLLLL",
            b.ssrc,
            (b.fraction_lost & 0xFF) << 24 | max(-0x800000, min(0x7FFFFF, b.lost)) & 0xFFFFFF,
            b.highest & 0xFFFFFFFF,
            b.jitter & 0xFFFFFFFF,
            b.last_sr,
            b.delay & 0xFFFFFFFF,
        )
        for b in blocks
    )


def build_sender_report(report: SenderReport) -> bytes:
    fixed = struct.pack(
        "!LQLLL",
        report.ssrc,
        report.ntp & 0xFFFFFFFFFFFFFFFF,
        report.timestamp & 0xFFFFFFFF,
        report.packets & 0xFFFFFFFF,
        report.octets & 0xFFFFFFFF,
    )
    return build(SR, len(report.reports), fixed + _pack_blocks(report.reports))


def build_receiver_report(sender: int, blocks: Sequence[ReportBlock]) -> bytes:
    """At most 31 blocks (the count has five bits)."""
    return build(RR, len(blocks), struct.pack("!L", sender) + _pack_blocks(blocks))


def build_reference_time(sender: int, ntp: int) -> bytes:
    """Asks a sender to echo this time, which gives a receiver the round trip (RFC 3611 section 4.4)."""
    return build(XR, 0, struct.pack("!LBBHQ", sender, RRTR, 0, 2, ntp))


def build_cname(ssrc: int, cname: str) -> bytes:
    item = bytes([1, len(cname.encode())]) + cname.encode()
    body = struct.pack("!L", ssrc) + item
    return build(SDES, 1, body + bytes(4 - len(body) % 4))


def build_nack(sender: int, ssrc: int, lost: Iterable[int]) -> bytes:
    """A generic NACK (RFC 4585 section 6.2.1); `lost` are widened or wire numbers, ascending."""
    pairs: list[tuple[int, int]] = []
    first, mask = None, 0
    for sequence in lost:
        if first is not None and 0 < sequence - first <= 16:
            mask |= 1 << (sequence - first - 1)
            continue
        if first is not None:
            pairs.append((first, mask))
        first, mask = sequence, 0
    if first is not None:
        pairs.append((first, mask))
    body = b"".join(struct.pack("!HH", packet & 0xFFFF, bits) for packet, bits in pairs)
    return build(RTPFB, NACK, struct.pack("!LL", sender, ssrc) + body)


def build_pli(sender: int, ssrc: int) -> bytes:
    return build(PSFB, PLI, struct.pack("!LL", sender, ssrc))


def ntp_from_unix(at_s: float) -> int:
    """Unix seconds as a 64-bit NTP time."""
    return int((at_s + _NTP_OFFSET_S) * 4294967296)


def ntp_middle(ntp: int) -> int:
    """The 32 bits of an NTP time that a report block echoes."""
    return ntp >> 16 & 0xFFFFFFFF
