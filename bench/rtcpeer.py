"""A WebRTC peer without codecs: offers, ICE checks, DTLS and SRTP from the client's side, for tests and load.

It speaks to any WHIP or WHEP server: the caller carries the offer there and the answer back. Media is whatever packets the
caller makes; a watching peer counts what comes, and opens it only when asked to.
"""

import asyncio
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable

from bench import rtcp_client, rtp_header, stun_client
from bench.answer import Answered, read_answer
from bench.offer import DEPENDENCY_ID, LEVEL_ID, MID_ID, RID_ID, RRID_ID, TWCC_ID, Offerer
from livecore.media import rtcp, stun
from livecore.media.drops import Counters, Drop
from livecore.media.ice import Credentials
from livecore.media.transport import Certificate, Dtls, Protector, Unprotector, generate_certificate

CHECK_S = 0.05
# RFC 7675: consent is renewed about every five seconds.
CONSENT_S = 4.0


class RtcPeer:
    """One peer on a socket of its own.

    Args:
        open_packets: decrypt what comes and call `on_rtp`; else packets are only counted (`received`, `received_bytes`).
        certificate: shared by many peers of a load generator; None makes one.
    """

    def __init__(
        self,
        *,
        open_packets: bool = True,
        certificate: Certificate | None = None,
        seed: int | None = None,
        local: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.certificate = certificate or generate_certificate()
        self.credentials = Credentials.random()
        self.random = random.Random(seed)
        self.ssrcs = {"audio": self.random.randrange(1, 1 << 31), "video": self.random.randrange(1, 1 << 31)}
        self.rtx_ssrc = self.random.randrange(1, 1 << 31)
        self.answered: Answered | None = None  # None until `accept`
        self.received = 0
        self.received_bytes = 0
        self.drops: Counters = Counter()
        self.on_rtp: Callable[[bytes, float], None] = lambda _packet, _at: None
        self.on_rtcp: Callable[[rtcp.Message], None] = lambda _message: None
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        self.started_at = self.connected_at = 0.0
        self._open_packets = open_packets
        self._local = local
        self._socket: socket.socket | None = None
        self._dtls: Dtls | None = None
        self._protector: Protector | None = None
        self._unprotector: Unprotector | None = None
        self._checked = False
        self._timer: asyncio.TimerHandle | None = None
        self._tie_breaker = secrets.randbits(64)
        self._last_check = 0.0

    # -- descriptions

    @property
    def offerer(self) -> Offerer:
        return Offerer(self.credentials, self.certificate.fingerprint, self.ssrcs, self.rtx_ssrc)

    def offer_to_publish(self, codec: str = "vp8", *, rids: list[str] | None = None, audio: bool = True) -> str:
        return self.offerer.to_publish(codec, rids=rids, audio=audio)

    def offer_to_watch(self, codecs: list[str] | None = None, *, rtx: bool = True, mixed: bool = True, arrivals: bool = True) -> str:
        return self.offerer.to_watch(codecs, rtx=rtx, mixed=mixed, arrivals=arrivals)

    # -- connection

    def accept(self, answer: str) -> None:
        """Take the answer, and the best candidate of our own family."""
        self.answered = read_answer(answer)
        if ":" in self._local[0]:
            self.answered.address = next(address for address in self.answered.addresses if ":" in address[0])

    async def connect(self, timeout_s: float = 10.0) -> None:
        """Check, shake hands, derive keys. Raises TimeoutError; whoever could not connect is closed, and leaves no socket behind."""
        assert self.answered is not None
        assert self.answered.address is not None
        family = socket.AF_INET6 if ":" in self.answered.address[0] else socket.AF_INET
        if self._socket is None:
            self._open_socket(family)
        self.started_at = time.monotonic()
        self._tick()
        try:
            async with asyncio.timeout(timeout_s):
                await self.connected.wait()
        except (TimeoutError, asyncio.CancelledError):
            self.close(notify=False)
            raise

    def _open_socket(self, family: int) -> None:
        local = self._local if (":" in self._local[0]) == (family == socket.AF_INET6) else ("::1", 0)
        sock = socket.socket(family, socket.SOCK_DGRAM)
        assert self.answered is not None
        assert self.answered.address is not None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.setblocking(False)
            sock.bind(local)
            sock.connect(self.answered.address)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable)

    def move(self) -> None:
        """Go on from another address, as a phone that changed networks."""
        assert self._socket is not None
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        assert self.answered is not None
        assert self.answered.address is not None
        self._open_socket(socket.AF_INET6 if ":" in self.answered.address[0] else socket.AF_INET)
        self._check()

    def _check(self) -> None:
        assert self.answered is not None
        self._last_check = time.monotonic()
        request = stun_client.binding_request(
            secrets.token_bytes(12),
            f"{self.answered.ufrag}:{self.credentials.ufrag}",
            self.answered.password,
            priority=1 << 24,
            tie_breaker=self._tie_breaker,
            nominate=True,
        )
        self.send_datagram(request)

    def _tick(self) -> None:
        if self.closed.is_set():
            return
        now = time.monotonic()
        if not self._checked or now - self._last_check > CONSENT_S:
            self._check()
        if self._dtls is not None and self._dtls.state == "handshake":
            for datagram in self._dtls.on_deadline(now):
                self.send_datagram(datagram)
        self._timer = asyncio.get_running_loop().call_later(CONSENT_S / 2 if self.connected.is_set() else CHECK_S, self._tick)

    def send_datagram(self, data: bytes) -> None:
        """Anything at all, as it is."""
        if self._socket is not None:
            try:
                self._socket.send(data)
            except OSError:
                self.drops[Drop.SEND_FAILED] += 1

    def _readable(self) -> None:
        assert self._socket is not None
        for _ in range(256):
            try:
                data = self._socket.recv(2048)
            except OSError:
                return
            if data and 127 < data[0] < 192:
                if not 192 <= data[1] <= 223:
                    self.received += 1
                    self.received_bytes += len(data)
                    if not self._open_packets:
                        continue
                self._on_srtp(data)
            elif data and data[0] < 4:
                self._on_stun(data)
            elif data and 19 < data[0] < 64:
                self._on_dtls(data)
            if self._socket is None:
                return

    def _on_stun(self, data: bytes) -> None:
        assert self.answered is not None
        try:
            message = stun.parse(data)
        except stun.StunError:
            self.drops[Drop.STUN_MALFORMED] += 1
            return
        if message.type != stun.BINDING_RESPONSE or not message.verifies(self.answered.password):
            self.drops[Drop.STUN_INTEGRITY] += 1
            return
        self._checked = True
        if self._dtls is None:
            now = time.monotonic()
            self._dtls = Dtls(self.certificate, self.answered.fingerprints, client=self.answered.setup != "active", now=now)
            for datagram in self._dtls.start(now):
                self.send_datagram(datagram)

    def _on_dtls(self, data: bytes) -> None:
        if self._dtls is None:
            return
        for datagram in self._dtls.feed(data, time.monotonic()):
            self.send_datagram(datagram)
        if self._dtls.state == "connected" and self._protector is None and self._dtls.keys is not None:
            self._protector = Protector(self._dtls.keys, self.drops)
            self._unprotector = Unprotector(self._dtls.keys)
            self.connected_at = time.monotonic()
            self.connected.set()
        elif self._dtls.state in ("closed", "failed"):
            self.closed.set()

    def _on_srtp(self, data: bytes) -> None:
        if self._unprotector is None:
            self.drops[Drop.NO_KEYS] += 1
            return
        if 192 <= data[1] <= 223:
            opened = self._unprotector.rtcp(data)
            if isinstance(opened, bytes):
                self._on_compound(opened)
                return
        else:
            opened = self._unprotector.rtp(data)
            if isinstance(opened, bytes):
                self.on_rtp(opened, time.monotonic())
                return
        self.drops[opened] += 1

    def _on_compound(self, data: bytes) -> None:
        if (asked := rtcp_client.reference_time(data)) is not None:
            self.send_rtcp(rtcp_client.build_echo(self.ssrcs["video"], *asked, 0))
        for message in rtcp.parse(data)[0]:
            self.on_rtcp(message)

    # -- media

    def send_rtp(
        self,
        kind: str,
        sequence: int,
        timestamp: int,
        payload: bytes,
        *,
        marker: bool = False,
        ssrc: int | None = None,
        rid: str = "",
        transport_sequence: int | None = None,
        payload_type: int | None = None,
        level: int | None = None,
        dependency: bytes = b"",
        repairs: bool = False,
    ) -> bytes:
        """One packet, protected and sent. Returns the datagram (a replay sends it again).

        `level`: of the sound, 0 (as loud as can be) to 127 (silence), as RFC 6464 has it. `dependency`: the descriptor of AV1's payload format.
        `repairs`: `rid` is that of the stream that an RTX packet repairs.
        """
        assert self.answered is not None
        assert self._protector is not None
        elements = []
        if rid:
            elements += [(MID_ID, b"1"), (RRID_ID if repairs else RID_ID, rid.encode())]
        if transport_sequence is not None:
            elements.append((TWCC_ID, (transport_sequence & 0xFFFF).to_bytes(2, "big")))
        if level is not None:
            elements.append((LEVEL_ID, bytes([level])))
        if dependency:
            elements.append((DEPENDENCY_ID, dependency))
        number = self.answered.payload_types[kind] if payload_type is None else payload_type
        first = number, sequence, timestamp, self.ssrcs[kind] if ssrc is None else ssrc
        sealed = self._protector.rtp(rtp_header.header(first, elements, marker=marker) + payload)
        assert sealed is not None
        self.send_datagram(sealed)
        return sealed

    def send_rtcp(self, packet: bytes) -> None:
        assert self._protector is not None
        sealed = self._protector.rtcp(packet)
        assert sealed is not None
        self.send_datagram(sealed)

    def close(self, *, notify: bool = True) -> None:
        """End the connection; without `notify` the other side has to notice by itself."""
        if self._timer is not None:
            self._timer.cancel()
        if self._dtls is not None and notify:
            for datagram in self._dtls.close():
                self.send_datagram(datagram)
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        self.closed.set()
