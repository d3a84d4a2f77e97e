"""What a device publishes and what others are given: values, and the checks that make them worth something.

The shape is that of X3DH (Marlinspike, Perrin, 2016): an identity, a prekey signed by it, and one-time prekeys. The identity is an
Ed25519 key (RFC 8032), which signs; agreement is by X25519 keys (RFC 7748). So a server can tell a bundle that nobody could
use from one that holds together, without knowing anything private.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from livecore.errors import FieldError, Invalid

# What is signed is prefixed, so that a signature made for one purpose serves no other.
AGREEMENT_CONTEXT = b"livecore agreement key\x00"
PREKEY_CONTEXT = b"livecore prekey\x00"
# Points of small order (RFC 7748, 6.1; the list of the X25519 specification): an agreement with one gives a key that anybody knows.
_WEAK = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


@dataclass(frozen=True)
class SignedPrekey:
    id: int
    key: bytes
    signature: bytes


@dataclass(frozen=True)
class OneTimeKey:
    id: int
    key: bytes


@dataclass(frozen=True)
class Bundle:
    """`identity` signs `agreement` and the prekey. All keys are 32 bytes, signatures 64."""

    identity: bytes
    agreement: bytes
    agreement_signature: bytes
    prekey: SignedPrekey


@dataclass(frozen=True)
class ClaimedBundle:
    """What somebody who wants to write to a device is given. `one_time` is None when the device has none left: the agreement
    then rests on the signed prekey alone."""

    device_id: str
    bundle: Bundle
    one_time: OneTimeKey | None


def check_bundle(bundle: Bundle) -> None:
    """Raises Invalid naming each part that is not what it says."""
    wrong = [
        FieldError(field, "is no usable X25519 key")
        for field, key in (("agreement_key", bundle.agreement), ("signed_prekey.key", bundle.prekey.key))
        if _is_weak(key)
    ]
    signed = (
        ("agreement_signature", AGREEMENT_CONTEXT + bundle.agreement, bundle.agreement_signature),
        ("signed_prekey.signature", PREKEY_CONTEXT + bundle.prekey.id.to_bytes(4, "big") + bundle.prekey.key, bundle.prekey.signature),
    )
    identity = Ed25519PublicKey.from_public_bytes(bundle.identity)
    for field, message, signature in signed:
        try:
            identity.verify(signature, message)
        except InvalidSignature:
            wrong.append(FieldError(field, "was not made by the identity key"))
    if wrong:
        raise Invalid(wrong)


def check_one_time_keys(keys: Sequence[OneTimeKey]) -> None:
    """Raises Invalid for keys that nobody could use and for an id that stands twice."""
    wrong = [FieldError(f"keys.{place}.key", "is no usable X25519 key") for place, one in enumerate(keys) if _is_weak(one.key)]
    seen: set[int] = set()
    for place, one in enumerate(keys):
        if one.id in seen:
            wrong.append(FieldError(f"keys.{place}.id", "stands twice"))
        seen.add(one.id)
    if wrong:
        raise Invalid(wrong)


def _is_weak(key: bytes) -> bool:
    # The top bit is ignored by X25519.
    return key[:31] + bytes([key[31] & 0x7F]) in _WEAK
