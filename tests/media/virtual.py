"""A worker's media plane and its peers in virtual time: real descriptions, checks, DTLS and SRTP, an emulated network."""

import os
import random
from collections.abc import Callable
from typing import Any

from bench import stun_client
from bench.offer import DEPENDENCY_ID, MID_ID, RID_ID, TWCC_ID
from bench.rtcpeer import RtcPeer
from livecore.media import rtcp, stun
from livecore.media.control import Answer, WorkerEvent
from livecore.media.demux import Demultiplexer
from livecore.media.drops import Counters
from livecore.media.opening import Doorway
from livecore.media.packet import HEADER
from livecore.media.router import Router
from livecore.media.senders import make_sender
from livecore.media.settings import WorkerSettings
from livecore.media.transport import Certificate, Dtls, Protector, Unprotector, generate_certificate
from livecore.native import load
from tests.media.netem import Conditions, Link

CERTIFICATE: Certificate = generate_certificate()
STEP_S = 0.002
PERFECT = Conditions(delay_s=0.01)


class VirtualPeer:
    """A peer at `address`. `packets`: (arrival, decrypted RTP); `compounds`, `messages`: RTCP heard, as it came and read."""

    def __init__(self, plane: "VirtualPlane", port: int, up: Conditions, down: Conditions) -> None:
        self.address: tuple[str, int] = ("192.0.2.1", port)
        self.peer = RtcPeer(certificate=CERTIFICATE, seed=port)
        self.up: Link[bytes] = Link(up, port)
        self.down: Link[bytes] = Link(down, port + 1)
        self.packets: list[tuple[float, bytes]] = []
        self.compounds: list[bytes] = []
        self.messages: list[rtcp.Message] = []
        self.on_packet: Callable[[bytes, float], None] = lambda _packet, _now: None
        self.on_message: Callable[[rtcp.Message, float], None] = lambda _message, _now: None
        self.silent = False  # True: sends no checks any more
        self.drops: Counters = Counters()
        self.connected = self.closed = False
        self._plane = plane
        self._dtls: Dtls | None = None
        self._protector: Protector | None = None
        self._unprotector: Unprotector | None = None
        self._check_at = 0.0

    def accept(self, answer: Answer) -> None:
        self.session_id = answer.session_id
        self.peer.accept(answer.sdp)

    def send(self, data: bytes) -> None:
        self.up.send(data, len(data), self._plane.now)

    def on_time(self, now: float) -> None:
        answered = self.peer.answered
        if answered is None or self.closed:
            return
        if now >= self._check_at and not self.silent:
            self._check_at = now + (2.0 if self.connected else 0.05)
            username = f"{answered.ufrag}:{self.peer.credentials.ufrag}"
            self.send(stun_client.binding_request(bytes(12), username, answered.password, priority=1, tie_breaker=1, nominate=True))
        if self._dtls is not None:
            for datagram in self._dtls.on_deadline(now):
                self.send(datagram)

    def receive(self, data: bytes, now: float) -> None:
        answered = self.peer.answered
        assert answered
        if data[0] < 4:
            if self._dtls is None and stun.parse(data).verifies(answered.password):
                self._dtls = Dtls(CERTIFICATE, answered.fingerprints, client=True, now=now)
                for datagram in self._dtls.start(now):
                    self.send(datagram)
        elif data[0] < 64:
            if self._dtls is None:
                return
            for datagram in self._dtls.feed(data, now):
                self.send(datagram)
            self.closed = self._dtls.state in ("closed", "failed")
            if self._dtls.state == "connected" and self._dtls.keys and not self._protector:
                self._protector, self._unprotector = Protector(self._dtls.keys, self.drops), Unprotector(self._dtls.keys)
                self.connected = True
        elif self._unprotector is not None:
            opened = self._unprotector.rtcp(data) if 192 <= data[1] <= 223 else self._unprotector.rtp(data)
            if not isinstance(opened, bytes):
                self.drops[opened] += 1
            elif 192 <= data[1] <= 223:
                self.compounds.append(opened)
                for message in rtcp.parse(opened)[0]:
                    self.messages.append(message)
                    self.on_message(message, now)
            else:
                self.packets.append((now, opened))
                self.on_packet(opened, now)

    def send_rtcp(self, packet: bytes) -> None:
        assert self._protector
        sealed = self._protector.rtcp(packet)
        assert sealed
        self.send(sealed)

    def send_rtp(
        self,
        payload_type: int,
        sequence: int,
        timestamp: int,
        payload: bytes,
        ssrc: int,
        *,
        marker: bool = False,
        rid: str = "",
        transport_sequence: int | None = None,
        dependency: bytes = b"",
    ) -> None:
        assert self._protector
        block = bytes([MID_ID << 4, 0x31, RID_ID << 4 | len(rid) - 1]) + rid.encode() if rid and not dependency else b""
        if transport_sequence is not None:
            block += bytes([TWCC_ID << 4 | 1]) + (transport_sequence & 0xFFFF).to_bytes(2, "big")
        profile = 0xBEDE
        if dependency:  # longer than the one-byte form holds
            assert transport_sequence is None
            block, profile = bytes([DEPENDENCY_ID, len(dependency)]) + dependency, 0x1000
            if rid:
                block += bytes([MID_ID, 1, 0x31, RID_ID, len(rid)]) + rid.encode()
        block += bytes(-len(block) % 4)
        header = HEADER.pack(0x90 if block else 0x80, payload_type | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
        if block:
            header += profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block
        sealed = self._protector.rtp(header + payload)
        assert sealed
        self.send(sealed)


class VirtualPlane:
    """The router and the demultiplexer over emulated links. `run` lets time pass."""

    fileno = -1
    offload = True
    holds = False

    def __init__(self, seed: int = 1, native: str | None = None, **settings: Any) -> None:
        from pathlib import Path

        self.datagrams_sent = 0
        self.drops: Counters = Counters()
        self.now = 1000.0
        self.events: list[WorkerEvent] = []
        self.to_recorder: list[dict[str, Any]] = []
        self.peers: dict[tuple[str, int], VirtualPeer] = {}
        self.demux = Demultiplexer()
        told, rng = WorkerSettings(0, Path("/nowhere"), **settings), random.Random(seed)
        self.router = Router(
            told,
            Doorway(told, CERTIFICATE, self.demux, self, [("198.51.100.1", 3478)], None, rng),
            self.events.append,
            lambda message: self.to_recorder.append(message) is None,
            rng,
            make_sender(load(native or os.environ.get("LIVECORE_TEST_NATIVE", "auto")), self),
        )
        self._tick_at = 0.0

    def peer(self, up: Conditions = PERFECT, down: Conditions = PERFECT) -> VirtualPeer:
        peer = VirtualPeer(self, 5000 + 2 * len(self.peers), up, down)
        self.peers[peer.address] = peer
        return peer

    def move(self, peer: VirtualPeer) -> None:
        """The peer goes on from another address."""
        peer.address = (peer.address[0], peer.address[1] + 1000)
        self.peers[peer.address] = peer

    def publish(
        self, up: Conditions = PERFECT, down: Conditions = PERFECT, *, codec: str = "vp8", rids: list[str] | None = None, audio: bool = True
    ) -> VirtualPeer:
        peer = self.peer(up, down)
        offer = peer.peer.offer_to_publish(codec, rids=rids, audio=audio)
        peer.accept(self.router.publish("live", "main", offer, codec, "anna", self.now))
        self.until(lambda: peer.connected and bool(self.router.ups()))
        return peer

    def subscribe(self, up: Conditions = PERFECT, down: Conditions = PERFECT, *, rtx: bool = True, mixed: bool = True) -> VirtualPeer:
        peer = self.peer(up, down)
        peer.accept(self.router.subscribe("live", "main", peer.peer.offer_to_watch(rtx=rtx, mixed=mixed), "bert", self.now))
        self.until(lambda: peer.connected)
        return peer

    # -- the socket layer, as the router sees it

    def send(self, data: bytes, address: Any) -> None:
        peer = self.peers.get(address[:2])
        if peer is not None:
            peer.down.send(data, len(data), self.now)

    def send_segments(self, data: memoryview, segment_bytes: int, address: Any) -> None:
        for start in range(0, len(data), segment_bytes):
            self.send(bytes(data[start : start + segment_bytes]), address)

    # -- time

    def step(self) -> None:
        self.now += STEP_S
        for peer in set(self.peers.values()):
            for at, data in peer.up.arrived(self.now):
                self.demux.on_datagram(data, peer.address, at, self.now)
        self.router.flush(self.now)
        if self.now >= self._tick_at:
            self._tick_at = self.now + 0.02
            self.router.on_tick(self.now)
            self.demux.on_tick(self.now)
        for peer in set(self.peers.values()):
            for at, data in peer.down.arrived(self.now):
                peer.receive(data, at)
            peer.on_time(self.now)

    def run(self, seconds: float, each: Callable[[float], None] = lambda _now: None) -> None:
        end = self.now + seconds
        while self.now < end:
            self.step()
            each(self.now)

    def until(self, condition: Callable[[], bool], patience_s: float = 10.0) -> None:
        end = self.now + patience_s
        while not condition():
            assert self.now < end, "waited in vain"
            self.step()
