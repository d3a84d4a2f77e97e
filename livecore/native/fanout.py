"""One frame to many connections in one call."""

import os
from array import array
from typing import NamedTuple

from livecore.native.library import load


class Short(NamedTuple):
    """A descriptor that did not take the whole frame.

    `place`: where it stands in what was given. `taken_bytes`: how many bytes the kernel took: 0 when it would block (or the place
    was empty), fewer than the frame's when its buffer filled up. `error`: an errno when the connection is dead, else 0.
    """

    place: int
    taken_bytes: int
    error: int


class FanOut:
    """Sends a frame to many connected, non-blocking stream sockets; natively where the helper is there.

    The contract is the same either way:

    - Each descriptor is tried once, in the order given, and never waited for.
    - What is returned names those that did not take the whole frame, in order: an empty list means that
      everybody has it. The caller sends the rest (`frame[taken_bytes:]`) when the socket is writable again, and until then gives
      -1 in that member's place (or leaves it out): a frame must never overtake the rest of the one before.
    - A place of -1 is passed over and comes back with nothing taken, so that the caller queues the frame for it.
    - An error (EPIPE, ECONNRESET, EBADF …) means that nothing was taken and nothing ever will be. No signal is raised.
    - TLS connections are not for this: their bytes are made by the TLS layer.
    - A call costs some 2 to 6 µs a descriptor and holds its thread as long: give a few hundred at a time, so that the loop
      has its turn. The interpreter lock is released meanwhile; one object must not be used by two threads at once.
    - The descriptors must stay open during the call: close a socket only in the thread that calls.
    """

    def __init__(self, mode: str = "auto") -> None:
        self._library = load(mode)
        self._room = 0
        self._results = None if self._library is None else self._library.ffi.new("int[]", 1)

    @property
    def native(self) -> bool:
        return self._library is not None

    def send(self, fds: "array[int]", frame: bytes) -> list[Short]:
        """`fds`: of type "i", -1 for an empty place. `frame`: at least one byte."""
        library = self._library
        if library is None:
            return _send_in_python(fds, frame)
        count = len(fds)
        if count > self._room:
            self._room = 2 * count
            self._results = library.ffi.new("int[]", self._room)
        results = self._results
        if not library.lib.lc_fan_out(library.ffi.from_buffer("int[]", fds), count, frame, len(frame), results):
            return []
        size = len(frame)
        return [
            Short(index, max(0, taken), max(0, -taken)) for index, taken in enumerate(library.ffi.unpack(results, count)) if taken != size
        ]


def _send_in_python(fds: "array[int]", frame: bytes) -> list[Short]:
    """The reference."""
    short: list[Short] = []
    size = len(frame)
    for index, fd in enumerate(fds):
        if fd < 0:
            short.append(Short(index, 0, 0))
            continue
        try:
            taken = os.write(fd, frame)
        except BlockingIOError:
            short.append(Short(index, 0, 0))
        except OSError as exc:
            short.append(Short(index, 0, exc.errno or 0))
        else:
            if taken != size:
                short.append(Short(index, taken, 0))
    return short
