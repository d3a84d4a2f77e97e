"""Sealing and sending a burst to many viewers: in Python, the reference, and through the native helper.

Both make the same bytes (`tests/media/test_senders.py`). The native one crosses into C once a burst.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from livecore.media.addresses import pack_address
from livecore.media.connection import SocketAddress, Transport, Wire
from livecore.media.drops import Drop
from livecore.media.estimate import Estimator, SendSideEstimator
from livecore.media.estimate_native import NativeEstimator
from livecore.media.pacer import Legs, Sender
from livecore.media.transport import PROTECT_ADDRESS
from livecore.media.wire import Run
from livecore.native import Library

if TYPE_CHECKING:
    from livecore.media.rewrite import Epoch
    from livecore.media.source import Layer
    from livecore.media.subscription import Subscription

# What is sealed before it is sent: it stays in a core's own cache.
ARENA_BYTES = 256 * 1024
SEALED_LIMIT = 512


class PythonSender:
    def estimator(self) -> Estimator:
        return SendSideEstimator()

    def handle(self, subscription: Subscription, epoch: Epoch[Layer]) -> object:
        return None

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, now: float) -> None:
        for leg in legs[begin:end]:
            leg.subscription.send_runs(burst, leg.epoch, now)


class NativePeer:
    """A transport's numbers, kept where the helper writes them."""

    __slots__ = ("_wire", "struct")

    def __init__(self, library: Library, transport: Transport, wire: Wire) -> None:
        self._wire = wire  # the one that the helper sends over
        self.struct = library.ffi.new("lc_peer *")
        self.struct.transport_sequence = transport.transport_sequence
        self.struct.session = library.ffi.cast("void *", transport.session_address)
        if isinstance(transport.estimator, NativeEstimator):
            self.struct.estimate = transport.estimator.struct
        self.move(transport.address, transport.wire)

    def move(self, address: SocketAddress, wire: Wire) -> None:
        """Over another wire (TCP) what the helper seals is sent by that: it has no address."""
        packed = pack_address(address) if wire is self._wire else b""
        self.struct.address[0 : len(packed)] = packed
        self.struct.address_bytes = len(packed)


class NativeSender:
    """Through the helper, over a wire that has a socket, or else only sealing (`fileno` is -1: tests' emulated networks)."""

    def __init__(self, library: Library, wire: Wire) -> None:
        ffi = library.ffi
        self._library = library
        self._wire = wire
        self._protect = ffi.cast("int (*)(void *, void *, int *)", PROTECT_ADDRESS)
        self._arena = ffi.new("uint8_t[]", ARENA_BYTES)
        self._view = memoryview(ffi.buffer(self._arena))
        self._sealed = ffi.new("lc_sealed[]", SEALED_LIMIT)
        self._outcome = ffi.new("lc_outcome *")

    def estimator(self) -> Estimator:
        return NativeEstimator(self._library)

    def handle(self, subscription: Subscription, epoch: Epoch[Layer]) -> object:
        """The leg for C. It refers to the track and the peer, which the subscription and its transport keep."""
        ffi = self._library.ffi
        transport = subscription.transport
        if transport.native is None:
            transport.native = NativePeer(self._library, transport, self._wire)
        if subscription.native is None:
            subscription.native = ffi.new("lc_track *", {"peer": transport.native.struct, "ssrc": subscription.ssrc})
        return ffi.new(
            "lc_leg *",
            {
                "track": subscription.native,
                "sequence_offset": epoch.sequence_offset & 0xFFFFFFFF,
                "timestamp_offset": epoch.timestamp_offset & 0xFFFFFFFF,
                "picture_offset": epoch.picture_offset,
                "tl0_offset": epoch.tl0_offset,
            },
        )

    def send(self, burst: Sequence[Run], legs: Legs, begin: int, end: int, now: float) -> None:
        ffi, outcome, wire = self._library.ffi, self._outcome, self._wire
        if legs.handles is None:
            legs.handles = ffi.new("lc_leg *[]", [leg.handle for leg in legs])
        runs = ffi.new("lc_run *[]", [self._run(run) for run in burst])
        outcome.next_leg, outcome.next_run = begin, 0
        while outcome.next_leg < end:
            # What is held already must leave first.
            fd = -1 if wire.holds else wire.fileno
            self._library.lib.lc_forward(
                fd, wire.offload, self._protect, runs, len(burst), legs.handles, end,
                self._arena, ARENA_BYTES, self._sealed, SEALED_LIMIT, now, outcome,
            )  # fmt: skip
            wire.datagrams_sent += outcome.datagrams
            if outcome.failed:
                wire.drops[Drop.PROTECT_FAILED] += outcome.failed
            for index in range(outcome.sealed_from, outcome.sealed_to):
                # What the kernel did not take, and what is another wire's (or there is no socket): the wire knows what to do.
                one = self._sealed[index]
                view = self._view[one.offset : one.offset + one.bytes]
                transport = legs[one.leg].subscription.transport
                transport.wire.send_segments(view, one.segment_bytes, transport.address)
        if not legs.greeted:
            for leg in legs[begin:end]:
                leg.subscription.greet(now)
            legs.greeted = end == len(legs)

    def _run(self, run: Run) -> Any:
        if run.native is None:
            ffi = self._library.ffi
            template = ffi.from_buffer(run.template)
            segments = ffi.new(
                "lc_segment[]",
                [
                    (
                        s.offset,
                        s.length,
                        s.sequence & 0xFFFFFFFF,
                        s.timestamp & 0xFFFFFFFF,
                        s.picture_at,
                        s.picture_id,
                        s.tl0_at,
                        s.tl0,
                        s.frame_at,
                    )
                    for s in run.segments
                ],
            )
            made = ffi.new(
                "lc_run *",
                (template, segments, len(run.template), run.segment_bytes, run.count, run.transport_sequence_at, run.octets),
            )
            run.native = made, segments, template
        return run.native[0]


def make_sender(library: Library | None, wire: Wire) -> Sender:
    return PythonSender() if library is None else NativeSender(library, wire)
