"""WebSocket frames, cut anywhere."""

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecore.signaling.engine import frames
from livecore.signaling.engine.frames import BadFrame, FrameReader, Message, frame

LIMIT = 1000


def masked(data: bytes, opcode: int = frames.TEXT, *, final: bool = True, rsv: int = 0, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """As a client sends it."""
    size = len(data)
    first = (0x80 if final else 0) | rsv | opcode
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


@given(st.lists(st.tuples(st.sampled_from([frames.TEXT, frames.BINARY]), st.text(max_size=200)), max_size=6), st.data())
def test_messages_are_whole_wherever_the_bytes_are_cut(messages: list[tuple[int, str]], cuts: st.DataObject) -> None:
    stream = b"".join(masked(text.encode(), opcode, mask=os.urandom(4)) for opcode, text in messages)
    places = sorted(cuts.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reader, found = FrameReader(LIMIT), []
    for start, end in zip([0, *places], [*places, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == [Message(opcode, text if opcode == frames.TEXT else text.encode()) for opcode, text in messages]


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_a_refusal_with_a_close_code(data: bytes) -> None:
    code = frames.NORMAL
    try:
        FrameReader(LIMIT).feed(data)
    except BadFrame as refused:
        code = refused.code
    assert code in (frames.NORMAL, frames.PROTOCOL_ERROR, frames.BAD_TEXT, frames.POLICY, frames.TOO_BIG)


def test_fragments_are_joined_with_a_ping_between_them() -> None:
    stream = masked(b"he", final=False) + masked(b"p", frames.PING) + masked("ll€".encode(), frames.CONTINUATION)
    assert FrameReader(LIMIT).feed(stream) == [Message(frames.PING, b"p"), Message(frames.TEXT, "hell€")]


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (frame(b"unmasked"), frames.PROTOCOL_ERROR),
        (masked(b"x", rsv=0x40), frames.PROTOCOL_ERROR),
        (masked(b"x", 3), frames.PROTOCOL_ERROR),
        (masked(b"x", 11), frames.PROTOCOL_ERROR),
        (masked(b"x", frames.CONTINUATION), frames.PROTOCOL_ERROR),
        (masked(b"x", final=False) + masked(b"y"), frames.PROTOCOL_ERROR),
        (masked(b"x", frames.PING, final=False), frames.PROTOCOL_ERROR),
        (masked(b"x" * 126, frames.PING), frames.PROTOCOL_ERROR),
        (masked(b"\xff\xfe"), frames.BAD_TEXT),
        (masked(b"x" * (LIMIT + 1)), frames.TOO_BIG),
        (struct.pack("!BBQ", 0x82, 0x80 | 127, 2**62) + b"\0\0\0\0", frames.TOO_BIG),
        (masked(b"x" * 600, final=False) + masked(b"x" * 600, frames.CONTINUATION), frames.TOO_BIG),
        (masked(b"", final=False) + masked(b"", frames.CONTINUATION, final=False) * 1100, frames.POLICY),
    ],
)
def test_what_breaks_the_rules_is_refused_with_its_code(stream: bytes, code: int) -> None:
    with pytest.raises(BadFrame) as refused:
        FrameReader(LIMIT).feed(stream)
    assert refused.value.code == code


@pytest.mark.parametrize(("size", "head"), [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
def test_a_frame_has_the_shortest_head(size: int, head: int) -> None:
    assert len(frame(b"x" * size)) == head + size
