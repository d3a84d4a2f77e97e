"""Whose datagram is it: STUN, DTLS and SRTP told apart by the first byte (RFC 7983), the peer found by address or username."""

from collections import Counter

from livecore.media import stun
from livecore.media.connection import SocketAddress, Transport, Wire, is_rtcp
from livecore.media.drops import Counters, Drop
from livecore.media.inbox import NativeInbox

# Consent runs out after thirty seconds: connected peers are looked at this often.
SWEEP_S = 0.5
# Browsers check every two or three seconds; an address without a check for longer may be another peer's now.
ADDRESS_HELD_S = 6.0


class Demultiplexer:
    """All peers of a worker. `drops` counts what belongs to none of them.

    `inbox`: takes in the feedback of viewers before it comes here, once it knows them; None: everything comes here."""

    def __init__(self, inbox: NativeInbox | None = None) -> None:
        self._inbox = inbox
        self.drops: Counters = Counter()
        self._received = 0
        self.transports: set[Transport] = set()
        self._joining: set[Transport] = set()  # those in a handshake, whose deadlines are fractions of a second
        self._sweep_due = 0.0
        self._by_ufrag: dict[str, Transport] = {}
        self._ufrags: dict[Transport, set[str]] = {}  # every fragment a peer has had, until it goes
        self._by_address: dict[SocketAddress, Transport] = {}

    @property
    def received(self) -> int:
        """Datagrams, those that the inbox took in among them."""
        return self._received + (self._inbox.heard if self._inbox is not None else 0)

    def add(self, transport: Transport) -> None:
        self.transports.add(transport)
        self._joining.add(transport)
        self.index(transport)

    def index(self, transport: Transport) -> None:
        """Find this peer by its username fragments, also by a new one after an ICE restart."""
        for ufrag in transport.ice.ufrags:
            self._by_ufrag[ufrag] = transport
            self._ufrags.setdefault(transport, set()).add(ufrag)

    def remove(self, transport: Transport) -> None:
        self.transports.discard(transport)
        self._joining.discard(transport)
        for ufrag in self._ufrags.pop(transport, ()):
            del self._by_ufrag[ufrag]
        for address in transport.ice.addresses:
            if self._by_address.get(address) is transport:
                self._release(address)

    def on_datagram(self, data: bytes, source: SocketAddress, at: float, now: float, wire: Wire | None = None) -> bool:
        """One datagram, and the wire that it came over. Never raises for what it holds: it is acted on, or counted and dropped.

        True for what may come a little later: reports and feedback."""
        self._received += 1
        if not data:
            self.drops[Drop.EMPTY] += 1
            return False
        first = data[0]
        if 127 < first < 192:
            transport = self._by_address.get(source[:2])
            if transport is None:
                self.drops[Drop.UNKNOWN_ADDRESS] += 1
            else:
                transport.on_srtp(data, at, now)
                if not is_rtcp(data):
                    return False
                if self._inbox is not None and wire is None:
                    self._inbox.put(source, transport)
                return True
        elif first < 4:
            self._on_stun(data, source, now, wire)
        elif 19 < first < 64:
            transport = self._by_address.get(source[:2])
            if transport is None:
                self.drops[Drop.UNKNOWN_ADDRESS] += 1
            else:
                transport.on_dtls(data, now)
        else:
            self.drops[Drop.FIRST_BYTE] += 1
        return False

    def _on_stun(self, data: bytes, source: SocketAddress, now: float, wire: Wire | None) -> None:
        try:
            message = stun.parse(data)
        except stun.StunError:
            self.drops[Drop.STUN_MALFORMED] += 1
            return
        if message.type != stun.BINDING_REQUEST:
            self.drops[Drop.STUN_NOT_REQUEST] += 1
            return
        ufrag = message.username.partition(":")[0]
        transport = self._by_ufrag.get(ufrag)
        if transport is None:
            self.drops[Drop.STUN_UNKNOWN_USER] += 1
            return
        holder = self._by_address.get(source[:2])
        if holder not in (None, transport) and holder.checked_from(source[:2], now - ADDRESS_HELD_S):
            # Whoever forges another's source address must not draw that one's packets to a session of his own.
            self.drops[Drop.ADDRESS_TAKEN] += 1
            return
        result = transport.on_check(message, source, now, wire)
        if result.drop is not None:
            self.drops[result.drop] += 1
        if result.response is not None and holder is not transport:
            self._release(source[:2])
            self._by_address[source[:2]] = transport
        for address in result.removed:
            self._release(address)

    def _release(self, address: SocketAddress) -> None:
        self._by_address.pop(address, None)
        if self._inbox is not None:
            self._inbox.remove(address)

    def on_tick(self, now: float) -> None:
        """Handshake repeats, time-outs, lost consent."""
        if now < self._sweep_due:
            due = [transport for transport in self._joining if transport.deadline() <= now]
        else:
            self._sweep_due = now + SWEEP_S
            self._joining = {transport for transport in self._joining if transport.connected_at is None}
            due = [transport for transport in self.transports if transport.deadline() <= now]
        for transport in due:
            transport.on_deadline(now)
