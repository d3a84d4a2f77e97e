"""RTCP that peers of a server send and the server itself never does."""

import struct
from collections.abc import Sequence

from livecore.media import rtcp


def build_echo(sender: int, ssrc: int, last_rr: int, delay: int) -> bytes:
    return rtcp.build(rtcp.XR, 0, struct.pack("!LBBHLLL", sender, rtcp.DLRR, 0, 3, ssrc, last_rr, delay))


def build_goodbye(ssrcs: Sequence[int]) -> bytes:
    return rtcp.build(rtcp.BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}L", *ssrcs))


def build_remb(sender: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    exponent = max(0, bitrate_bps.bit_length() - 18)
    mantissa = bitrate_bps >> exponent
    fixed = b"REMB" + struct.pack("!BBH", len(ssrcs), exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
    return rtcp.build(rtcp.PSFB, rtcp.AFB, struct.pack("!LL", sender, 0) + fixed + struct.pack(f"!{len(ssrcs)}L", *ssrcs))


def reference_time(compound: bytes) -> tuple[int, int] | None:
    """(SSRC of a receiver, the middle of the time that it wants echoed: RFC 3611 section 4.4); None where the packet has none."""
    at = 0
    while at + 4 <= len(compound):
        size = 4 + 4 * int.from_bytes(compound[at + 2 : at + 4], "big")
        if compound[at + 1] == rtcp.XR and size >= 20 and compound[at + 8] == rtcp.RRTR:
            sender, ntp = struct.unpack_from("!L4xQ", compound, at + 4)
            return sender, rtcp.ntp_middle(ntp)
        at += size
    return None
