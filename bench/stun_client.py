"""STUN from the client's side: the checks that a full ICE agent sends, and what it reads from their answers (RFC 8445, RFC 8489)."""

import ipaddress

from livecore.media import stun
from livecore.media.stun import Address


def binding_request(transaction_id: bytes, username: str, password: str, *, priority: int, tie_breaker: int, nominate: bool) -> bytes:
    """A controlling agent's connectivity check (RFC 8445 section 7.2)."""
    attributes = [
        (stun.USERNAME, username.encode()),
        (stun.PRIORITY, priority.to_bytes(4, "big")),
        (stun.ICE_CONTROLLING, tie_breaker.to_bytes(8, "big")),
    ]
    if nominate:
        attributes.append((stun.USE_CANDIDATE, b""))
    return stun.build(stun.BINDING_REQUEST, transaction_id, attributes, password)


def mapped_address(answer: stun.Message) -> Address | None:
    """The address in XOR-MAPPED-ADDRESS; None when it is not there or is malformed."""
    value = answer.attributes.get(stun.XOR_MAPPED_ADDRESS)
    if value is None or len(value) not in (8, 20):
        return None
    port = (value[2] << 8 | value[3]) ^ (stun.MAGIC_COOKIE >> 16)
    mask = stun.MAGIC_COOKIE.to_bytes(4, "big") + answer.transaction_id
    host = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(host)), port
