"""Feedback that the native helper takes in: what it makes of any bytes, whose it thinks they are, and what still comes to Python."""

import ctypes
import mmap
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livecore.media import inbox as native_inbox
from livecore.media import rtcp
from livecore.media.addresses import pack_address, unpack_address
from livecore.media.connection import Transport
from livecore.media.drops import Drop
from livecore.media.endpoint import Endpoint
from livecore.media.estimate_native import NativeEstimator
from livecore.media.ice import IceLite
from livecore.media.inbox import DATAGRAMS, NativeInbox
from livecore.media.rtcp import FEEDBACK_LIMIT
from livecore.media.transport import PROFILES, Protector, SrtpKeys, Unprotector, generate_certificate
from livecore.media.twcc import TransportFeedbackBuilder
from livecore.native import Library, load
from livecore.native.build import HERE
from tests.waiting import until

LIBRARY = cast(Library, load())
pytestmark = pytest.mark.usefixtures("helper")
CERTIFICATE = generate_certificate()
LOST = -(1 << 63)
PAGE = mmap.PAGESIZE


@pytest.fixture(scope="module")
def helper() -> None:
    assert LIBRARY is not None, "the helper was not built"


class Guarded:
    """Bytes that end where a page begins that nobody may read."""

    def __init__(self) -> None:
        self._pages = mmap.mmap(-1, 2 * PAGE)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(self.address + PAGE), ctypes.c_size_t(PAGE), 0) == 0

    def put(self, data: bytes) -> Any:
        self._pages[PAGE - len(data) : PAGE] = data
        return LIBRARY.ffi.cast("uint8_t *", self.address + PAGE - len(data))


GUARDED = Guarded()
ARRIVALS = LIBRARY.ffi.new("int64_t[]", FEEDBACK_LIMIT) if LIBRARY is not None else None
BASE = LIBRARY.ffi.new("uint32_t *") if LIBRARY is not None else None


def parse_natively(data: bytes) -> tuple[int, tuple[int | None, ...]] | None:
    count = LIBRARY.lib.lc_parse_feedback(GUARDED.put(data), len(data), ARRIVALS, BASE)
    if count < 0:
        return None
    return BASE[0], tuple(None if ARRIVALS[i] == LOST else ARRIVALS[i] for i in range(count))


def parse_in_python(data: bytes) -> tuple[int, tuple[int | None, ...]] | None:
    """Of a message that is feedback and nothing else."""
    messages, malformed = rtcp.parse(data)
    if malformed or len(messages) != 1 or not isinstance(messages[0], rtcp.TransportFeedback):
        return None
    return messages[0].base, messages[0].arrivals


def built(rng: random.Random, count: int) -> bytes:
    builder = TransportFeedbackBuilder()
    at, number = rng.uniform(0, 1e6), rng.randrange(1 << 16)
    for offset in range(count):
        at += rng.choice((0.0, 0.0002, 0.01, 0.1, 3.0))
        if not offset or rng.random() < 0.9:
            builder.add(number + offset & 0xFFFF, at - rng.choice((0.0, 0.0, 0.02)))
    message = builder.build(1, 2)
    assert message is not None
    return message


@given(st.binary(max_size=120), st.booleans())
@example(b"", True)
@example(bytes([0x8F, rtcp.RTPFB, 0, 4]) + bytes(16), False)
def test_any_bytes_are_taken_apart_natively_as_in_python(data: bytes, framed: bool) -> None:
    if framed:  # as a message of the right kind and length
        data += bytes(-len(data) % 4)
        data = bytes([0x8F, rtcp.RTPFB]) + (len(data) // 4).to_bytes(2, "big") + data
    assert parse_natively(data) == parse_in_python(data)


@given(st.integers(0, 1 << 32), st.integers(1, 300), st.integers(0, 4))
def test_feedback_and_what_becomes_of_it_on_the_way_is_taken_apart_natively_as_in_python(seed: int, count: int, harm: int) -> None:
    rng = random.Random(seed)
    data = bytearray(built(rng, count))
    if not harm:
        assert parse_natively(bytes(data)) is not None
    for _ in range(harm):
        data[rng.choice((0, 14, 15, 20, 21, rng.randrange(len(data)), len(data) - 1))] = rng.randrange(256)
    if harm > 2:
        data = data[: rng.randrange(len(data))]
        data = data[: len(data) & ~3]
        data[2:4] = (max(0, len(data) // 4 - 1)).to_bytes(2, "big")
    assert parse_natively(bytes(data)) == parse_in_python(bytes(data))


def test_feedback_on_more_packets_than_anybody_has_on_the_way_is_malformed_both_ways() -> None:
    for count in (FEEDBACK_LIMIT, FEEDBACK_LIMIT + 1, 65_535):
        chunks = b"\x1f\xff" * -(-count // 8191)
        body = bytes(8) + (5).to_bytes(2, "big") + count.to_bytes(2, "big") + bytes(4) + chunks
        body += bytes(-len(body) % 4)
        data = bytes([0x8F, rtcp.RTPFB]) + (len(body) // 4).to_bytes(2, "big") + body
        assert parse_natively(data) == parse_in_python(data)
        assert (parse_natively(data) is None) == (count > FEEDBACK_LIMIT)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.booleans()), max_size=120))
def test_table_of_addresses_says_what_a_dictionary_would(steps: list[tuple[bool, int, bool]]) -> None:
    """Some of them IPv4, once as itself and once mapped, some IPv6; with more than there is room for."""
    inbox = NativeInbox(LIBRARY, 8)
    transport = viewer()
    expected: set[tuple[str, int]] = set()
    for adds, number, six in steps:
        address = ("2001:db8::" if six else "192.0.2.") + f"{number % 5}", 1000 + number // 5
        if adds:
            inbox.put(address, transport)
            if len(expected) < 8:
                expected.add(address)
        else:
            inbox.remove(address)
            expected.discard(address)
        assert set(inbox._by_address) == expected
        assert len(inbox) == len(expected)


def test_addresses_are_read_as_the_kernel_writes_them() -> None:
    for address in (("127.0.0.1", 258), ("2001:db8::1", 5, 0, 0), ("fe80::1", 65_535, 7, 3)):
        assert unpack_address(pack_address(address)) == address


def keys() -> SrtpKeys:
    chosen = PROFILES[0]
    secret = random.Random(5).randbytes(chosen.key_length + chosen.salt_length)
    return SrtpKeys(chosen, secret, secret)


class Owner:
    """The session that a transport belongs to."""

    def __init__(self) -> None:
        self.opened: list[bytes] = []
        self.estimates = 0

    def on_rtcp(self, packet: bytes, _now: float) -> None:
        self.opened.append(packet)

    def on_estimate(self) -> None:
        self.estimates += 1


def viewer(owner: Owner | None = None) -> Transport:
    made = Transport(CERTIFICATE, [], IceLite(0.0), cast(Any, None), cast(Any, owner), dtls_client=False)
    made._unprotector = Unprotector(keys())
    made.state = "connected"
    made.estimator = NativeEstimator(LIBRARY)
    return made


@contextmanager
def socket_with_inbox(host: str, limit: int = 100) -> Iterator[tuple[Endpoint, NativeInbox, list[tuple[bytes, Any]], socket.socket]]:
    inbox = NativeInbox(LIBRARY, limit)
    heard: list[tuple[bytes, Any]] = []

    def received(data: bytes, source: Any, _at: float, _now: float) -> bool:
        heard.append((data, source))
        return False

    made = Endpoint(host, 0, received, lambda _now: None, lambda: 0, 100, inbox=inbox)
    peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((host, 0))
    made.start()
    try:
        yield made, inbox, heard, peer
    finally:
        made.close()
        peer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_viewers_feedback_is_taken_in_and_everything_else_comes_as_it_was(host: str) -> None:
    with socket_with_inbox(host) as (made, inbox, heard, peer):
        owner = Owner()
        transport, sealing = viewer(owner), Protector(keys(), made.drops)
        to, source = (made.host, made.port), peer.getsockname()
        assert transport.estimator is not None

        def seal(packet: bytes) -> bytes:
            sealed = sealing.rtcp(packet)
            assert sealed is not None
            return sealed

        message = built(random.Random(1), 20)
        report = rtcp.build_receiver_report(1, [])
        peer.sendto(seal(message), to)
        await until(lambda: len(heard) == 1, "what comes before the inbox knows the peer")
        assert heard[0][1] == source
        inbox.put(source, transport)
        transport.estimator.on_sent(1, 1, 1000, 1.0)
        peer.sendto(seal(message), to)
        peer.sendto(seal(message), to)
        await until(lambda: transport.estimator is not None and transport.estimator.messages == 2, "the feedback")
        peer.sendto(seal(report + message), to)
        await until(lambda: owner.opened, "a compound of something else too")
        assert owner.opened == [report + message]
        assert owner.estimates == 1, "the first is told, and a change"
        replayed = seal(report)
        peer.sendto(replayed, to)
        peer.sendto(replayed, to)
        forged = seal(report)
        peer.sendto(forged[:9] + bytes([forged[9] ^ 1]) + forged[10:], to)
        await until(lambda: transport.drops[Drop.SRTP_REPLAY] and transport.drops[Drop.SRTP_AUTH], "refusals to be counted")
        peer.sendto(b"\x80\x60" + bytes(20), to)
        peer.sendto(bytes(5000), to)
        await until(lambda: len(heard) == 2 and made.drops[Drop.OVERSIZED], "media, and what is too large")
        inbox.remove(source[:2])
        peer.sendto(seal(report), to)
        await until(lambda: len(heard) == 3, "what comes when the inbox knows the peer no more")
        assert inbox.heard == 6
        assert not len(inbox)


async def test_much_at_once_is_taken_in_whole_and_in_order() -> None:
    with socket_with_inbox("127.0.0.1") as (made, inbox, heard, peer):
        for number in range(3 * DATAGRAMS):
            peer.sendto(number.to_bytes(2, "big"), (made.host, made.port))
        await until(lambda: len(heard) == 3 * DATAGRAMS, "all of them")
        assert [int.from_bytes(data, "big") for data, _ in heard] == list(range(3 * DATAGRAMS))
        assert inbox.heard == 0


def test_numbers_agree_with_the_helpers() -> None:
    header = (HERE / "helper.h").read_text()
    assert f"#define LC_DATAGRAMS {DATAGRAMS}\n" in header
    assert f"#define LC_DATAGRAM_BYTES {native_inbox.DATAGRAM_BYTES}\n" in header
    assert f"#define LC_FEEDBACK_LIMIT {FEEDBACK_LIMIT}\n" in header
