"""Signed links to media: who may fetch what until when, in a token that players can carry in an address (RFC 7519)."""

import base64
import hmac
import zlib
from collections import OrderedDict
from dataclasses import dataclass

import orjson

from livecore.errors import Forbidden, Gone
from livecore.ports import Clock, Keys

_HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")

# Tokens that were given a moment ago are given again at a tenth of the cost: a page shows dozens. Some 10 MB.
GIVEN_LIMIT = 20_000


def _decoded(part: bytes) -> bytes:
    """base64url without padding; ValueError for anything else, other spellings of the same bytes too."""
    decoded = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=") != part:
        raise ValueError("not base64url")
    return decoded


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
        self._given: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()  # by whom and what for: its end, the token

    def sign(self, scope: str, account_id: str, *, epoch: int = 0, lifetime_s: int | None = None) -> str:
        lifetime_ms = lifetime_s * 1000 if lifetime_s is not None else self._lifetime_ms
        expires_ms = self._clock.at_ms() + lifetime_ms
        return self._signed(account_id, scope, expires_ms, epoch)

    def steady_end_ms(self, account_id: str) -> int:
        """When links end that are given to this person now: the same moment for half of a link's life, and at least that far away.

        Each person's moments are their own: addresses that change for everybody at once would empty every cache in one minute.
        """
        step_ms = self._lifetime_ms // 2
        phase_ms = zlib.crc32(account_id.encode()) % step_ms
        return ((self._clock.at_ms() - phase_ms) // step_ms + 2) * step_ms + phase_ms

    def sign_steadily(self, scope: str, account_id: str, *, until_ms: int | None = None) -> str:
        """A token that stays the same for half of a link's life, so that an address with it does: what browsers and caches go by.

        `until_ms`: what it is for is gone by then.
        """
        expires_ms = self.steady_end_ms(account_id)
        if until_ms is not None:
            return self._signed(account_id, scope, min(expires_ms, until_ms), 0)
        kept = self._given.get((account_id, scope))
        if kept is not None and kept[0] == expires_ms:
            return kept[1]
        token = self._signed(account_id, scope, expires_ms, 0)
        self._given[account_id, scope] = (expires_ms, token)
        if len(self._given) > GIVEN_LIMIT:
            self._given.popitem(last=False)
        return token

    def forget(self, account_id: str) -> None:
        """Nothing of an account that was erased stays in memory."""
        for key in [key for key in self._given if account_id in key[0] or account_id in key[1]]:
            del self._given[key]

    def _signed(self, account_id: str, scope: str, expires_ms: int, epoch: int) -> str:
        """A token as `jwt.encode` makes it, at a quarter of the cost: a feed page signs dozens."""
        claims = orjson.dumps({"sub": account_id, "scp": scope, "xms": expires_ms, "epo": epoch})
        signed = _HEADER + b"." + base64.urlsafe_b64encode(claims).rstrip(b"=")
        tag = hmac.digest(self._secret, signed, "sha256")
        return (signed + b"." + base64.urlsafe_b64encode(tag).rstrip(b"=")).decode()

    def read(self, token: str) -> Grant:
        """What a token grants. Raises Forbidden (not ours) or Gone (expired)."""
        try:
            claims = orjson.loads(_decoded(self._verified(token)))
            grant = Grant(str(claims["scp"]), str(claims["sub"]), int(claims["xms"]), int(claims["epo"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise Forbidden("This link is not valid.", type="bad_link") from exc
        if self._clock.at_ms() >= grant.expires_ms:
            raise Gone("This link has expired.", type="link_expired")
        return grant

    def _verified(self, token: str) -> bytes:
        """The claims of a token of ours, still encoded; ValueError for any other. One header and one algorithm are ours, so nothing
        of a token is read before its tag is known to be right."""
        signed, _, tag = token.encode().rpartition(b".")
        header, _, claims = signed.partition(b".")
        if header != _HEADER or not hmac.compare_digest(_decoded(tag), hmac.digest(self._secret, signed, "sha256")):
            raise ValueError("not ours")
        return claims

    def check(self, token: str, path: str) -> Grant:
        """As `read`; raises Forbidden too when the token is for something else than `path`."""
        grant = self.read(token)
        if not (path == grant.scope or path.startswith(grant.scope.rstrip("/") + "/")):
            raise Forbidden("This link is for something else.", type="bad_link")
        return grant
