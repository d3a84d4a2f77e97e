"""The `Transport`: one peer's media connection, from its first connectivity check to its close. No socket, no clock."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from livecore.media import stun
from livecore.media.drops import Counters, Drop
from livecore.media.estimate import Estimator
from livecore.media.ice import CheckResult, IceLite
from livecore.media.pace import Pace
from livecore.media.transport import Certificate, Dtls, Protector, Unprotector
from livecore.media.wire import Offsets, Run

# What the socket layer calls an address: (host, port), with flow and scope behind it for IPv6.
SocketAddress = Any


def is_rtcp(datagram: bytes) -> bool:
    """Of SRTP and SRTCP (RFC 5761)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


class Owner(Protocol):
    """The session that a transport belongs to."""

    def on_connected(self, now: float) -> None: ...

    def on_rtp(self, packet: bytes, at: float) -> None:
        """A decrypted packet; `at`: kernel arrival in monotonic seconds."""
        ...

    def on_rtcp(self, packet: bytes, now: float) -> None: ...

    def on_estimate(self) -> None:
        """The path's estimate has changed, or the first feedback has come."""
        ...

    def on_closed(self, reason: str, now: float) -> None: ...


class Wire(Protocol):
    """How datagrams leave. Neither call blocks or raises; what the kernel does not take at all is counted and gone.

    For the native helper: `fileno` of the socket (-1: there is none, everything goes through `send_segments`), `offload` whether
    it cuts segments, `holds` whether something waits for the kernel and must leave first.
    """

    offload: bool
    datagrams_sent: int
    drops: Counters

    @property
    def fileno(self) -> int: ...

    @property
    def holds(self) -> bool: ...

    def send(self, data: bytes, address: SocketAddress) -> None: ...

    def send_segments(self, data: memoryview, segment_bytes: int, address: SocketAddress) -> None:
        """Datagrams of `segment_bytes` each (the last may be shorter) laid end to end."""
        ...


class Native(Protocol):
    """A transport's numbers where the native helper writes them."""

    struct: Any

    def move(self, address: SocketAddress, wire: Wire) -> None: ...


class Transport:
    """`state`: "checking" (no valid check yet), "handshake", "connected", "closed" (`reason` says why)."""

    def __init__(
        self,
        certificate: Certificate,
        fingerprints: Sequence[tuple[str, str]],
        ice: IceLite,
        wire: Wire,
        owner: Owner,
        *,
        dtls_client: bool,
        pace: Pace | None = None,
    ) -> None:
        self.ice = ice
        self.state = "checking"
        self.reason = ""
        self.drops: Counters = Counter()
        self.address: SocketAddress = None  # where packets go; None before the first valid check
        self.connected_at: float | None = None  # None before DTLS is done
        self.native: Native | None = None  # set with the first packet that the native helper sends
        self.pace = pace  # of video; None for whoever is not sent any
        self._bytes_sent = 0
        self._transport_sequence = 0
        self.estimator: Estimator | None = None  # None where the peer gives no transport-wide feedback
        self._certificate = certificate
        self._fingerprints = fingerprints
        self._dtls_client = dtls_client
        self._wire = wire
        self._owner = owner
        self._dtls: Dtls | None = None  # None before the first valid check: nothing is spent on an unverified peer
        self._unprotector: Unprotector | None = None  # both None before DTLS is done
        self._protector: Protector | None = None

    @property
    def tag_bytes(self) -> int:
        return self._protector.tag_bytes if self._protector else 16

    @property
    def wire(self) -> Wire:
        """Where packets leave."""
        return self._wire

    @property
    def session_address(self) -> int:
        assert self._protector is not None
        return self._protector.session_address

    @property
    def inbound_session_address(self) -> int | None:
        """libsrtp's session for what comes in; None before DTLS is done, and for one that is closed."""
        return self._unprotector.session_address if self._unprotector is not None and self.state == "connected" else None

    @property
    def bytes_sent(self) -> int:
        return self._bytes_sent + (int(self.native.struct.bytes) if self.native else 0)

    @property
    def transport_sequence(self) -> int:
        """Of the next packet under transport-wide feedback, not wrapped at 16 bits."""
        return int(self.native.struct.transport_sequence) if self.native else self._transport_sequence

    @transport_sequence.setter
    def transport_sequence(self, number: int) -> None:
        if self.native:
            self.native.struct.transport_sequence = number
        else:
            self._transport_sequence = number

    def on_check(self, request: stun.Message, source: SocketAddress, now: float, wire: Wire | None = None) -> CheckResult:
        """A binding request from `source`, over `wire` (None: the one before); answered at once, the same way.

        The result says which addresses are now this peer's.
        """
        wire = wire or self._wire
        result = self.ice.on_request(request, source[:2], now)
        if result.response is None:
            return result
        wire.send(result.response, source)
        if result.moved:
            self.address, self._wire = source, wire
            if self.native is not None:
                self.native.move(source, wire)
        if self._dtls is None and self.state == "checking":
            self.state = "handshake"
            self._dtls = Dtls(self._certificate, self._fingerprints, client=self._dtls_client, now=now)
            self._send_all(self._dtls.start(now))
        return result

    def checked_from(self, address: stun.Address, since: float) -> bool:
        """Whether a valid check has come from this address since then."""
        return self.ice.addresses.get(address, float("-inf")) > since

    def on_dtls(self, datagram: bytes, now: float) -> None:
        if self._dtls is None or self.state == "closed":
            return
        self._send_all(self._dtls.feed(datagram, now))
        self._after_dtls(now)

    def on_srtp(self, datagram: bytes, at: float, now: float) -> None:
        """SRTP or SRTCP, told apart by the second byte (RFC 5761). Two bytes at least, the rest is checked by libsrtp."""
        unprotector = self._unprotector
        if unprotector is None:
            self.drops[Drop.NO_KEYS] += 1
            return
        if len(datagram) < 12:
            self.drops[Drop.RTP_SHORT] += 1
            return
        if is_rtcp(datagram):
            opened = unprotector.rtcp(datagram)
            if isinstance(opened, bytes):
                self._owner.on_rtcp(opened, now)
                return
        else:
            opened = unprotector.rtp(datagram)
            if isinstance(opened, bytes):
                self._owner.on_rtp(opened, at)
                return
        self.drops[opened] += 1

    def on_rtcp_opened(self, packet: bytes, now: float) -> None:
        """RTCP that the native helper has opened."""
        if self.state != "closed":
            self._owner.on_rtcp(packet, now)

    def on_estimate(self) -> None:
        """Feedback has been taken in natively, and the estimate is another one."""
        if self.state != "closed":
            self._owner.on_estimate()

    def _after_dtls(self, now: float) -> None:
        assert self._dtls is not None
        if self._dtls.state in ("failed", "closed"):
            self.close(self._dtls.reason, now)
        elif self._dtls.state == "connected" and self._protector is None:
            keys = self._dtls.keys
            assert keys is not None
            self._unprotector, self._protector = Unprotector(keys), Protector(keys, self.drops)
            self.state, self.connected_at = "connected", now
            self._owner.on_connected(now)

    def deadline(self) -> float:
        """When `on_deadline` is due, unless something arrives before."""
        dtls = self._dtls.deadline() if self._dtls else None
        ice = self.ice.deadline()
        return ice if dtls is None else min(dtls, ice)

    def on_deadline(self, now: float) -> None:
        if self.state == "closed":
            return
        expiry = self.ice.expiry(now)
        if expiry:
            self.close(expiry, now)
        elif self._dtls is not None and self._dtls.state == "handshake":
            self._send_all(self._dtls.on_deadline(now))
            self._after_dtls(now)

    def send_rtcp(self, packet: bytes) -> None:
        if self._protector is None or self.state == "closed":
            return
        sealed = self._protector.rtcp(packet)
        if sealed is not None:
            self._wire.send(sealed, self.address)

    def next_transport_sequence(self, packet_bytes: int, now: float) -> int:
        """The transport-wide number of one packet outside a run (as on the wire)."""
        number = self.transport_sequence
        if self.estimator is not None:
            self.estimator.on_sent(number, 1, packet_bytes, now)
        self.transport_sequence += 1
        return number & 0xFFFF

    def send_rtp(self, packet: bytes) -> None:
        """One packet outside a run (a resend)."""
        if self._protector is None or self.state == "closed":
            return
        sealed = self._protector.rtp(packet)
        if sealed is not None:
            self._bytes_sent += len(sealed)
            self._wire.send(sealed, self.address)

    def send_runs(self, runs: Sequence[Run], ssrc: int, offsets: Offsets, now: float) -> None:
        """Runs of packets under this peer's numbers and keys."""
        protector = self._protector
        if protector is None or self.state == "closed":
            return
        address, send = self.address, self._wire.send_segments
        for run in runs:
            sealed = protector.run(run, ssrc, offsets, self.transport_sequence)
            if run.transport_sequence_at:
                if self.estimator is not None:
                    self.estimator.on_sent(self.transport_sequence, run.count, run.segment_bytes, now)
                self.transport_sequence += run.count
            self._bytes_sent += len(sealed)
            send(sealed, run.segment_bytes, address)

    def _send_all(self, datagrams: list[bytes]) -> None:
        if self.address is not None:
            for datagram in datagrams:
                self._wire.send(datagram, self.address)

    def close(self, reason: str, now: float) -> None:
        """End the connection; the owner is told once."""
        if self.state == "closed":
            return
        self.state, self.reason = "closed", reason
        if self.native is not None:
            self.native.struct.closed = 1
        if self._dtls is not None:
            self._send_all(self._dtls.close())
        self._owner.on_closed(reason, now)
