"""The AV1 dependency descriptor: read, written, and what of it viewers get, so that a decoder never waits for a frame that was left out."""

from itertools import groupby, pairwise

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bench.scalable_source import HEIGHTS, Dependencies, bits
from livecore.media.codecs import dependency
from livecore.media.depacketise.frame import Malformed
from livecore.media.packet import Packet, Place
from tests.media.frame_buffer import decode
from tests.media.netem import Conditions
from tests.media.scalable_camera import Got, ScalableCamera, ScalableScreen
from tests.media.test_scalable import assert_decodable, play, stage, wish
from tests.media.virtual import VirtualPlane

# Chromium's structure of L1T3, first packet of a key frame: templates of T0, T1, T2.
L1T3 = bits(
    (1, 1), (1, 1), (0, 6), (7, 16), (1, 1), (0, 4), (0, 6), (2, 5),
    (1, 2), (1, 2), (3, 2),  # three templates: T0, T1, T2
    (2, 2), (2, 2), (2, 2),  # T0: all targets may be switched to
    (0, 2), (3, 2), (1, 2),
    (0, 2), (0, 2), (1, 2),
    (0, 1), (1, 1), (1, 4), (0, 1), (1, 1), (0, 4), (0, 1),  # built on: nothing, two frames ago, one frame ago
    (1, 2), (0, 0), (0, 0), (0, 0),  # one chain, which protects every target
    (0, 4), (2, 4), (1, 4),
    (1, 1), (639, 16), (359, 16),
)  # fmt: skip


def test_dependency_descriptor_tells_key_frames_layers_and_where_to_go_over() -> None:
    packet = Packet(1, 0, False, b"opaque", 0.0)
    structure = dependency.inspect(packet, L1T3, None)
    assert structure is not None
    assert packet.key
    assert packet.place == Place(0, 0, True, True, 0b111, False, 0b111)
    assert structure.heights == (360,)
    later = Packet(2, 0, False, b"opaque", 0.0)
    assert dependency.inspect(later, bytes([0x80 | 2, 0, 8]), structure) is structure
    assert later.place == Place(0, 2, True, False, 0)
    assert not later.key
    unknown = Packet(3, 0, False, b"opaque", 0.0)
    dependency.inspect(unknown, bytes([0x80 | 40, 0, 9]), structure)
    assert unknown.place is None


@pytest.mark.parametrize(("spatial", "temporal", "inter"), [(1, 3, False), (2, 2, True), (3, 1, False), (3, 3, True), (3, 3, False)])
def test_dependency_structure_is_read_as_it_was_written(spatial: int, temporal: int, inter: bool) -> None:
    dependencies = Dependencies(spatial, temporal, inter, first=60)
    packet = Packet(1, 0, False, b"opaque", 0.0)
    structure = dependency.inspect(packet, dependencies.descriptor(1, 0, 0, key=True, begin=True, end=False), None)
    assert structure is not None
    assert packet.key
    assert structure.heights == HEIGHTS[3 - spatial :]
    for s, t, key in dependencies.layers():
        later = Packet(2, 0, False, b"opaque", 0.0)
        assert dependency.inspect(later, dependencies.descriptor(2, s, t, key=key, begin=True, end=True)[:3], structure) is structure
        # From the lowest temporal layer every other may be followed; from a higher one, those above it.
        up = (1 << temporal) - 1 if t == 0 else sum(1 << above for above in range(t + 1, temporal))
        over = sum(1 << 4 * to + above for to in range(s, s + 1 if not key else spatial) for above in range(temporal) if up >> above & 1)
        assert later.place is not None
        assert later.place[:5] == (s, t, s == 0, True, up)
        if t == 0 and key:
            assert later.place.over & 0xF << 4 * s == over & 0xF << 4 * s
        else:
            assert later.place.over == over


@given(st.binary(max_size=80))
def test_dependency_descriptor_of_any_bytes(data: bytes) -> None:
    packet = Packet(1, 0, False, b"", 0.0)
    structure = dependency.inspect(packet, data, None)
    dependency.inspect(packet, data[:3], structure)


@pytest.mark.parametrize("temporal", [2, 3])
def test_av1_layers_are_left_out_for_one_viewer(temporal: int) -> None:
    plane, camera, viewer, screen = stage(8, "av1", spatial=1, temporal=temporal)
    top = temporal - 1
    for t in (top, 0, top, top - 1, 0, top):
        wish(plane, viewer, f"S0T{t}" if t != top else None)
        half = play(plane, camera, screen, 3)
        assert screen.layers(half) == {(0, other) for other in range(t + 1)}
    assert_decodable(camera, screen)


@pytest.mark.parametrize("inter", [True, False])
def test_spatial_layers_of_av1_are_left_out_and_come_back(inter: bool) -> None:
    """Down at once, up at a key frame; the mask of each picture says what is sent, and the last packet of what is sent is marked."""
    plane, camera, viewer, screen = stage(8, "av1", spatial=3, temporal=2, inter=inter)
    before = camera.key_frames
    for rid, top in (("S1T1", 1), ("S0T1", 0)):
        wish(plane, viewer, rid)
        half = play(plane, camera, screen, 3)
        assert screen.layers(half) == {(s, t) for s in range(top + 1) for t in range(2)}
        # Of three times two targets, those up to this size.
        assert {active for *_, active in decode(since_key(screen), camera.dependencies)[-20:]} == {(1 << 2 * (top + 1)) - 1}
    assert camera.key_frames <= before + 1, "but for the viewer's first"
    wish(plane, viewer, None)
    half = play(plane, camera, screen, 3)
    assert screen.layers(half) == {(s, t) for s in range(3) for t in range(2)}
    assert {active for *_, active in decode(since_key(screen), camera.dependencies)[-20:]} == {0b111111}
    assert_decodable(camera, screen)


def since_key(screen: ScalableScreen) -> list[Got]:
    return [one for _, one in sorted(screen.got.items())]


def test_viewer_without_the_descriptor_gets_the_lowest_size() -> None:
    """As browsers are by default: they decode no AV1 of several sizes without it."""
    plane = VirtualPlane(seed=12)
    camera = ScalableCamera(plane.publish(codec="av1"), "av1", spatial=2, temporal=2)
    early = ScalableScreen(plane.subscribe(mixed=False), "av1")  # before anybody knows what the stream is
    play(plane, camera, early, 4)
    late = ScalableScreen(plane.subscribe(mixed=False), "av1")
    play(plane, camera, late, 1)
    both = ScalableScreen(plane.subscribe(), "av1")
    half = play(plane, camera, both, 4)
    early.on_time(plane.now)
    assert both.layers(half) == {(s, t) for s in range(2) for t in range(2)}
    for screen in (early, late):
        assert screen.layers(half) == {(0, 0), (0, 1)}
        assert all(one.dependency is None for one in screen.since(0))
    first = late.since(0)[0]
    assert camera.pictures[first.picture][1], "a key frame"
    assert all(one.spatial == 0 for one in late.since(0)), "nothing else from the start"


def test_stream_of_several_sizes_that_its_publisher_does_not_describe_is_passed_on_whole() -> None:
    """Players that read the layers in the pictures themselves show it; who offers the descriptor and who does not get the same."""
    plane = VirtualPlane(seed=16)
    camera = ScalableCamera(plane.publish(codec="av1"), "av1", spatial=3, temporal=2, described=False)
    plane.run(2.5, camera.on_time)
    screens = [ScalableScreen(plane.subscribe(mixed=mixed, down=Conditions(loss=0.02, delay_s=0.01)), "av1") for mixed in (True, False)]
    plane.run(4, lambda now: [one.on_time(now) for one in (camera, *screens)])
    for screen in screens:
        screen.peer.down.conditions = Conditions(delay_s=0.01)
    plane.run(1, lambda now: [one.on_time(now) for one in (camera, *screens)])
    for screen in screens:
        assert screen.layers(0) == {(s, t) for s in range(3) for t in range(2)}
        assert camera.pictures[screen.since(0)[0].picture][1], "a key frame"
        assert len({one.picture for one in screen.since(0)}) > 4.9 * 30
        assert_decodable(camera, screen)


@pytest.mark.usefixtures("both_ways")
def test_publisher_that_comes_back_goes_on_with_frame_numbers_that_ascend_across_their_wrap() -> None:
    plane, camera, viewer, screen = stage(10, "av1", spatial=2, temporal=2, number=32_700)
    play(plane, camera, screen, 4)
    camera.peer.silent = True
    plane.run(3, screen.on_time)
    again = ScalableCamera(plane.publish(codec="av1"), "av1", spatial=2, temporal=2, sequence=17, timestamp=4_000_000, number=70_000)
    half = play(plane, again, screen, 4)
    assert screen.layers(half) == {(s, t) for s in range(2) for t in range(2)}
    got = since_key(screen)
    assert {one.picture > 70_000 for one in got} == {False, True}
    decode(got, camera.dependencies)
    numbers = [number for number, _ in groupby(int.from_bytes((one.dependency or b"")[1:3], "big") for one in got)]
    assert {(b - a) % 65536 for a, b in pairwise(numbers)} <= {1, 2, 3}
    assert not viewer.closed


def test_simulcast_of_av1_switches_with_frame_numbers_that_ascend_also_under_loss() -> None:
    """Each stream has two spatial layers of its own, and numbers from elsewhere."""
    plane = VirtualPlane(seed=11)
    source = plane.publish(codec="av1", rids=["l", "h"])
    low = ScalableCamera(source, "av1", spatial=2, temporal=2, rid="l", ssrc=11, sequence=100, timestamp=5, number=3000, size=400)
    high = ScalableCamera(source, "av1", spatial=2, temporal=3, rid="h", ssrc=12, sequence=65_000, timestamp=1 << 31, number=20_000)

    def play_both(seconds: float, screen: ScalableScreen | None = None) -> None:
        def each(now: float) -> None:
            low.on_time(now)
            high.on_time(now)
            if screen is not None:
                screen.on_time(now)

        plane.run(seconds, each)

    play_both(2.5)
    viewer = plane.subscribe(down=Conditions(loss=0.03, delay_s=0.01))
    screen = ScalableScreen(viewer, "av1")
    for rid, of_high in (("l", False), ("h", True), ("l/S0T1", False), ("h/S0T2", True), ("l", False), ("h", True)):
        wish(plane, viewer, rid)
        play_both(2, screen)
        assert {one.picture > 20_000 for one in screen.since(plane.now - 0.5)} == {of_high}, rid
    viewer.down.conditions = Conditions(delay_s=0.01)
    play_both(0.6, screen)
    assert viewer.down.lost > 10
    got = since_key(screen)
    assert [one.number for one in got] == list(range(got[0].number, got[0].number + len(got)))
    # Each stretch by its own structure; the receiver goes on with one count of frames.
    stretches = [list(stretch) for _, stretch in groupby(got, key=lambda one: one.picture > 20_000)]
    assert len(stretches) >= 5
    for stretch in stretches:
        camera = high if stretch[0].picture > 20_000 else low
        assert camera.pictures[stretch[0].picture][1], "a key frame"
        assert decode(stretch, camera.dependencies)
    frames = [number for number, _ in groupby(int.from_bytes((one.dependency or b"")[1:3], "big") for one in got)]
    assert all(0 < (b - a) % 65536 <= 16 for a, b in pairwise(frames)), "a lower layer leaves numbers out, and no more"
    steps = [(b.timestamp - a.timestamp) % (1 << 32) for a, b in pairwise(got)]
    assert max(steps) < 2 * 90_000


def test_publisher_that_leaves_out_its_largest_size_says_so_to_viewers() -> None:
    """An encoder short of bandwidth: without a key frame, by the mask of active decode targets. Each picture still ends with a marker."""
    plane, camera, _, screen = stage(13, "av1", spatial=3, temporal=2)
    middle = ScalableScreen(plane.subscribe(), "av1")
    wish(plane, middle.peer, max_height=400)

    def play_both(seconds: float) -> float:
        plane.run(seconds, lambda now: [one.on_time(now) for one in (camera, screen, middle)])
        return plane.now - 0.5

    play_both(3)
    camera.sends = 1
    late = play_both(2.5)
    assert screen.layers(late) == middle.layers(late) == {(0, 0), (0, 1)}
    camera.sends = 3
    camera.key_wanted = True
    late = play_both(2.5)
    assert screen.layers(late) == {(s, t) for s in range(3) for t in range(2)}
    for one, mask in ((screen, 0b111111), (middle, 0b001111)):
        got = since_key(one)
        assert [last.number for last in got] == list(range(got[0].number, got[0].number + len(got)))
        masks = [active for active, _ in groupby(active for *_, active in decode(got, camera.dependencies))]
        assert masks[masks.index(mask) :][:2] == [mask, 0b000011]
        assert masks[-1] == mask
        for _, packets in groupby(got, key=lambda packet: packet.picture):
            ends = [packet.marker for packet in packets]
            assert ends == [False] * (len(ends) - 1) + [True]


def test_masks_keep_to_what_the_publisher_sends() -> None:
    structure = dependency.read(Dependencies(2, 2).descriptor(1, 0, 0, key=True, begin=True, end=True), None).structure
    assert structure is not None
    assert structure.targets == ((0, 0), (0, 1), (1, 0), (1, 1))
    table = [((0, 0), 0b0001), ((0, 1), 0b0011), ((1, 0), 0b0101), ((1, 1), 0b1111)]
    for point, mask in table:
        assert structure.mask(*point) == mask
    packet = Packet(1, 0, False, b"", 0.0)
    only_lower = dependency.inspect(packet, dependency.activated(b"\x85\x00\x01", structure, 0b0011), structure)
    assert only_lower is not None
    assert only_lower.mask(1, 1) == 0b0011
    assert not packet.key
    renewed = dependency.inspect(packet, Dependencies(2, 2).descriptor(9, 0, 0, key=True, begin=True, end=True), only_lower)
    assert renewed is not None
    assert renewed.active == 0b1111, "a structure without a mask: all"


@given(
    st.sampled_from([Dependencies(1, 3), Dependencies(2, 2), Dependencies(3, 3, True)]),
    st.booleans(),
    st.tuples(st.booleans(), st.booleans(), st.integers(0, 63), st.integers(0, 65535)),
    st.booleans(),
    st.booleans(),
    st.none() | st.lists(st.integers(1, 4096), max_size=8).map(tuple),
    st.data(),
)
def test_descriptors_are_read_as_they_were_written(
    dependencies: Dependencies,
    attached: bool,
    mandatory: tuple[bool, bool, int, int],
    masked: bool,
    indicated: bool,
    differences: tuple[int, ...] | None,
    data: st.DataObject,
) -> None:
    known = dependency.read(dependencies.descriptor(1, 0, 0, key=True, begin=True, end=True), None).structure
    assert known is not None
    targets = len(known.targets)
    mask = data.draw(st.integers(0, (1 << targets) - 1)) if masked else None
    indications = tuple(data.draw(st.lists(st.integers(0, 3), min_size=targets, max_size=targets))) if indicated else None
    before = dependency.Descriptor(*mandatory, known if attached else None, mask, indications, differences)
    written = dependency.write(before, known)
    assert dependency.read(written, None if attached else known) == before
    # A mask put in later changes nothing else, and stands where it stood.
    other = data.draw(st.integers(0, (1 << targets) - 1))
    changed = dependency.read(dependency.activated(written, known, other), known)
    assert changed.active == other
    assert (changed.structure, changed.indications, changed.differences) == (before.structure, before.indications, before.differences)
    assert (changed.begins, changed.ends, changed.template_id, changed.frame) == mandatory


@given(st.binary(max_size=90), st.binary(max_size=12))
def test_descriptors_of_any_bytes_are_read_or_refused(data: bytes, after: bytes) -> None:
    structure = None
    for one in (L1T3, data, after, data[:3]):
        try:
            descriptor = dependency.read(one, structure)
        except Malformed:
            continue
        structure = descriptor.structure or structure
        assert dependency.read(dependency.write(descriptor, structure), structure) == descriptor
        if structure is not None:
            dependency.activated(one, structure, 1)


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.sampled_from([(1, 3), (1, 2), (2, 3), (3, 2), (3, 3)]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 11), st.integers(2, 6)), min_size=4, max_size=8),
    st.sampled_from([0.0, 0.05]),
)
def test_whatever_is_wished_each_av1_frame_comes_after_those_it_is_built_on(
    shape: tuple[int, int], inter: bool, wishes: list[tuple[int, int]], loss: float
) -> None:
    spatial, temporal = shape
    plane, camera, viewer, screen = stage(
        9, "av1", spatial=spatial, temporal=temporal, inter=inter, down=Conditions(loss=loss, delay_s=0.01)
    )
    points = [(s, t) for s in range(spatial) for t in range(temporal)]  # a point that is not offered changes nothing
    for point, tenths in wishes:
        s, t = points[point % len(points)]
        wish(plane, viewer, f"S{s}T{t}" if (s, t) != points[-1] else None)
        play(plane, camera, screen, tenths / 10)
    viewer.down.conditions = Conditions(delay_s=0.01)  # what is lost last nobody could know of
    play(plane, camera, screen, 0.6)
    dependencies = Dependencies(spatial, temporal, inter)
    got = [one for _, one in sorted(screen.got.items())]
    assert [one.number for one in got] == list(range(got[0].number, got[0].number + len(got)))
    assert decode(got, dependencies)
    frames: set[int] = set()
    for _, group in groupby(got, key=lambda one: one.picture):
        packets = list(group)
        assert [one.marker for one in packets] == [False] * (len(packets) - 1) + [True]
        for (s, t), parts in groupby(packets, key=lambda one: (one.spatial, one.temporal)):
            first = next(parts)
            frame, key = spatial * first.picture + s, camera.pictures[first.picture][1]
            assert {frame - apart for apart in dependencies.differences(s, t, key=key)} <= frames, (first.picture, s, t)
            frames.add(frame)
