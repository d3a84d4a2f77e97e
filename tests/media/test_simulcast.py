"""Layers: learned from rid, chosen for each viewer, switched at key frames without a seam."""

import struct
from itertools import pairwise
from typing import Any

import pytest

from bench.offer import MID_ID, RRID_ID
from livecore.media import statistics
from livecore.media.control import LayersWanted
from livecore.media.layers import Wish
from livecore.media.packet import HEADER
from livecore.media.sessions import ViewerSession
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.test_tap import packets_of
from tests.media.virtual import VirtualPeer, VirtualPlane

pytestmark = pytest.mark.usefixtures("both_ways")


def stage(seed: int, down: Conditions = Conditions(delay_s=0.02)) -> tuple[VirtualPlane, list[Camera], VirtualPeer, Screen]:
    plane = VirtualPlane(seed=seed)
    source = plane.publish(rids=["l", "m", "h"])
    cameras = [
        Camera(source, 1, 300, "l", ssrc=11, sequence=100, timestamp=5, picture_id=3),
        Camera(source, 2, 700, "m", ssrc=12, sequence=60_000, timestamp=1 << 31, picture_id=0x7FF0, sound=False),
        Camera(source, 5, 1000, "h", ssrc=13, sequence=30_000, timestamp=0xFFFFFF00, picture_id=900, sound=False),
    ]
    plane.run(2.5, lambda now: [camera.on_time(now) for camera in cameras])
    viewer = plane.subscribe(down=down)
    return plane, cameras, viewer, Screen(viewer)


def watch(plane: VirtualPlane, cameras: list[Camera], screen: Screen, seconds: float) -> None:
    def each(now: float) -> None:
        for camera in cameras:
            camera.on_time(now)
        screen.on_time(now)

    plane.run(seconds, each)


def layer(plane: VirtualPlane, viewer: VirtualPeer) -> str | None:
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    current = next(s for s in session.subscriptions if s.track.kind == "video").forwarder.current
    return current.rid if current else None


def wish(plane: VirtualPlane, viewer: VirtualPeer, rid: str) -> None:
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    session.wish = Wish(rid)


def test_viewer_starts_with_the_best_layer() -> None:
    plane, cameras, viewer, screen = stage(1)
    watch(plane, cameras, screen, 1)
    assert layer(plane, viewer) == "h"
    assert len(screen.shown) >= 25


def test_switching_back_and_forth_shows_one_picture_after_the_other() -> None:
    plane, cameras, viewer, screen = stage(2)
    for rid in ("l", "h", "m", "l", "h"):
        wish(plane, viewer, rid)
        watch(plane, cameras, screen, 1)
        assert layer(plane, viewer) == rid
    assert screen.longest_freeze_s() < 0.2
    pictures = [picture for _, picture, _ in screen.shown]
    assert all(b == a + 1 & 0x7FFF for a, b in pairwise(pictures))
    steps = [(b - a) % (1 << 32) for (_, _, a), (_, _, b) in pairwise(screen.shown)]
    # The three cameras share a clock: at a switch a picture may be left out, time never jumps.
    assert max(steps) <= 4 * 3000
    assert min(steps) > 0
    assert viewer.drops["srtp_authentication"] == viewer.drops["srtp_replay"] == 0


def test_layer_that_the_publisher_stops_is_left_within_two_seconds() -> None:
    plane, cameras, viewer, screen = stage(3)
    watch(plane, cameras, screen, 1)
    cameras[2].running = False
    stopped = plane.now
    watch(plane, cameras, screen, 3)
    assert layer(plane, viewer) == "m"
    assert next(when for when, _, _ in screen.shown if when > stopped + 0.1) - stopped < 2
    cameras[2].running = True
    watch(plane, cameras, screen, 3)
    assert layer(plane, viewer) == "h"


def test_switching_under_loss() -> None:
    plane, cameras, viewer, screen = stage(4, Conditions(loss=0.08, delay_s=0.02))
    for rid in ("l", "h", "m", "h"):
        wish(plane, viewer, rid)
        watch(plane, cameras, screen, 2)
    assert len(screen.shown) > 210
    assert screen.longest_freeze_s() < 0.8


def test_viewer_on_a_narrow_path_gets_the_layer_that_fits_and_the_best_again_when_it_widens() -> None:
    plane, cameras, viewer, screen = stage(5, Conditions(delay_s=0.02, rate_bps=700_000))
    watch(plane, cameras, screen, 4)
    assert layer(plane, viewer) == "m"
    settled = plane.now
    watch(plane, cameras, screen, 20)
    on_m = [when for when, _, _ in screen.shown if when > settled + 1]
    assert len(on_m) > 0.95 * 19 * 30
    assert max(b - a for a, b in pairwise(on_m)) < 0.5
    viewer.down.conditions = Conditions(delay_s=0.02, rate_bps=5_000_000)
    widened = plane.now
    while layer(plane, viewer) != "h":
        watch(plane, cameras, screen, 0.1)
        assert plane.now - widened < 35
    before = len(screen.shown)
    watch(plane, cameras, screen, 3)
    assert layer(plane, viewer) == "h"
    assert len(screen.shown) - before > 85


def test_viewer_at_the_edge_of_a_layer_does_not_see_two_by_turns() -> None:
    """A path that carries the middle layer and not quite the sound and what is sent again beside it."""
    plane, cameras, viewer, screen = stage(7, Conditions(delay_s=0.02, rate_bps=400_000))
    watch(plane, cameras, screen, 10)
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    forwarder = next(s for s in session.subscriptions if s.track.kind == "video").forwarder
    before, settled = forwarder.switches, plane.now
    watch(plane, cameras, screen, 30)
    assert layer(plane, viewer) in ("l", "m")
    assert forwarder.switches - before <= 6
    shown = [when for when, _, _ in screen.shown if when > settled]
    assert len(shown) > 0.95 * 30 * 30
    assert max(b - a for a, b in pairwise(shown)) < 1


def test_recording_takes_the_best_layer_and_goes_on_without_a_seam_when_it_stops() -> None:
    plane = VirtualPlane(seed=6)
    source = plane.publish(rids=["l", "h"])
    plane.router.start_recording("live", "main", "rec", ["file"], plane.now)
    cameras = [
        Camera(source, 1, 300, "l", ssrc=11, sequence=100, timestamp=5, picture_id=3),
        Camera(source, 5, 1000, "h", ssrc=13, sequence=65_000, timestamp=0xFFFFFF00, picture_id=900, sound=False),
    ]

    def play(seconds: float) -> None:
        plane.run(seconds, lambda now: [camera.on_time(now) for camera in cameras])

    play(4)
    opened = next(message for message in plane.to_recorder if message["t"] == "open")
    video = next(track["track"] for track in opened["tracks"] if track["kind"] == "video")

    def packets() -> list[list[Any]]:
        return [
            packet
            for message in plane.to_recorder
            if message["t"] == "rtp"
            for run in message["p"]
            if run[0] == video
            for packet in packets_of(run)
        ]

    assert len(packets()[-1][4]) > 900
    cameras[1].running = False
    play(4)
    assert len(packets()[-1][4]) < 400
    cameras[1].running = True
    play(4)
    assert len(packets()[-1][4]) > 900
    numbers = [packet[1] for packet in packets()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    times = [packet[2] for packet in packets() if packet[3]]
    steps = [(b - a) % (1 << 32) for a, b in pairwise(times)]
    assert min(steps) > 0
    # The longest gap is the second in which it is noticed that the layer has stopped.
    assert max(steps) < 2 * 90_000
    changes = [b for a, b in pairwise(packets()) if abs(len(a[4]) - len(b[4])) > 300]
    assert all(packet[4][0] & 0x10 and not packet[4][5] & 1 for packet in changes), "each layer begins with a key frame"
    assert len([message for message in plane.to_recorder if message["t"] == "open"]) == 1


def test_viewer_whose_path_carries_no_picture_gets_sound_alone_and_the_picture_back_when_it_can() -> None:
    plane, cameras, viewer, screen = stage(7)
    watch(plane, cameras, screen, 2)
    viewer.down.conditions = Conditions(delay_s=0.02, rate_bps=75_000)
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    starvation = next(s for s in session.subscriptions if s.track.kind == "video").starvation
    narrowed = plane.now
    while not starvation.paused:
        watch(plane, cameras, screen, 0.1)
        assert plane.now - narrowed < 15
    watch(plane, cameras, screen, 0.5)  # what still stood in the queue
    heard = len(screen.sounds)
    watch(plane, cameras, screen, 3)
    assert starvation.paused
    assert len(screen.sounds) - heard >= 145  # fifty a second
    viewer.down.conditions = Conditions(delay_s=0.02)
    widened, shown = plane.now, len(screen.shown)
    while layer(plane, viewer) != "h":
        watch(plane, cameras, screen, 0.1)
        assert plane.now - widened < 60
    assert len(screen.shown) > shown


def test_layers_that_nobody_watches_are_paused_and_back_when_a_viewer_needs_them() -> None:
    """The publisher does as it is told, a quarter of a second later, as a browser would."""
    plane, cameras, viewer, screen = stage(8)
    told: list[tuple[float, list[str]]] = []
    obeyed = 0

    def play(seconds: float) -> None:
        nonlocal obeyed
        end = plane.now + seconds
        while plane.now < end:
            watch(plane, cameras, screen, 0.05)
            events = [event for event in plane.events if isinstance(event, LayersWanted)]
            told.extend((plane.now, event.rids) for event in events[len(told) :])
            while obeyed < len(told) and plane.now - told[obeyed][0] > 0.25:
                for camera in cameras:
                    camera.key_wanted |= camera.rid in told[obeyed][1] and not camera.running
                    camera.running = camera.rid in told[obeyed][1]
                obeyed += 1

    play(12)
    assert [rids for _, rids in told] == [["l", "h"]]
    assert not cameras[1].running
    stats = statistics.of_live(plane.router, "live", plane.now)
    video = next(t for t in stats["publications"]["main"]["tracks"] if t["kind"] == "video")
    assert [(one["rid"], one["paused"], one["alive"]) for one in video["layers"]] == [
        ("l", False, True),
        ("m", True, False),
        ("h", False, True),
    ]
    assert video["layers"][1]["bitrate_bps"] > 300_000, "what it would take is still known"
    wished = plane.now
    wish(plane, viewer, "m")
    play(1.5)
    assert told[-1][1] == ["l", "m", "h"]
    assert layer(plane, viewer) == "m"
    assert next(when for when, _, _ in screen.shown if when > wished) - wished < 0.1, "the layer before flowed on meanwhile"
    assert screen.longest_freeze_s() < 0.3
    play(12)
    assert told[-1][1] == ["l", "m"]
    assert not cameras[2].running


def test_publisher_that_does_not_resume_a_layer_is_not_waited_for() -> None:
    plane, cameras, viewer, screen = stage(9)
    watch(plane, cameras, screen, 12)
    cameras[1].running = False
    wish(plane, viewer, "m")
    watch(plane, cameras, screen, 8)
    assert layer(plane, viewer) == "l", "what is left below the wish"
    assert screen.longest_freeze_s() < 0.5


def test_load_of_the_server_takes_the_best_layer_from_everybody() -> None:
    plane, cameras, viewer, screen = stage(10)
    watch(plane, cameras, screen, 1)
    assert layer(plane, viewer) == "h"
    for _ in range(3):
        plane.router.pressure.on_load(0.95)
    watch(plane, cameras, screen, 1)
    assert layer(plane, viewer) == "m"
    for _ in range(15):
        plane.router.pressure.on_load(0.2)
    watch(plane, cameras, screen, 1)
    assert layer(plane, viewer) == "h"


def test_lost_packet_of_a_layer_comes_again_over_rtx_that_names_its_layer() -> None:
    """RTX of a simulcast layer has an SSRC that no description tells: `repaired-rid` says what it belongs to."""
    plane, cameras, _viewer, screen = stage(21)
    watch(plane, cameras, screen, 1)
    large = cameras[2]
    send, kept = large.peer.send_rtp, []

    def losing(payload_type: int, sequence: int, *rest: Any, **named: Any) -> None:
        if named.get("rid") == "h" and not kept:
            kept.append((sequence & 0xFFFF, rest))
            return
        send(payload_type, sequence, *rest, **named)

    large.peer.send_rtp = losing  # type: ignore[method-assign]
    watch(plane, cameras, screen, 0.04)
    number, (timestamp, payload, _ssrc) = kept[0]
    block = bytes([MID_ID << 4, 0x31, RRID_ID << 4, ord("h")])
    header = HEADER.pack(0x90, 97, 700, timestamp & 0xFFFFFFFF, 4711) + struct.pack("!HH", 0xBEDE, len(block) // 4) + block
    assert large.peer._protector
    sealed = large.peer._protector.rtp(header + number.to_bytes(2, "big") + payload)
    assert sealed
    large.peer.send(sealed)
    before = len(screen.shown)
    watch(plane, cameras, screen, 1)
    layers = next(iter(plane.router.published.values())).publication.tracks["video"].layers
    assert layers["h"].receiver.recovered == 1
    assert not layers["l"].receiver.recovered
    assert len(screen.shown) - before >= 28
    assert screen.longest_freeze_s() < 0.2


def test_full_intra_request_of_a_viewer_is_a_key_frame_request_within_the_same_throttle() -> None:
    plane, cameras, viewer, screen = stage(22)
    watch(plane, cameras, screen, 1)
    assert viewer.peer.answered
    ssrc = viewer.peer.answered.ssrcs["video"]
    before, small = cameras[2].key_frames, cameras[0].key_frames
    for command in range(10):
        body = struct.pack("!LLLB3x", 1, 0, ssrc, command)
        viewer.send_rtcp(struct.pack("!BBH", 0x84, 206, len(body) // 4) + body)
        watch(plane, cameras, screen, 0.02)
    watch(plane, cameras, screen, 0.3)
    assert 1 <= cameras[2].key_frames - before <= 2
    assert cameras[0].key_frames == small, "the other layers are not asked"
