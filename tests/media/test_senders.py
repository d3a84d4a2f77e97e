"""Python and the native helper: equal bytes for every viewer, and the same counts, whatever is sent to whom."""

import random
import socket
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecore.media import codecs
from livecore.media.addresses import pack_address
from livecore.media.connection import SocketAddress, Transport
from livecore.media.drops import Counters
from livecore.media.extensions import Extension
from livecore.media.ice import IceLite
from livecore.media.pacer import Lane, Leg, Legs
from livecore.media.packet import Packet
from livecore.media.rewrite import Epoch
from livecore.media.senders import ARENA_BYTES, NativeSender, PythonSender
from livecore.media.source import Layer
from livecore.media.subscription import Subscription
from livecore.media.transport import PROFILES, Certificate, Protector, SrtpKeys, generate_certificate
from livecore.media.wire import Run, Shape, ShapeKey, cut, lay_out
from livecore.native import load
from livecore.native.build import compiler
from tests.media import payloads

CERTIFICATE: Certificate = generate_certificate()
LAYER = Layer("", 90_000, True)
Sent = list[tuple[bytes, SocketAddress]]


class Wire:
    """Notes what leaves, datagram by datagram. `fileno` -1 has the helper only seal; `full_after`: the kernel takes no more than that."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.sent: Sent = []
        self.offload = True
        self.datagrams_sent = 0
        self.drops: Counters = Counters()
        self.holds = False
        self.socket = sock

    @property
    def fileno(self) -> int:
        return self.socket.fileno() if self.socket is not None else -1

    def send(self, data: bytes, address: SocketAddress) -> None:
        self.sent.append((bytes(data), address))

    def send_segments(self, data: memoryview, segment_bytes: int, address: SocketAddress) -> None:
        self.sent += [(bytes(data[at : at + segment_bytes]), address) for at in range(0, len(data), segment_bytes)]


class Viewer:
    """What a sender asks of a subscription."""

    def __init__(self, wire: Wire, number: int, profile: int, port: int, transport_sequence: int) -> None:
        chosen = PROFILES[profile]
        secret = random.Random(number).randbytes(chosen.key_length + chosen.salt_length)
        self.transport = Transport(CERTIFICATE, [], IceLite(0.0), wire, cast(Any, None), dtls_client=False)
        self.transport._protector = Protector(SrtpKeys(chosen, secret, secret), wire.drops)
        self.transport.address = ("127.0.0.1", port)
        self.transport.transport_sequence = transport_sequence
        self.ssrc = 1000 + number
        self.native: Any = None
        self.judged = False
        self.greeted = 0
        self.packets = 0

    def send_runs(self, burst: list[Run], epoch: Epoch[Layer], now: float) -> None:
        self.transport.send_runs(burst, self.ssrc, epoch, now)
        self.packets += sum(run.count for run in burst)

    def greet(self, _now: float) -> None:
        self.greeted += 1

    def counted(self) -> tuple[int, int, int]:
        packets = self.packets + (self.native.packets if self.native is not None else 0)
        return packets, self.transport.bytes_sent, self.transport.transport_sequence


def packets(sizes: list[int], tl0: bool, start: int) -> list[Packet]:
    made = []
    for index, size in enumerate(sizes):
        payload = payloads.vp8(index, start=index == 0, tl0=index & 255 if tl0 else None, size=size, fill=index & 255)
        one = Packet(start + index, (1 << 32) - 2 + index, index % 3 == 2, payload, 0.0, ((Extension.ORIENTATION, bytes([index & 255])),))
        codecs.inspect("vp8", one)
        made.append(one)
    return made


def described(sizes: list[int], start: int) -> list[Packet]:
    """AV1 with dependency descriptors, some of them longer than 16 bytes, some packets without."""
    made = []
    for index, size in enumerate(sizes):
        one = Packet(start + index, (1 << 32) - 2 + index, index % 3 == 2, bytes([index & 255]) * size, 0.0)
        if index % 5 != 4:
            one.picture_id = 65_500 + index & 0xFFFF
            one.dependency = (
                bytes([0xC1]) + one.picture_id.to_bytes(2, "big") + bytes([index & 255]) * (40 if index % 7 == 0 else index % 3)
            )
        made.append(one)
    return made


def perform(native: bool, wire: Wire, bursts: list[list[Run]], viewers: list[Viewer], epochs: list[Epoch[Layer]], shape: Shape) -> None:
    library = load()
    assert library is not None or not native
    sender = NativeSender(library, wire) if native and library is not None else PythonSender()
    legs = Legs(
        Leg(cast(Subscription, viewer), epoch, shape, Lane(), sender.handle(cast(Subscription, viewer), epoch))
        for viewer, epoch in zip(viewers, epochs, strict=True)
    )
    middle = len(legs) // 2
    for burst in bursts:
        sender.send(burst, legs, 0, middle, 0.0)
        sender.send(burst, legs, middle, len(legs), 0.0)


OFFSETS = st.tuples(st.integers(-70_000, 70_000), st.integers(-(1 << 33), 1 << 33), st.integers(0, 0xFFFF), st.integers(0, 255))
NATIVE_TOO = pytest.mark.parametrize("native", [True, False] if compiler() else [False])


@given(
    st.lists(st.integers(1, 1150), min_size=1, max_size=70),
    st.lists(OFFSETS, min_size=1, max_size=5),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 3]),
    st.sampled_from([0, 1]),
    st.integers(0, 1 << 17),
    st.sampled_from([0, 12]),
)
@settings(max_examples=80, deadline=None)
def test_both_ways_make_the_same_bytes(
    sizes: list[int],
    offsets: list[tuple[int, int, int, int]],
    tl0: bool,
    pads: bool,
    transport_sequence: int,
    profile: int,
    first_number: int,
    descriptor_id: int,
) -> None:
    outcomes: list[tuple[Sent, list[tuple[int, int, int]]]] = []
    for native in (False, True) if compiler() else (False, False):
        wire = Wire()
        viewers = [Viewer(wire, number, profile, 2000 + number, first_number) for number in range(len(offsets))]
        tag_bytes = viewers[0].transport.tag_bytes
        passed_on = ((Extension.ORIENTATION, 5), *(((Extension.DEPENDENCY, descriptor_id),) if descriptor_id else ()))
        shape = Shape(ShapeKey(100, passed_on, 1, "0", transport_sequence, pads, tag_bytes))
        epochs = [Epoch(LAYER, 0, *each) for each in offsets]
        sent = described(sizes, 65_500) if descriptor_id else packets(sizes, tl0, 65_500)
        perform(native, wire, cut(lay_out(sent, shape)), viewers, epochs, shape)
        assert not wire.drops
        outcomes.append((sorted(wire.sent, key=lambda one: one[1]), [viewer.counted() for viewer in viewers]))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][0]) == len(sizes) * len(offsets)


@NATIVE_TOO
@pytest.mark.parametrize("offload", [True, False])
def test_more_than_the_arena_holds_arrives_whole_and_in_order_over_a_socket(native: bool, offload: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        theirs.setblocking(False)
        wire = Wire(ours)
        wire.offload = offload
        viewers = [Viewer(wire, number, 0, theirs.getsockname()[1], 0) for number in range(12)]
        shape = Shape(ShapeKey(100, (), 0, "", 0, True, 16))
        bursts = cut(lay_out(packets([1100] * 25, False, 100), shape))
        assert len(viewers) * 25 * 1100 > ARENA_BYTES
        perform(native, wire, bursts, viewers, [Epoch(LAYER, 0, 0, 0)] * 12, shape)
        for data, address in wire.sent:  # the Python way hands them to the wire
            ours.sendto(data, address)
        numbers: dict[int, list[int]] = {}
        for _ in range(300):
            data = theirs.recv(2048)
            numbers.setdefault(int.from_bytes(data[8:12], "big"), []).append(data[2] << 8 | data[3])
        assert numbers == {1000 + number: list(range(100, 125)) for number in range(12)}
        assert wire.datagrams_sent + len(wire.sent) == 300


@NATIVE_TOO
def test_what_the_kernel_refuses_goes_through_the_wire(native: bool) -> None:
    """An address that cannot be sent to in the middle hinders nobody: the wire says what to do with it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(5)
        wire = Wire(ours)
        viewers = [Viewer(wire, number, 0, theirs.getsockname()[1], 0) for number in range(3)]
        viewers[1].transport.address = ("255.255.255.255", 9)  # broadcast is not permitted on this socket: EACCES
        shape = Shape(ShapeKey(100, (), 0, "", 0, True, 16))
        perform(native, wire, cut(lay_out(packets([900, 900], False, 100), shape)), viewers, [Epoch(LAYER, 0, 0, 0)] * 3, shape)
        refused = [data for data, address in wire.sent if address[0] == "255.255.255.255"]
        assert len(refused) == 2
        for data, address in wire.sent:
            if address[0] == "127.0.0.1":
                ours.sendto(data, address)
        got = [int.from_bytes(theirs.recv(2048)[8:12], "big") for _ in range(4)]
        assert sorted(got) == [1000, 1000, 1002, 1002]


@NATIVE_TOO
def test_viewer_behind_another_wire_gets_its_packets_there(native: bool) -> None:
    """One who came over TCP, between two who did not, and back again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        ours.bind(("127.0.0.1", 0))
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(5)
        wire, other = Wire(ours), Wire()
        viewers = [Viewer(wire, number, 0, theirs.getsockname()[1], 0) for number in range(3)]
        viewers[1].transport._wire, viewers[1].transport.address = other, ("127.0.0.1%tcp", 9)
        shape = Shape(ShapeKey(100, (), 0, "", 0, True, 16))
        epochs = [Epoch(LAYER, 0, 0, 0)] * 3
        perform(native, wire, cut(lay_out(packets([900, 900], False, 100), shape)), viewers, epochs, shape)
        assert [address for _, address in other.sent] == [("127.0.0.1%tcp", 9)] * 2
        if viewers[1].transport.native is not None:
            viewers[1].transport._wire, viewers[1].transport.address = wire, theirs.getsockname()
            viewers[1].transport.native.move(theirs.getsockname(), wire)
            perform(native, wire, cut(lay_out(packets([900], False, 102), shape)), viewers, epochs, shape)
            assert len(other.sent) == 2
            wanted = 7
        else:
            wanted = 4
        for data, address in wire.sent:
            ours.sendto(data, address)
        got = [int.from_bytes(theirs.recv(2048)[8:12], "big") for _ in range(wanted)]
        assert sorted(got) == sorted([1000, 1000, 1002, 1002, 1000, 1001, 1002][:wanted])


@NATIVE_TOO
def test_closed_viewer_gets_nothing_and_each_is_greeted(native: bool) -> None:
    wire = Wire()
    viewers = [Viewer(wire, number, 0, 2000 + number, 0) for number in range(3)]
    shape = Shape(ShapeKey(100, (), 0, "", 0, True, 16))
    run = lay_out(packets([100], False, 1), shape)
    sender = NativeSender(cast(Any, load()), wire) if native else PythonSender()
    epoch = Epoch(LAYER, 0, 0, 0)
    legs = Legs(Leg(cast(Subscription, v), epoch, shape, Lane(), sender.handle(cast(Subscription, v), epoch)) for v in viewers)
    viewers[1].transport.state = "closed"
    if native:
        viewers[1].transport.native.struct.closed = 1  # type: ignore[union-attr]
    sender.send(run, legs, 0, 3, 0.0)
    assert [address[1] for _, address in wire.sent] == [2000, 2002]
    if native:
        assert [viewer.greeted for viewer in viewers] == [1, 1, 1]


def test_addresses_are_laid_out_as_the_kernel_has_them() -> None:
    assert pack_address(("127.0.0.1", 258))[2:] == b"\x01\x02\x7f\x00\x00\x01" + bytes(8)
    assert len(pack_address(("::1", 1, 0, 0))) == 28
    assert pack_address(("fe80::1", 258, 0, 3))[8:24] == socket.inet_pton(socket.AF_INET6, "fe80::1")
