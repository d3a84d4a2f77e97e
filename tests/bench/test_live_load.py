"""What `livecore bench live` says when a viewer does not get what it waits for."""

import pytest

from bench.live_peer import why
from bench.rtcpeer import RtcPeer


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
