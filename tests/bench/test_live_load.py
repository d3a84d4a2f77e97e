"""What `livecore bench live` says when a viewer does not get what it waits for, and what its viewers do about what they miss."""

import time
from typing import Any, cast

import pytest

from bench import rtp_header
from bench.answer import Answered
from bench.latency import Latencies
from bench.live_peer import why
from bench.live_viewer import GIVE_UP_S, Viewer
from bench.rtcpeer import RtcPeer
from livecore.media import rtcp
from livecore.media.transport import generate_certificate


@pytest.mark.parametrize(
    ("answered", "connected_at", "said"), [(False, 0.0, "an answer"), (True, 0.0, "a connection"), (True, 1.0, "a first packet")]
)
def test_a_timeout_says_what_was_waited_for(answered: bool, connected_at: float, said: str) -> None:
    viewer = RtcPeer()
    if answered:
        viewer.answered = object()  # type: ignore[assignment]
    viewer.connected_at = connected_at
    assert why(TimeoutError(), viewer) == f"waited 15 s in vain for {said}"


def test_other_failures_say_what_they_say() -> None:
    assert why(OSError("no route"), RtcPeer()) == "no route"
    assert why(ConnectionResetError(), RtcPeer()) == "ConnectionResetError"


def watching(repairs: Latencies) -> tuple[Viewer, list[rtcp.Message]]:
    viewer, said = Viewer(generate_certificate(), repairs=repairs), cast(list[rtcp.Message], [])
    viewer.answered = Answered(ssrcs={"video": 7})
    viewer._video_type = 96
    viewer._protector = cast(Any, object())
    viewer.send_rtcp = lambda packet: said.extend(rtcp.parse(packet)[0])  # type: ignore[method-assign]
    return viewer, said


def comes(viewer: Viewer, *sequences: int) -> None:
    for sequence in sequences:
        packet = bytearray(rtp_header.header((96, sequence, 0, 7), []))
        viewer._media(packet, len(packet), 0)


def test_a_viewer_asks_for_what_it_misses_and_in_the_end_for_a_key_picture() -> None:
    repairs = Latencies()
    viewer, said = watching(repairs)
    comes(viewer, 65_534, 65_535, 2, 3)
    now = time.monotonic()
    viewer.tell(now)
    assert said == [rtcp.Nack(1, 7, (0, 1))]
    comes(viewer, 0)
    assert (viewer.expected, viewer.counted, viewer.repaired, viewer.missing(), repairs.count) == (6, 4, 1, 1, 1)
    viewer.tell(now + 0.05)
    assert len(said) == 1, "not again so soon"
    viewer.tell(now + 0.2)
    assert said[1:] == [rtcp.Nack(1, 7, (1,))]
    viewer.tell(now + GIVE_UP_S + 0.1)
    assert said[2] == rtcp.KeyFrameRequest(1, 7)
    assert (viewer.lost, viewer.missing()) == (1, 0)


def test_what_only_comes_late_was_not_lost() -> None:
    viewer, said = watching(Latencies())
    comes(viewer, 10, 12, 11, 13)
    viewer.tell(time.monotonic())
    assert said == []
    assert (viewer.expected, viewer.counted, viewer.repaired) == (4, 4, 0)
