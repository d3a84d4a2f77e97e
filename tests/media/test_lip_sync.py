"""Sound and picture towards a viewer, by what the server says of their clocks (RFC 3550, section 6.4.1)."""

import struct
from dataclasses import dataclass

import pytest

from livecore.media import rtcp
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.virtual import VirtualPeer, VirtualPlane

CLOCKS = {"video": 90_000, "audio": 48_000}
# What people begin to notice (ITU-R BT.1359).
NOTICED_S = 0.04


@dataclass
class Voiced:
    """A camera that tells the clock of its sound too: the moment at which sound number n is sent is n * 960."""

    camera: Camera
    next_s: float = 0.0

    def on_time(self, now: float) -> None:
        self.camera.on_time(now)
        if now >= self.next_s:
            self.next_s = now + 1.0
            peer = self.camera.peer
            timestamp = (self.camera._sound_sequence - 1) * 960
            report = rtcp.SenderReport(peer.peer.ssrcs["audio"], rtcp.ntp_from_unix(now), timestamp, 1, 1)
            peer.send_rtcp(rtcp.build_sender_report(report))


def lateness(viewer: VirtualPeer, kind: str, since: float) -> list[float]:
    """For each packet from `since` on: seconds from its capture, as the last report of its stream says, to its arrival."""
    assert viewer.peer.answered
    ssrc = viewer.peer.answered.ssrcs[kind]
    told = [one for one in viewer.messages if isinstance(one, rtcp.SenderReport) and one.ssrc == ssrc]
    assert told, f"no report for {kind}"
    out = []
    for arrival, packet in viewer.packets:
        timestamp, of = struct.unpack_from("!LL", packet, 4)
        if of == ssrc and arrival >= since:
            apart = (timestamp - told[-1].timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            captured = told[-1].ntp / 2**32 + apart / CLOCKS[kind]
            out.append(rtcp.ntp_from_unix(arrival) / 2**32 - captured)
    return out


@pytest.mark.parametrize("returns", [False, True], ids=["steady", "publisher comes back"])
def test_what_was_captured_at_one_moment_is_told_as_one_moment(returns: bool) -> None:
    plane = VirtualPlane(seed=5)
    voiced = Voiced(Camera(plane.publish(up=Conditions(delay_s=0.03))))
    viewer = plane.subscribe(down=Conditions(delay_s=0.02, jitter_s=0.005))
    screen = Screen(viewer)

    def each(now: float) -> None:
        voiced.on_time(now)
        screen.on_time(now)

    plane.run(6, each)
    if returns:
        voiced.camera.peer.silent = True
        plane.run(5, screen.on_time)
        voiced = Voiced(Camera(plane.publish(up=Conditions(delay_s=0.03)), sequence=17, timestamp=4_000_000, picture_id=0x1234))
        plane.run(6, each)
    since = plane.now - 2
    picture, sound = lateness(viewer, "video", since), lateness(viewer, "audio", since)
    assert len(picture) > 100
    assert len(sound) > 80
    apart = sum(picture) / len(picture) - sum(sound) / len(sound)
    assert abs(apart) < NOTICED_S
