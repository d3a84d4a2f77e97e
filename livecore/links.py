"""Signed links to media: who may fetch what until when, in a token that players can carry in an address (RFC 7519)."""

from dataclasses import dataclass

import jwt

from livecore.errors import Forbidden, Gone
from livecore.ports import Clock, Keys


@dataclass(frozen=True)
class Grant:
    """`scope` is a path prefix under which the link works; `account_id` is who asked for it; `epoch` is revoked by raising the owner's."""

    scope: str
    account_id: str
    expires_ms: int
    epoch: int = 0


class MediaLinks:
    def __init__(self, keys: Keys, clock: Clock, lifetime_s: int) -> None:
        self._secret = keys.blind("media-links", "v1")
        self._clock = clock
        self._lifetime_ms = lifetime_s * 1000

    def sign(self, scope: str, account_id: str, *, epoch: int = 0, lifetime_s: int | None = None) -> str:
        lifetime_ms = lifetime_s * 1000 if lifetime_s is not None else self._lifetime_ms
        expires_ms = self._clock.at_ms() + lifetime_ms
        return jwt.encode({"sub": account_id, "scp": scope, "xms": expires_ms, "epo": epoch}, self._secret, algorithm="HS256")

    def sign_steadily(self, scope: str, account_id: str) -> str:
        """As `sign`, but the same token for as long as a link lasts, and good for as long again: an address that browsers keep."""
        expires_ms = (self._clock.at_ms() // self._lifetime_ms + 2) * self._lifetime_ms
        return jwt.encode({"sub": account_id, "scp": scope, "xms": expires_ms, "epo": 0}, self._secret, algorithm="HS256")

    def read(self, token: str) -> Grant:
        """What a token grants. Raises Forbidden (not ours) or Gone (expired)."""
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"])
            grant = Grant(str(claims["scp"]), str(claims["sub"]), int(claims["xms"]), int(claims["epo"]))
        except (jwt.InvalidTokenError, KeyError, ValueError) as exc:
            raise Forbidden("This link is not valid.", type="bad_link") from exc
        if self._clock.at_ms() >= grant.expires_ms:
            raise Gone("This link has expired.", type="link_expired")
        return grant

    def check(self, token: str, path: str) -> Grant:
        """As `read`; raises Forbidden too when the token is for something else than `path`."""
        grant = self.read(token)
        if not (path == grant.scope or path.startswith(grant.scope.rstrip("/") + "/")):
            raise Forbidden("This link is for something else.", type="bad_link")
        return grant
