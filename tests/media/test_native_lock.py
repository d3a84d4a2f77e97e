"""One native call carries a burst to all its viewers without the interpreter lock: other Python threads go on meanwhile."""

import contextlib
import ctypes
import os
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from livecore.media.pacer import Lane, Leg, Legs
from livecore.media.rewrite import Epoch
from livecore.media.senders import NativeSender
from livecore.media.subscription import Subscription
from livecore.media.wire import Shape, ShapeKey, lay_out
from livecore.native import Library, load
from livecore.native.build import OUTPUT
from tests.media.test_senders import LAYER, Viewer, Wire, packets

VIEWERS, PACKETS = 20, 5
STEPS = VIEWERS * PACKETS


class Holding:
    """The helper's functions, called as those of a library that does not let go of the lock."""

    def __init__(self, library: Library) -> None:
        self._ffi = library.ffi
        self._lib = ctypes.PyDLL(str(OUTPUT))

    def lc_forward(self, *arguments: Any) -> None:
        self._lib.lc_forward(*[self._passed(argument) for argument in arguments])

    def _passed(self, argument: Any) -> Any:
        if isinstance(argument, self._ffi.CData):
            return ctypes.c_void_p(int(self._ffi.cast("uintptr_t", argument)))
        return ctypes.c_double(argument) if isinstance(argument, float) else int(argument)


class Gate:
    """What the helper is given for `srtp_protect`: it lets each packet through only when somebody has opened it once more.

    `opened`: how often a Python thread did, which opens only a gate that is shut: once a packet, while the call is under way.
    """

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC)
        self.opened = 0
        self._over = threading.Event()

    def open_each(self) -> None:
        while not self._over.is_set():
            if not select.select([self.fd], [], [], 0)[0]:
                os.eventfd_write(self.fd, 1)
                self.opened += 1

    @contextlib.contextmanager
    def beside(self, patience_s: float) -> Iterator[None]:
        """The thread runs; after `patience_s` another process opens for everybody, so that a call that nobody can help comes back."""
        words = f"import os, time; time.sleep({patience_s}); os.eventfd_write({self.fd}, {STEPS})"
        rescue = subprocess.Popen([sys.executable, "-S", "-c", words], pass_fds=[self.fd])
        thread = threading.Thread(target=self.open_each)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            rescue.kill()
            rescue.wait()
            os.close(self.fd)


@pytest.mark.parametrize("holds", [False, True], ids=["released", "held, to compare"])
def test_another_thread_makes_a_step_for_each_packet_of_one_call(holds: bool) -> None:
    helper = load()
    assert helper is not None, "the helper is not built: make setup"
    gate, wire = Gate(), Wire()
    sender = NativeSender(Library(helper.ffi, Holding(helper)) if holds else helper, wire)
    c_library = helper.ffi.dlopen(None)
    helper.ffi.cdef("int eventfd_read(int, void *);", override=True)
    sender._protect = helper.ffi.cast("int (*)(void *, void *, int *)", c_library.eventfd_read)
    viewers = [Viewer(wire, number, 0, 2000 + number, 0) for number in range(VIEWERS)]
    shape, epoch = Shape(ShapeKey(100, (), 0, "", 0, True, 16)), Epoch(LAYER, 0, 0, 0)
    legs = Legs(Leg(cast(Subscription, v), epoch, shape, Lane(), sender.handle(cast(Subscription, v), epoch)) for v in viewers)
    for viewer in viewers:
        assert viewer.transport.native is not None
        viewer.transport.native.struct.session = helper.ffi.cast("void *", gate.fd)
    (run,) = lay_out(packets([100] * PACKETS, False, 1), shape)
    calls, forward = [], sender._library.lib.lc_forward
    sender._library = Library(helper.ffi, type("Counted", (), {"lc_forward": staticmethod(lambda *a: (calls.append(a), forward(*a))[1])}))
    with gate.beside(0.3 if holds else 30):
        sender.send([run], legs, 0, VIEWERS, 0.0)
        opened = gate.opened
    assert len(calls) == 1, "one call for all viewers"
    assert len(wire.sent) == STEPS, "everything left"
    if holds:
        assert opened <= 2, "nobody else had a turn: the first may have come before the call, and one was counted after it"
    else:
        assert opened >= STEPS - 1, "the last may not be counted yet"
