"""ICE-lite (RFC 8445 section 2.5) for one peer: which addresses are its own, where to send, and whether it is still there.

The agent never sends checks. It answers the peer's, and takes them as consent to send (RFC 7675).
"""

import secrets
from dataclasses import dataclass, field

from livecore.media import stun
from livecore.media.drops import Drop
from livecore.media.stun import Address

# RFC 7675 section 5.1: no valid check for this long, and the peer no longer wants our packets.
CONSENT_S = 30.0
# A browser needs some seconds to gather candidates; one that took longer has gone away.
CONNECT_S = 15.0
# A peer behind two interfaces and a relay uses three or four; more is somebody filling our tables.
ADDRESS_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    """A username fragment and password (RFC 8445 section 5.3: at least 24 and 128 bits)."""

    ufrag: str
    password: str

    @classmethod
    def random(cls) -> "Credentials":
        return cls(secrets.token_hex(6), secrets.token_hex(16))


@dataclass(slots=True)
class CheckResult:
    """What one check led to. `drop` says why there is no response."""

    response: bytes | None = None
    drop: Drop | None = None
    added: Address | None = None
    removed: list[Address] = field(default_factory=list)
    moved: bool = False  # the address to send to has changed (or was set for the first time)


class IceLite:
    """The lite agent of one peer.

    `address` is where to send: None before the first valid check. Only a check that carries USE-CANDIDATE and the right
    password moves it afterwards. `addresses` are all that passed a check: only these may send DTLS or SRTP.
    """

    def __init__(
        self,
        now: float,
        credentials: Credentials | None = None,
        *,
        consent_s: float = CONSENT_S,
        connect_s: float = CONNECT_S,
    ) -> None:
        self.credentials = credentials or Credentials.random()
        self.previous: Credentials | None = None  # still answered after a restart, until the first check with the new
        self.address: Address | None = None
        self.addresses: dict[Address, float] = {}  # address → time of its last valid check
        self.roamed = 0
        self._created_at = now
        self._checked_at: float | None = None  # None before the first valid check
        self._consent_s = consent_s
        self._connect_s = connect_s

    @property
    def ufrags(self) -> list[str]:
        """Every username fragment under which this peer's checks arrive."""
        own = [self.credentials.ufrag]
        return [*own, self.previous.ufrag] if self.previous else own

    def on_request(self, request: stun.Message, address: Address, now: float) -> CheckResult:
        """Answer a binding request that names one of our fragments; anything unverified changes nothing."""
        ufrag = request.username.partition(":")[0]
        if ufrag == self.credentials.ufrag:
            credentials = self.credentials
        elif self.previous and ufrag == self.previous.ufrag:
            credentials = self.previous
        else:
            return CheckResult(drop=Drop.STUN_UNKNOWN_USER)
        if not request.verifies(credentials.password):
            return CheckResult(drop=Drop.STUN_INTEGRITY)
        result = CheckResult(response=stun.binding_response(request, address, credentials.password))
        restarted = credentials is self.credentials and self.previous is not None
        if restarted:
            self.previous = None
        self._checked_at = now
        if address not in self.addresses:
            result.added = address
        self.addresses[address] = now
        nominated = stun.USE_CANDIDATE in request.attributes
        if self.address is None or (nominated and address != self.address):
            self.roamed += self.address is not None
            self.address, result.moved = address, True
        while len(self.addresses) > ADDRESS_LIMIT:
            oldest = min((a for a in self.addresses if a not in (address, self.address)), key=self.addresses.__getitem__)
            del self.addresses[oldest]
            result.removed.append(oldest)
        return result

    def restart(self) -> Credentials:
        """New credentials (RFC 8445 section 9); media flows on to the old address until a check with them arrives."""
        self.previous, self.credentials = self.credentials, Credentials.random()
        return self.credentials

    def deadline(self) -> float:
        """When consent (or the time to connect) runs out, unless another check arrives."""
        if self._checked_at is None:
            return self._created_at + self._connect_s
        return self._checked_at + self._consent_s

    def expiry(self, now: float) -> str | None:
        """Why the peer is to be closed now; None while it is not."""
        if now < self.deadline():
            return None
        return "never_connected" if self._checked_at is None else "consent_expired"
