"""Voluntary application server identification (VAPID, RFC 8292): who asks a push service to wake somebody. Pure."""

import base64
import hashlib
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

# RFC 8292 allows a day. A token is made for a few pushes to one service: an hour outlives a clock that is off.
TOKEN_S = 3600
# The order of P-256 (FIPS 186-5): a private key is a number from 1 below it.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Vapid:
    """The server's identity, derived from `secret`: every process has the same, and nothing more has to be kept."""

    def __init__(self, secret: bytes, contact: str) -> None:
        number = int.from_bytes(hashlib.sha512(b"vapid\x00" + secret).digest(), "big")
        self._key = ec.derive_private_key(1 + number % (_ORDER - 1), ec.SECP256R1())
        self._contact = contact
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        """`applicationServerKey` of the Push API: the uncompressed point, base64url."""

    def authorization(self, endpoint: str, at_s: int) -> str:
        """The `Authorization` of a push to this endpoint, made at this Unix time."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": at_s + TOKEN_S, "sub": self._contact}
        return f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self.public_key}"
