"""A device that encrypts: makes its keys as a client would, and derives the shared secret of X3DH."""

import base64
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def exchange(mine: X25519PrivateKey, theirs: bytes) -> bytes:
    return mine.exchange(X25519PublicKey.from_public_bytes(theirs))


def derive(parts: list[bytes]) -> bytes:
    return HKDF(SHA256(), 32, salt=bytes(32), info=b"test").derive(b"\xff" * 32 + b"".join(parts))


@dataclass
class EncryptingDevice:
    identity: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    agreement: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    prekey: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    one_time: dict[int, X25519PrivateKey] = field(default_factory=dict)

    def bundle(self, prekey_id: int = 1) -> dict[str, Any]:
        agreement, prekey = public(self.agreement), public(self.prekey)
        signed = b"livecore prekey\x00" + prekey_id.to_bytes(4, "big") + prekey
        return {
            "identity_key": text(public(self.identity)),
            "agreement_key": text(agreement),
            "agreement_signature": text(self.identity.sign(b"livecore agreement key\x00" + agreement)),
            "signed_prekey": {"id": prekey_id, "key": text(prekey), "signature": text(self.identity.sign(signed))},
        }

    def one_time_keys(self, ids: range) -> dict[str, Any]:
        self.one_time |= {id: X25519PrivateKey.generate() for id in ids}
        return {"keys": [{"id": id, "key": text(public(self.one_time[id]))} for id in ids]}

    def begin(self, claimed: dict[str, Any]) -> tuple[bytes, bytes]:
        """The secret shared with a claimed device, and the ephemeral key that it needs to derive the same."""
        ephemeral = X25519PrivateKey.generate()
        prekey = raw(claimed["signed_prekey"]["key"])
        parts = [exchange(self.agreement, prekey), exchange(ephemeral, raw(claimed["agreement_key"])), exchange(ephemeral, prekey)]
        if claimed["one_time_key"] is not None:
            parts.append(exchange(ephemeral, raw(claimed["one_time_key"]["key"])))
        return derive(parts), public(ephemeral)

    def follow(self, agreement_key: bytes, ephemeral: bytes, one_time: int | None) -> bytes:
        parts = [exchange(self.prekey, agreement_key), exchange(self.agreement, ephemeral), exchange(self.prekey, ephemeral)]
        if one_time is not None:
            parts.append(exchange(self.one_time.pop(one_time), ephemeral))
        return derive(parts)
