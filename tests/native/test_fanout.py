"""One frame to many sockets: the same answers from C and from Python."""

import errno
import socket
from array import array
from collections.abc import Iterator

import pytest

from livecore.native import FanOut, load
from livecore.native.build import compiler
from livecore.native.fanout import Short

FRAME = b"\x81\x05hello"


@pytest.fixture(params=["auto", "off"] if compiler() else ["off"])
def fan_out(request: pytest.FixtureRequest) -> FanOut:
    if request.param == "auto":
        assert load() is not None, "the helper is not built: make setup"
    return FanOut(request.param)


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(5)]
    for pair in made:
        for end in pair:
            end.setblocking(False)
    yield made
    for pair in made:
        for end in pair:
            end.close()


def fds(pairs: list[tuple[socket.socket, socket.socket]]) -> "array[int]":
    return array("i", [ours.fileno() for ours, _ in pairs])


def test_everybody_gets_the_frame(fan_out: FanOut, pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    assert fan_out.send(fds(pairs), FRAME) == []
    assert [theirs.recv(100) for _, theirs in pairs] == [FRAME] * 5
    assert fan_out.send(array("i"), FRAME) == []


def test_full_dead_and_empty_places_are_named_and_hinder_nobody(fan_out: FanOut, pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    ours, _ = pairs[1]
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(b"x" * 4096)
    pairs[2][1].close()
    places = fds(pairs)
    places[3] = -1
    assert fan_out.send(places, FRAME) == [Short(1, 0, 0), Short(2, 0, errno.EPIPE), Short(3, 0, 0)]
    assert [pairs[index][1].recv(100) for index in (0, 4)] == [FRAME] * 2
    with pytest.raises(BlockingIOError):
        pairs[3][1].recv(100)


def test_frame_larger_than_the_buffer_is_taken_in_part(fan_out: FanOut, pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _ = listener.accept()
    with listener, ours, theirs:
        ours.setblocking(False)
        frame = bytes(20 << 20)
        (short,) = fan_out.send(array("i", [ours.fileno()]), frame)
        assert 0 < short.taken_bytes < len(frame)
        assert (short.place, short.error) == (0, 0)


def test_descriptor_that_is_closed_is_an_error(fan_out: FanOut) -> None:
    one, other = socket.socketpair()
    number = one.fileno()
    one.close()
    other.close()
    assert fan_out.send(array("i", [number]), FRAME) == [Short(0, 0, errno.EBADF)]
