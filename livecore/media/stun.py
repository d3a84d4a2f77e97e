"""STUN (RFC 8489) as far as ICE needs it: binding requests in, binding responses out, and the client's half for peers.

Attributes that stand behind MESSAGE-INTEGRITY are ignored (section 14.5): they are not covered by it.
"""

import functools
import hashlib
import hmac
import ipaddress
import struct
import zlib
from dataclasses import dataclass, field

Address = tuple[str, int]

MAGIC_COOKIE = 0x2112A442
BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
XOR_MAPPED_ADDRESS = 0x0020
PRIORITY = 0x0024
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLING = 0x802A

_FINGERPRINT_XOR = 0x5354554E
_HEADER = struct.Struct("!HHL12s")
# Browsers send some 100 bytes; a longer message is not a connectivity check.
SIZE_LIMIT_BYTES = 1500


class StunError(ValueError):
    """Bytes that are not a well-formed STUN message."""


@dataclass(slots=True)
class Message:
    """A STUN message. `attributes` holds the first of each type that MESSAGE-INTEGRITY covers (all, without it)."""

    type: int
    transaction_id: bytes
    attributes: dict[int, bytes] = field(default_factory=dict)
    integrity: bytes | None = None  # None: the message carries no MESSAGE-INTEGRITY
    _covered: bytes = b""  # what the integrity is computed over, its length field already adjusted

    @property
    def username(self) -> str:
        return self.attributes.get(USERNAME, b"").decode("utf-8", "replace")

    def verifies(self, password: str) -> bool:
        """Whether MESSAGE-INTEGRITY is there and was made with this password."""
        if self.integrity is None:
            return False
        expected = hmac.digest(password.encode(), self._covered, hashlib.sha1)
        return hmac.compare_digest(expected, self.integrity)


def parse(data: bytes) -> Message:
    """Raises StunError when `data` is not one whole STUN message."""
    size = len(data)
    if size < 20 or size > SIZE_LIMIT_BYTES:
        raise StunError("length")
    kind, length, cookie, transaction_id = _HEADER.unpack_from(data)
    if kind & 0xC000 or cookie != MAGIC_COOKIE or length % 4 or length != size - 20:
        raise StunError("header")
    message = Message(kind, transaction_id)
    position = 20
    while position < size:
        if position + 4 > size:
            raise StunError("attribute header")
        name = data[position] << 8 | data[position + 1]
        value_size = data[position + 2] << 8 | data[position + 3]
        start = position + 4
        if start + value_size > size:
            raise StunError("attribute length")
        if name == FINGERPRINT:
            if value_size != 4 or _fingerprint(data[:position], size - 20) != data[start : start + 4]:
                raise StunError("fingerprint")
        elif name == MESSAGE_INTEGRITY:
            if value_size != 20:
                raise StunError("integrity length")
            if message.integrity is None:
                message.integrity = data[start : start + 20]
                message._covered = data[:2] + struct.pack("!H", position + 4) + data[4:position]
        elif message.integrity is None:
            message.attributes.setdefault(name, data[start : start + value_size])
        position = start + value_size + (-value_size % 4)
    return message


def _fingerprint(before: bytes, length: int) -> bytes:
    covered = before[:2] + struct.pack("!H", length) + before[4:]
    return ((zlib.crc32(covered) ^ _FINGERPRINT_XOR) & 0xFFFFFFFF).to_bytes(4, "big")


def build(kind: int, transaction_id: bytes, attributes: list[tuple[int, bytes]], password: str | None) -> bytes:
    """A message with its attributes in order, then MESSAGE-INTEGRITY (with a password) and FINGERPRINT."""
    body = b"".join(struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes)
    if password is not None:
        covered = _HEADER.pack(kind, len(body) + 24, MAGIC_COOKIE, transaction_id) + body
        body += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + hmac.digest(password.encode(), covered, hashlib.sha1)
    message = _HEADER.pack(kind, len(body) + 8, MAGIC_COOKIE, transaction_id) + body
    return message + struct.pack("!HH", FINGERPRINT, 4) + _fingerprint(message, len(body) + 8)


@functools.lru_cache(1024)
def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Peers check again every few seconds, and those behind one network share it."""
    return ipaddress.ip_address(host.partition("%")[0])


def xor_address(address: Address, transaction_id: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS; an IPv4-mapped IPv6 address is told as IPv4."""
    host = _ip_address(address[0])
    if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped:
        host = host.ipv4_mapped
    mask = MAGIC_COOKIE.to_bytes(4, "big") + transaction_id
    packed = bytes(a ^ b for a, b in zip(host.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if host.version == 4 else 2, address[1] ^ (MAGIC_COOKIE >> 16)) + packed


def binding_response(request: Message, address: Address, password: str) -> bytes:
    mapped = xor_address(address, request.transaction_id)
    return build(BINDING_RESPONSE, request.transaction_id, [(XOR_MAPPED_ADDRESS, mapped)], password)
