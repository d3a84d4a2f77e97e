"""The socket itself: kernel times, segments, and what happens where the kernel or the peer does not play along."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from livecore.media.drops import Drop
from livecore.media.endpoint import DRAIN_LIMIT, HELD_LIMIT_BYTES, HELD_LIMIT_S, Endpoint
from tests.waiting import until


class Heard:
    """What an endpoint received, and how often it said that it had drained."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[bytes, float, float]] = []
        self.drains: list[int] = []
        self.backlog = 0

    def received(self, data: bytes, _source: Any, at: float, now: float) -> bool:
        self.datagrams.append((data, at, now))
        return data.startswith(b"report")

    def drained(self, _now: float) -> None:
        self.drains.append(len(self.datagrams))


@asynccontextmanager
async def endpoint(host: str = "127.0.0.1", rest_s: float = 0.0) -> AsyncIterator[tuple[Endpoint, Heard, socket.socket]]:
    heard = Heard()
    made = Endpoint(host, 0, heard.received, heard.drained, lambda: heard.backlog, 100, rest_s)
    peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((host, 0))
    peer.settimeout(2)
    made.start()
    try:
        yield made, heard, peer
    finally:
        made.close()
        peer.close()


async def test_arrival_is_when_the_kernel_had_it_not_when_the_loop_looked() -> None:
    async with endpoint() as (made, heard, peer):
        # The kernel turns its stamping on in the background when the first socket asks for it.
        peer.sendto(b"w", (made.host, made.port))
        await until(lambda: heard.datagrams, "the first datagram")
        before = time.monotonic()
        peer.sendto(b"x", (made.host, made.port))
        sent = time.monotonic()
        while time.monotonic() < sent + 0.05:  # a busy loop: nothing is read meanwhile
            pass
        await until(lambda: len(heard.datagrams) == 2, "the datagram")
        _, at, now = heard.datagrams[1]
        # On loopback the kernel stamps it while it is sent; the two clocks are compared to within milliseconds.
        assert before - 0.01 <= at <= sent + 0.01
        assert now - at > 0.03


async def test_drain_ends_early_when_there_is_much_to_forward() -> None:
    async with endpoint() as (made, heard, peer):
        heard.backlog = 101
        for number in range(10):
            peer.sendto(bytes([number]), (made.host, made.port))
        await until(lambda: len(heard.datagrams) == 10, "all of them")
        assert heard.drains == list(range(1, 11))


async def test_one_drain_is_bounded() -> None:
    async with endpoint() as (made, heard, peer):
        for _ in range(DRAIN_LIMIT + 10):
            peer.sendto(b"x", (made.host, made.port))
        await until(lambda: len(heard.datagrams) == DRAIN_LIMIT + 10, "all of them")
        assert heard.drains[0] <= DRAIN_LIMIT


async def test_datagram_larger_than_any_packet_is_counted() -> None:
    async with endpoint() as (made, _heard, peer):
        peer.sendto(bytes(5000), (made.host, made.port))
        await until(lambda: made.drops[Drop.OVERSIZED], "the drop")


async def test_reports_are_taken_in_together_where_many_come_and_nothing_else_waits_for_long() -> None:
    rest_s = 0.2
    async with endpoint(rest_s=rest_s) as (made, heard, peer):
        to = made.host, made.port
        peer.sendto(b"report", to)  # two close to each other begin it
        await until(lambda: len(heard.datagrams) == 1, "a report")
        peer.sendto(b"report", to)
        await until(lambda: len(heard.datagrams) == 2, "a report")
        began = time.monotonic()
        for _ in range(5):
            peer.sendto(b"report", to)
            await asyncio.sleep(0)
        peer.sendto(b"media", to)
        await until(lambda: len(heard.datagrams) == 8, "what came meanwhile")
        assert heard.drains[-1] - heard.drains[-2] == 6  # one drain
        assert heard.datagrams[-1][2] - began < rest_s + 0.5
        # After media the socket is watched again: what comes next is there at once, and a single report begins nothing.
        peer.sendto(b"media", to)
        await until(lambda: len(heard.datagrams) == 9, "media")
        assert made._resting is None


@pytest.mark.parametrize("offload", [True, False])
async def test_segments_arrive_one_by_one(offload: bool) -> None:
    async with endpoint() as (made, _heard, peer):
        made.offload = made.offload and offload
        data = b"".join(bytes([number]) * 100 for number in range(5)) + b"tail"
        made.send_segments(memoryview(data), 100, peer.getsockname())
        got = [await asyncio.to_thread(peer.recv, 2048) for _ in range(6)]
        assert got == [bytes([number]) * 100 for number in range(5)] + [b"tail"]
        assert made.datagrams_sent == 6


@pytest.mark.parametrize(("refusal", "for_good"), [(errno.EIO, True), (errno.EINVAL, False)])
async def test_refused_segments_leave_as_single_datagrams(monkeypatch: pytest.MonkeyPatch, refusal: int, for_good: bool) -> None:
    """A device without checksum offload refuses every time; a narrow path only for its own peer."""
    async with endpoint() as (made, _heard, peer):

        class Refusing:
            """The endpoint's own socket, whose segmented sends fail."""

            def __init__(self, inner: socket.socket) -> None:
                self.inner = inner

            def __getattr__(self, name: str) -> Any:
                return getattr(self.inner, name)

            def sendmsg(self, *_arguments: Any) -> int:
                raise OSError(refusal, "refused")

        made.offload = True
        monkeypatch.setattr(made, "_socket", Refusing(made._socket))
        made.send_segments(memoryview(b"aabbc"), 2, peer.getsockname())
        assert [await asyncio.to_thread(peer.recv, 2048) for _ in range(3)] == [b"aa", b"bb", b"c"]
        assert made.offload is not for_good
        assert not made.drops


async def test_send_that_fails_is_counted_and_raises_nothing() -> None:
    async with endpoint() as (made, _heard, _peer):
        made.send(bytes(70_000), ("127.0.0.1", 9))
        made.send_segments(memoryview(bytes(70_000)), 1000, ("127.0.0.1", 9))
        assert made.drops[Drop.SEND_FAILED] >= 1


async def test_dual_stack_address_takes_both_families() -> None:
    async with endpoint("::") as (made, heard, _peer):
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as one:
                one.sendto(host.encode(), (host, made.port))
        await until(lambda: len(heard.datagrams) == 2, "both")
        assert {data for data, _, _ in heard.datagrams} == {b"127.0.0.1", b"::1"}


class Full:
    """The endpoint's own socket; takes nothing while `full`."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner
        self.full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def sendto(self, *arguments: Any) -> int:
        if self.full:
            raise BlockingIOError
        return self.inner.sendto(*arguments)

    def sendmsg(self, *arguments: Any) -> int:
        if self.full:
            raise BlockingIOError
        return self.inner.sendmsg(*arguments)


async def test_full_send_buffer_delays_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as (made, _heard, peer):
        full = Full(made._socket)
        monkeypatch.setattr(made, "_socket", full)
        made.send_segments(memoryview(b"aabbc"), 2, peer.getsockname())
        full.full = False
        assert made.holds
        made.send(b"d", peer.getsockname())
        assert [await asyncio.to_thread(peer.recv, 2048) for _ in range(4)] == [b"aa", b"bb", b"c", b"d"]
        await until(lambda: not made.holds, "nothing to wait any more")
        assert made.datagrams_held == 4
        assert not made.drops


async def test_what_waits_for_the_kernel_is_bounded_and_counted_when_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as (made, _heard, peer):
        full = Full(made._socket)
        monkeypatch.setattr(made, "_socket", full)
        for _ in range(HELD_LIMIT_BYTES // 50_000 + 10):
            made.send_segments(memoryview(bytes(50_000)), 1000, peer.getsockname())
        assert made.drops[Drop.SEND_BUFFER_FULL] >= 9 * 50
        lost = made.drops[Drop.SEND_BUFFER_FULL]
        monkeypatch.setattr(made, "_clock", lambda: time.monotonic() + HELD_LIMIT_S)
        await until(lambda: not made.holds, "what is too old to be given up")
        assert made.drops[Drop.SEND_BUFFER_FULL] > lost
