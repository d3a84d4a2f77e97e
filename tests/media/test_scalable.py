"""Scalable streams: layers left out for each viewer, without holes, and gone over where the stream allows it."""

from itertools import groupby, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scalable_source import HEIGHTS
from livecore.media import codecs, rtcp
from livecore.media.layers import Wish
from livecore.media.packet import Packet, Place
from livecore.media.scalable import Cut, Scalability
from livecore.media.sessions import ViewerSession
from livecore.media.source import Layer
from tests.media.actors import Camera
from tests.media.netem import Conditions
from tests.media.scalable_camera import ScalableCamera, ScalableScreen
from tests.media.virtual import VirtualPeer, VirtualPlane

ALL = {(s, t) for s in range(3) for t in range(3)}


def stage(
    seed: int, codec: str = "vp9", *, down: Conditions = Conditions(delay_s=0.01), tells: str = "arrivals", **camera: Any
) -> tuple[VirtualPlane, ScalableCamera, VirtualPeer, ScalableScreen]:
    plane = VirtualPlane(seed=seed)
    source = plane.publish(codec=codec)
    made = ScalableCamera(source, codec, **camera)
    plane.run(2.5, made.on_time)
    viewer = plane.subscribe(down=down)
    return plane, made, viewer, ScalableScreen(viewer, codec, tells)


def play(plane: VirtualPlane, camera: ScalableCamera, screen: ScalableScreen, seconds: float) -> float:
    """When the second half began."""

    def each(now: float) -> None:
        camera.on_time(now)
        screen.on_time(now)

    plane.run(seconds / 2, each)
    half = plane.now
    plane.run(seconds / 2, each)
    return half


def wish(plane: VirtualPlane, viewer: VirtualPeer, rid: str | None = None, max_height: int | None = None) -> None:
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    session.wish = Wish(rid, max_height)


def assert_decodable(camera: ScalableCamera, screen: ScalableScreen) -> None:
    """Nothing missing between the first and the last number; each picture whole, ended by one marker, and built on what was sent before."""
    got = [one for _, one in sorted(screen.got.items())]
    assert [one.number for one in got] == list(range(got[0].number, got[0].number + len(got)))
    whole: dict[int, int] = {}  # picture → highest spatial layer
    base = below = 0  # the last picture of temporal layer 0, and of layer 0 or 1
    for picture, group in groupby((one for one in got if one.picture), key=lambda one: one.picture):
        packets = list(group)
        temporal, key = camera.pictures[picture]
        top = max(one.spatial for one in packets)
        assert [one.spatial for one in packets] == [s for s in range(top + 1) for _ in range(1 << s)], picture
        assert [one.marker for one in packets] == [False] * (len(packets) - 1) + [True], picture
        if not key:
            # What it refers to: the last picture below its own temporal layer, at the same size at least.
            reference = base if temporal < 2 else below
            assert reference in whole, f"picture {picture} came before anything it is built on"
            assert whole[reference] >= top, f"picture {picture} is larger than what it is built on"
            assert reference == max(n for n, (t, _) in camera.pictures.items() if n < picture and t < max(1, temporal)), picture
        whole[picture] = top
        base = picture if temporal == 0 else base
        below = picture if temporal < 2 else below
    steps = [(b.timestamp - a.timestamp) % (1 << 32) for a, b in pairwise(got) if a.picture and b.picture]
    assert all(step % 3000 == 0 and step <= 4 * 3000 * 4 for step in steps)


@pytest.mark.parametrize(
    ("rid", "expected"),
    [
        (None, ALL),
        ("S1T2", {(s, t) for s, t in ALL if s < 2}),
        ("S0T2", {(0, 0), (0, 1), (0, 2)}),
        ("S0T0", {(0, 0)}),
        ("S2T1", {(s, t) for s, t in ALL if t < 2}),
    ],
)
def test_viewer_gets_the_layers_of_its_operating_point_and_no_other(rid: str | None, expected: set[tuple[int, int]]) -> None:
    plane, camera, viewer, screen = stage(1)
    wish(plane, viewer, rid)
    half = play(plane, camera, screen, 4)
    assert screen.layers(half) == expected
    assert_decodable(camera, screen)


@pytest.mark.parametrize("ahead_s", [0.0, 0.3])
def test_who_joins_before_it_is_known_how_the_stream_is_layered_tells_of_its_path_and_gets_what_fits(ahead_s: float) -> None:
    """Before the first packet, or right after it: layers are known a second or two later."""
    plane = VirtualPlane(seed=9)
    camera = ScalableCamera(plane.publish(codec="vp9"), "vp9", size=1000)
    plane.run(ahead_s, camera.on_time)
    viewer = plane.subscribe(down=Conditions(delay_s=0.01, rate_bps=600_000, queue_s=0.3))
    assert viewer.peer.answered
    assert viewer.peer.answered.transport_id
    screen = ScalableScreen(viewer, "vp9")
    half = play(plane, camera, screen, 12)
    assert 2 not in {spatial for spatial, _ in screen.layers(half)}
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    assert session.estimate_bps is not None


def test_who_joins_a_stream_without_layers_is_asked_for_no_feedback() -> None:
    plane = VirtualPlane(seed=10)
    camera = Camera(plane.publish())
    plane.run(0.2, camera.on_time)
    viewer = plane.subscribe()
    assert viewer.peer.answered
    assert not viewer.peer.answered.transport_id


def test_every_change_of_layer_can_be_decoded_also_under_loss() -> None:
    plane, camera, viewer, screen = stage(2, down=Conditions(loss=0.03, delay_s=0.01))
    for rid in ("S0T2", None, "S2T1", None, "S1T2", "S0T0", "S0T2", "S2T1", None):
        wish(plane, viewer, rid)
        play(plane, camera, screen, 2)
    play(plane, camera, screen, 1)
    assert viewer.down.lost > 20
    session = plane.router.sessions[viewer.session_id]
    assert isinstance(session, ViewerSession)
    assert sum(s.forwarder.switches for s in session.subscriptions) >= 9
    assert_decodable(camera, screen)


def test_publishers_loss_leaves_no_hole_that_nobody_fills() -> None:
    """A late packet of a layer that a viewer does not get: its number was kept free, and is filled with nothing."""
    plane = VirtualPlane(seed=3)
    source = plane.publish(codec="vp9", up=Conditions(delay_s=0.01, reorder=0.05))
    camera = ScalableCamera(source)
    plane.run(2.5, camera.on_time)
    viewer = plane.subscribe()
    screen = ScalableScreen(viewer)
    wish(plane, viewer, "S0T2")
    half = play(plane, camera, screen, 6)
    numbers = sorted(n for n, one in screen.got.items() if one.at > half)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert screen.layers(half) == {(0, 0), (0, 1), (0, 2)}
    assert any(not one.picture for one in screen.got.values())


def test_less_often_needs_no_key_frame_and_neither_does_more_often() -> None:
    plane, camera, viewer, screen = stage(4)
    wish(plane, viewer, None)
    play(plane, camera, screen, 2)
    before = camera.key_frames
    wish(plane, viewer, "S2T1")
    assert screen.layers(play(plane, camera, screen, 2)) == {(s, t) for s, t in ALL if t < 2}
    wish(plane, viewer, None)
    assert screen.layers(play(plane, camera, screen, 2)) == ALL
    wish(plane, viewer, "S0T2")
    assert screen.layers(play(plane, camera, screen, 2)) == {(0, t) for t in range(3)}
    assert camera.key_frames == before
    wish(plane, viewer, None)
    assert screen.layers(play(plane, camera, screen, 2)) == ALL
    assert camera.key_frames == before + 1
    assert_decodable(camera, screen)


def test_viewer_may_ask_for_a_height() -> None:
    plane, camera, viewer, screen = stage(5)
    for max_height, spatial in ((200, 0), (400, 1), (None, 2), (100, 0)):
        wish(plane, viewer, max_height=max_height)
        assert max(s for s, _ in screen.layers(play(plane, camera, screen, 2))) == spatial
    assert_decodable(camera, screen)


@pytest.mark.parametrize("rid", [None, "S1T2"])
def test_vp9_publisher_that_comes_back_goes_on_where_its_pictures_ended(rid: str | None) -> None:
    """Another connection, another encoder: numbers, picture ids and time of the viewer go on, at the layers that it had asked for."""
    plane, camera, viewer, screen = stage(10)
    wish(plane, viewer, rid)
    play(plane, camera, screen, 3)
    left = plane.now
    camera.peer.silent = True
    plane.run(5, screen.on_time)
    again = ScalableCamera(plane.publish(codec="vp9"), sequence=17, timestamp=4_000_000, picture_id=0x1234)
    again.number = 1000
    half = play(plane, again, screen, 6)
    got = screen.since(0)
    first = next(one for one in got if one.picture > 1000)
    before = got[got.index(first) - 1]
    assert (first.picture_id - before.picture_id) & 0x7FFF == 1
    assert 0 < (first.timestamp - before.timestamp) % (1 << 32) < 90_000 * (plane.now - left)
    numbers = sorted(screen.got)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert again.pictures[first.picture][1], "a key frame"
    late = [one for one in got if one.picture > 1000]
    assert all((b.picture_id - a.picture_id) & 0x7FFF == b.picture - a.picture for a, b in pairwise(late))
    assert screen.layers(half) == (ALL if rid is None else {(s, t) for s, t in ALL if s < 2})
    assert not viewer.closed


@pytest.mark.parametrize("codec", ["vp9", "av1"])
@pytest.mark.parametrize("rid", [None, "S1T2", "S0T2", "S2T1"])
def test_viewer_of_any_layers_is_told_the_publishers_clock_at_once_and_whenever_it_comes(codec: str, rid: str | None) -> None:
    plane, camera, viewer, screen = stage(1, codec)
    wish(plane, viewer, rid)
    play(plane, camera, screen, 3)
    ssrc = viewer.peer.answered.ssrcs["video"] if viewer.peer.answered else 0

    def reports() -> list[rtcp.SenderReport]:
        return [one for one in viewer.messages if isinstance(one, rtcp.SenderReport) and one.ssrc == ssrc]

    assert reports(), "one with the first picture"
    before = len(reports())
    play(plane, camera, screen, 10)
    told = reports()[before:]
    assert len(told) >= 9
    # Of one clock: what it says of two moments is as far apart in time as in the stream's own numbers.
    first, last = told[0], told[-1]
    assert (last.timestamp - first.timestamp) % (1 << 32) == pytest.approx((last.ntp - first.ntp) / 2**32 * 90_000, abs=900)
    assert last.packets > first.packets


@pytest.mark.parametrize("tells", ["arrivals", "loss"])
def test_narrow_path_gets_what_fits_and_all_again_when_it_widens(tells: str) -> None:
    """1.2 Mb/s in all; the two lower spatial layers take 0.5. By loss alone it takes longer, either way."""
    plane, camera, viewer, screen = stage(6, tells=tells, down=Conditions(delay_s=0.02, rate_bps=650_000))
    half = play(plane, camera, screen, 16)
    late = screen.since(half)
    assert sum(one.spatial == 2 for one in late) < (0.01 if tells == "arrivals" else 0.4) * len(late)
    assert len({one.picture for one in screen.since(half)}) > 0.4 * 8 * 30
    viewer.down.conditions = Conditions(delay_s=0.02)
    widened = plane.now
    while screen.layers(plane.now - 1) != ALL:
        play(plane, camera, screen, 1)
        assert plane.now - widened < (60 if tells == "arrivals" else 120)


def test_temporal_layers_of_vp8_are_left_out_without_gaps_in_its_picture_ids() -> None:
    plane, camera, viewer, screen = stage(7, "vp8", spatial=1)
    for rid, temporal in (("S0T0", 0), (None, 2), ("S0T1", 1), ("S0T0", 0), (None, 2)):
        wish(plane, viewer, rid)
        assert max(t for _, t in screen.layers(play(plane, camera, screen, 4))) == temporal
    ids = [one.picture_id for one in screen.since(0)]
    assert all((b - a) % 0x8000 == 1 for a, b in pairwise(ids))
    assert_decodable(camera, screen)


@pytest.mark.parametrize(("pattern", "offered"), [(((0, 0), (1, 1)), {"S0T0", "S0T1", "S1T0"}), (((0, 1), (1, 0)), {"S0T0", "S0T1"})])
def test_layers_shifted_against_each_other_are_not_thinned_in_time(pattern: tuple[tuple[int, int], ...], offered: set[str]) -> None:
    """`pattern`: of every two pictures, the temporal layer of each spatial layer's frame. A shifted best picture would change size all the time."""
    source = Layer("", 90_000, True)
    scalability = Scalability(source, VirtualPlane().router.outbox, spatial=True)
    scalability.rate(0.0)
    for number in range(40):
        picture, spatial = divmod(number, 2)
        packet = Packet(number, picture * 3000, spatial == 1, b"x" * 100, number / 60)
        packet.place = Place(spatial, pattern[picture % 2][spatial], spatial == 0, True)
        scalability.on_packet(packet)
    scalability.rate(1.0)
    assert set(scalability.cuts) == offered


def test_cut_closes_numbers_and_fills_what_comes_late_and_is_not_wanted() -> None:
    cut = Cut(Layer("", 90_000, True), 0, 0)

    def push(sequence: int, temporal: int) -> tuple[int, bytes] | None:
        packet = Packet(sequence, 0, False, b"x", 0.0)
        packet.place = Place(0, temporal, True, True)
        out = cut.push(packet)
        return None if out is None else (out.sequence, out.payload)

    table = [(10, 0, (10, b"x")), (11, 1, None), (12, 0, (11, b"x")), (15, 0, (14, b"x")), (16, 1, None), (17, 0, (15, b"x"))]
    for sequence, temporal, expected in table:
        assert push(sequence, temporal) == expected
    assert push(13, 1) == (12, b"")  # late, and of no use here: an empty packet in its place
    assert push(14, 0) == (13, b"x")
    assert cut.push(Packet(18, 0, False, b"", 0.0)).sequence == 16  # type: ignore[union-attr]  # padding takes a number


@given(st.sampled_from(codecs.VIDEO), st.binary(max_size=60))
def test_heights_of_any_bytes(codec: str, payload: bytes) -> None:
    assert all(height > 0 for height in codecs.heights(codec, payload) if codec != "vp9")


def test_heights_of_key_frames() -> None:
    from tests.media import scalable_camera

    first = scalable_camera.vp9(5, 0, 0, key=True, begin=True, end=True, layers=3, body=b"")
    assert codecs.heights("vp9", first) == list(HEIGHTS)
    assert codecs.heights("vp8", b"\x10\x10\x02\x00\x9d\x01\x2a\x80\x02\x68\x01") == [360]
    assert codecs.heights("vp8", b"\x10\x10") == []
