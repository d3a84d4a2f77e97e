"""A newcomer sees a picture at once, and the publisher is not asked for a key frame by each."""

import struct

import pytest

from livecore.media import rtcp
from livecore.media.catch_up import AGE_LIMIT_S
from livecore.media.source import KEY_FRAME_INTERVAL_S
from tests.media import payloads
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.virtual import VirtualPeer, VirtualPlane

pytestmark = pytest.mark.usefixtures("both_ways")


def stage(seed: int = 1, **camera: int) -> tuple[VirtualPlane, Camera]:
    plane = VirtualPlane(seed)
    shot = Camera(plane.publish(), **camera)
    plane.run(1.0, shot.on_time)
    return plane, shot


def join(plane: VirtualPlane, camera: Camera, *, rtx: bool = True, heard: list[bytes] | None = None) -> tuple[VirtualPeer, float]:
    """A viewer, and how long it took from its request to its first video packet [s]. `heard` gets its datagrams as they were sent."""
    peer = plane.peer()
    receive = peer.receive

    def note(data: bytes, now: float) -> None:
        if heard is not None:
            heard.append(data)
        receive(data, now)

    peer.receive = note  # type: ignore[method-assign]
    asked_at = plane.now
    peer.accept(plane.router.subscribe("live", "main", peer.peer.offer_to_watch(rtx=rtx), "bert", plane.now))

    def video() -> list[float]:
        assert peer.peer.answered
        return [at for at, packet in peer.packets if struct.unpack_from("!L", packet, 8)[0] == peer.peer.answered.ssrcs["video"]]

    while not video():
        plane.step()
        camera.on_time(plane.now)
        assert plane.now < asked_at + 5
    return peer, video()[0] - asked_at


def videos(peer: VirtualPeer) -> list[tuple[int, int, bytes]]:
    assert peer.peer.answered
    found = []
    for _, packet in peer.packets:
        sequence, timestamp, ssrc = struct.unpack_from("!HLL", packet, 2)
        if ssrc == peer.peer.answered.ssrcs["video"]:
            start = 12 + (4 + 4 * (packet[14] << 8 | packet[15]) if packet[0] & 0x10 else 0)
            found.append((sequence, timestamp, packet[start : len(packet) - (packet[-1] if packet[0] & 0x20 else 0)]))
    return found


def test_many_who_come_one_after_the_other_see_a_picture_at_once_for_few_key_frames() -> None:
    plane, camera = stage()
    waits, before, began_at = [], camera.key_frames, plane.now
    for _ in range(30):
        waits.append(join(plane, camera)[1])
        plane.run(0.05, camera.on_time)
    # Two round trips of handshake over 10 ms each way, a request that travels to the publisher, and a picture's time.
    assert max(waits) < 0.2
    assert camera.key_frames - before <= (plane.now - began_at) / KEY_FRAME_INTERVAL_S + 1


def test_late_start_is_one_stream_without_seam_at_the_pace_of_the_present() -> None:
    plane, camera = stage()
    join(plane, camera)
    plane.run(0.3, camera.on_time)
    asked = camera.key_frames
    peer, _ = join(plane, camera)
    assert peer.peer.answered
    first_at = peer.packets[0][0]
    plane.run(1.0, camera.on_time)
    assert camera.key_frames == asked
    seen = videos(peer)
    assert seen[0][2][5] & 1 == 0, "it begins with the key frame"
    assert [sequence for sequence, _, _ in seen] == list(range(seen[0][0], seen[0][0] + len(seen)))
    times = [timestamp for _, timestamp, _ in seen]
    assert times == sorted(times)
    pictures = [payloads.vp8_picture_id(payload) for _, _, payload in seen]
    assert len({*zip(times, pictures, strict=True)}) == len(set(times)) == len(set(pictures))
    # What was from before takes milliseconds, and from then on a second is a second.
    assert times[-1] - times[0] == pytest.approx((plane.now - first_at) * 90_000, abs=9_000)


def test_packet_of_the_late_start_that_was_lost_comes_again_with_the_same_bytes() -> None:
    """Without RTX it is the very packet, under the very number: other bytes would give the key away."""
    plane, camera = stage()
    join(plane, camera)
    plane.run(0.3, camera.on_time)
    heard: list[bytes] = []
    peer, _ = join(plane, camera, rtx=False, heard=heard)
    assert peer.peer.answered
    plane.run(0.1, camera.on_time)
    lost = [sequence for sequence, _, _ in videos(peer)[1:9]]
    peer.send_rtcp(rtcp.build_nack(1, peer.peer.answered.ssrcs["video"], lost))
    plane.run(0.1, camera.on_time)
    for sequence in lost:
        once, again = (data for data in heard if len(data) > 500 and data[2] << 8 | data[3] == sequence)
        assert once == again


def test_viewer_on_a_lossy_path_gets_through_its_start() -> None:
    plane, camera = stage(7)
    join(plane, camera)
    plane.run(0.2, camera.on_time)
    peer = plane.peer(down=Conditions(delay_s=0.02, loss=0.05))
    peer.accept(plane.router.subscribe("live", "main", peer.peer.offer_to_watch(), "bert", plane.now))
    plane.until(lambda: peer.connected)
    screen = Screen(peer)

    def both(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    plane.run(3.0, both)
    assert len(screen.shown) > 80
    assert screen.longest_freeze_s() < 0.3


@pytest.mark.parametrize("case", ["old", "hole", "much"])
def test_start_waits_for_a_new_key_frame_where_the_last_is_no_good(case: str) -> None:
    plane, camera = stage(**({"size": 1100, "packets": 60} if case == "much" else {}))
    join(plane, camera)
    if case == "old":
        plane.run(AGE_LIMIT_S + 0.2, camera.on_time)
    else:
        plane.run(0.2, camera.on_time)
    if case == "hole":
        layer = next(iter(plane.router.published.values())).publication.tracks["video"].layers[""]
        ring = layer.cache._ring
        ring[layer.forwarded_highest - 1 & len(ring) - 1] = None
    before = camera.key_frames
    peer, _ = join(plane, camera)
    assert camera.key_frames == before + 1
    assert videos(peer)[0][2][5] & 1 == 0
