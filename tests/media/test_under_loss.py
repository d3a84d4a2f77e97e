"""Picture and sound over bad networks, in virtual time: thousands of packets through real DTLS and SRTP, from one seed."""

from itertools import pairwise

import pytest

from livecore.media import rtcp
from livecore.media.control import PublicationDown, SessionClosed
from tests.media.actors import Camera, Screen
from tests.media.netem import Conditions
from tests.media.virtual import VirtualPeer, VirtualPlane

WIFI = Conditions(delay_s=0.02, jitter_s=0.01)


def watch(plane: VirtualPlane, camera: Camera, screen: Screen, seconds: float) -> None:
    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    plane.run(seconds, each)


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("ten in a hundred lost", Conditions(loss=0.10, delay_s=0.02)),
        ("bursts", Conditions(loss=0.05, burst=6, delay_s=0.02)),
        ("jitter and reordering", Conditions(delay_s=0.03, jitter_s=0.02, reorder=0.05)),
        ("duplicates", Conditions(delay_s=0.02, duplicate=0.2)),
    ],
)
def test_viewer_on_a_bad_path_sees_nearly_every_picture(name: str, conditions: Conditions) -> None:
    plane = VirtualPlane(seed=3)
    source = plane.publish()
    viewer = plane.subscribe(up=WIFI, down=conditions)
    camera, screen = Camera(source), Screen(viewer)
    watch(plane, camera, screen, 10)
    assert len(screen.shown) >= 280, name
    assert screen.longest_freeze_s() < 0.5
    pictures = [timestamp for _, _, timestamp in screen.shown]
    assert pictures == sorted(pictures, key=lambda t: (t - pictures[0]) % (1 << 32))
    assert viewer.drops["srtp_authentication"] == 0


class Ear:
    """Asks for sounds that are missing, as a player does whose sound has NACK, and counts what it has."""

    def __init__(self, viewer: VirtualPeer, screen: Screen) -> None:
        assert viewer.peer.answered
        self._viewer, self._screen = viewer, screen
        self._ssrc = viewer.peer.answered.ssrcs["audio"]
        self._asked: dict[int, float] = {}

    def on_time(self, now: float) -> None:
        got = self._screen.sounds
        if not got:
            return
        newest = max(got)
        missing = [n for n in range(max(min(got), newest - 20), newest) if n not in got and now - self._asked.get(n, 0.0) > 0.09]
        if missing:
            self._asked.update(dict.fromkeys(missing, now))
            self._viewer.send_rtcp(rtcp.build_nack(1, self._ssrc, [n & 0xFFFF for n in missing]))


def test_sound_survives_ten_in_a_hundred_lost_and_an_outage_of_two_seconds() -> None:
    plane = VirtualPlane(seed=3)
    viewer_path, outage = Conditions(loss=0.10, delay_s=0.02), Conditions(cut=True)
    camera = Camera(plane.publish())
    viewer = plane.subscribe(down=viewer_path)
    screen = Screen(viewer)
    ear = Ear(viewer, screen)

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)
        ear.on_time(now)

    plane.run(10, each)
    newest = max(screen.sounds)
    assert newest - min(screen.sounds) > 480
    # But for the very last ones, which are still asked for.
    assert len([n for n in screen.sounds if n < newest - 10]) >= 0.995 * (newest - 10 - min(screen.sounds))
    viewer.down.conditions = outage
    plane.run(2, each)
    silent, before = plane.now, max(screen.sounds) + 80  # a hundred were lost, but for the few before it began
    viewer.down.conditions = viewer_path
    plane.run(0.5, each)
    assert max(screen.sounds) > before + 20, "it goes on at the present, within half a second"
    plane.run(5, each)
    after = [n for n in screen.sounds if n > before + 20]
    assert len(after) >= 0.98 * 50 * (plane.now - silent - 0.5)


def test_publisher_on_a_bad_path_is_repaired_before_it_reaches_viewers() -> None:
    plane = VirtualPlane(seed=4)
    source = plane.publish(up=Conditions(loss=0.10, delay_s=0.02), down=Conditions(loss=0.02, delay_s=0.02))
    viewer = plane.subscribe()
    camera, screen = Camera(source), Screen(viewer)
    watch(plane, camera, screen, 10)
    assert source.up.lost > 80
    assert len(screen.shown) >= 280
    assert screen.longest_freeze_s() < 0.6


def test_resends_stay_within_their_budget_on_a_narrow_path() -> None:
    """A link at three quarters of the layer's rate: resends must not fill what is left of it."""
    plane = VirtualPlane(seed=5)
    source = plane.publish()
    viewer = plane.subscribe(down=Conditions(delay_s=0.02, rate_bps=500_000))
    camera, screen = Camera(source), Screen(viewer)
    watch(plane, camera, screen, 10)
    session = plane.router.sessions[viewer.session_id]
    subscription = next(s for s in session.subscriptions if s.track.kind == "video")  # type: ignore[attr-defined]
    assert viewer.down.lost > 100
    assert subscription.resent * camera.size < 0.25 * subscription.octets + 60_000
    assert subscription.drops["nack_over_budget"] > 0
    sounds = len(screen.sounds)
    assert sounds > 250


def test_two_seconds_of_outage_are_over_within_half_a_second() -> None:
    plane = VirtualPlane(seed=6)
    source = plane.publish()
    viewer = plane.subscribe()
    camera, screen = Camera(source), Screen(viewer)
    watch(plane, camera, screen, 2)
    good, viewer.down.conditions = viewer.down.conditions, Conditions(cut=True)
    watch(plane, camera, screen, 2)
    viewer.down.conditions = good
    back = plane.now
    watch(plane, camera, screen, 2)
    after = [when for when, _, _ in screen.shown if when > back]
    assert after
    assert after[0] - back < 0.8
    assert len(after) > 30


def test_every_number_may_wrap() -> None:
    """Sequence, timestamp and picture id begin just below their limits; the viewer's sequence wraps within the run."""
    plane = VirtualPlane(seed=7)
    source = plane.publish()
    viewer = plane.subscribe(down=Conditions(loss=0.02, delay_s=0.02))
    camera, screen = Camera(source, packets=20, size=100), Screen(viewer)
    watch(plane, camera, screen, 100)
    assert camera.sequence > 2 * 60_000
    assert len(screen.shown) > 2950
    assert viewer.drops["srtp_authentication"] == 0
    assert viewer.drops["srtp_replay"] == 0


def test_publisher_that_moves_to_another_network_is_followed() -> None:
    plane = VirtualPlane(seed=8)
    source = plane.publish()
    viewer = plane.subscribe()
    camera, screen = Camera(source), Screen(viewer)
    watch(plane, camera, screen, 1)
    plane.move(source)
    source._check_at = 0.0
    moved = plane.now
    watch(plane, camera, screen, 1)
    assert len([1 for when, _, _ in screen.shown if when > moved]) >= 27


def test_publisher_out_of_reach_may_come_back_in_time() -> None:
    plane = VirtualPlane(seed=9, resume_s=30.0)
    source = plane.publish()
    viewer = plane.subscribe()
    screen = Screen(viewer)
    watch(plane, Camera(source), screen, 2)
    source.silent = True
    plane.run(31)
    assert [e.reason for e in plane.events if isinstance(e, PublicationDown)] == ["away"]
    again = plane.publish()
    before = len(screen.shown)
    watch(plane, Camera(again, sequence=5, timestamp=77, picture_id=3), screen, 2)
    assert len(screen.shown) - before >= 55
    timestamps = [t for _, _, t in screen.shown]
    steps = [(b - a) % (1 << 32) for a, b in pairwise(timestamps)]
    assert max(steps) < 90_000 * 60
    assert min(steps) > 0
    plane.run(1)
    assert not [e for e in plane.events if isinstance(e, SessionClosed) and e.session_id == viewer.session_id]


def test_publisher_that_stays_away_is_gone_after_its_time() -> None:
    plane = VirtualPlane(seed=10, resume_s=30.0)
    source = plane.publish()
    viewer = plane.subscribe()
    source.silent = True
    plane.run(31)
    assert not viewer.closed
    plane.run(30)
    assert [e.reason for e in plane.events if isinstance(e, PublicationDown)] == ["away", "gone"]
    assert viewer.closed


def test_publisher_that_closes_its_connection_before_it_deletes_its_session_does_not_come_back() -> None:
    plane = VirtualPlane(seed=14)
    source = plane.publish()
    plane.router.sessions[source.session_id].transport.close("dtls_closed_by_peer", plane.now)
    plane.router.close_session(source.session_id, "left", plane.now)
    assert [e.reason for e in plane.events if isinstance(e, PublicationDown)] == ["away", "left"]


def test_handshake_survives_loss() -> None:
    for seed in range(8):
        plane = VirtualPlane(seed=seed)
        lossy = Conditions(loss=0.3, delay_s=0.02)
        source = plane.peer(lossy, lossy)
        source.up._random.seed(seed)
        source.down._random.seed(seed + 100)
        source.accept(plane.router.publish("live", "main", source.peer.offer_to_publish("vp8"), "vp8", None, plane.now))
        began = plane.now
        plane.until(lambda s=source, p=plane: s.connected and bool(p.router.ups()))  # type: ignore[misc]
        assert plane.now - began < 4


@pytest.mark.deep
def test_ten_minutes_across_every_wrap() -> None:
    """Sequence (twice, and with it the roll-over counter), timestamp, picture id, TL0PICIDX and transport-wide numbers, at both ends."""
    plane = VirtualPlane(seed=15)
    source = plane.publish(rids=["l", "h"])
    cameras = [
        Camera(source, 1, 60, "l", ssrc=11, sequence=65_000, timestamp=0xFFFFFF00, picture_id=0x7F00),
        Camera(source, 7, 60, "h", ssrc=13, sequence=64_000, timestamp=0xFFFF0000, picture_id=0x7FF0, sound=False),
    ]
    plane.run(2.5, lambda now: [camera.on_time(now) for camera in cameras])
    viewer = plane.subscribe(up=WIFI, down=Conditions(loss=0.01, delay_s=0.02))
    screen = Screen(viewer)

    def each(now: float) -> None:
        for camera in cameras:
            camera.on_time(now)
        screen.on_time(now)

    plane.run(600, each)
    session = plane.router.sessions[viewer.session_id]
    assert session.transport.transport_sequence > 65_536 + 32_768
    assert cameras[1].sequence > 64_000 + 65_536
    assert len(screen.shown) > 0.99 * 600 * 30
    assert screen.longest_freeze_s() < 0.8
    assert viewer.drops["srtp_authentication"] == viewer.drops["srtp_replay"] == 0
    assert len(screen.sounds) > 0.99 * 600 * 50 - 50
    steps = [(b - a) % (1 << 32) for (_, _, a), (_, _, b) in pairwise(screen.shown)]
    assert min(steps) > 0
    assert max(steps) < 90_000
