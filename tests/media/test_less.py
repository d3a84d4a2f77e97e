"""Layers of a scalable stream that nobody needs: its publisher is asked to leave them out, and for them again when somebody does."""

from itertools import pairwise

import pytest

from livecore.media import statistics
from livecore.media.control import LayersWanted
from livecore.media.demand import PAUSE_AFTER_S
from tests.media.netem import Conditions
from tests.media.scalable_camera import ScalableCamera, ScalableScreen
from tests.media.test_scalable import assert_decodable, stage, wish
from tests.media.virtual import VirtualPlane

# A message to the browser, and an encoder that is made anew.
OBEYS_AFTER_S = 0.25


class Obedient:
    """Does what a publisher is told, as the demo's does. `told`: when, and which counts of layers (all: (3, 3))."""

    def __init__(self, plane: VirtualPlane, camera: ScalableCamera) -> None:
        self.told: list[tuple[float, tuple[int, int]]] = []
        self.deaf = False
        self._plane, self._camera = plane, camera
        self._obeyed = 0

    def on_time(self, now: float) -> None:
        events = [event for event in self._plane.events if isinstance(event, LayersWanted)]
        for event in events[len(self.told) :]:
            counts = next(((one["spatial"], one["temporal"]) for one in event.scalability), (3, 3))
            self.told.append((now, counts))
        while self._obeyed < len(self.told) and now - self.told[self._obeyed][0] > OBEYS_AFTER_S:
            counts = self.told[self._obeyed][1]
            if not self.deaf and counts != (self._camera.spatial, self._camera.temporal):
                self._camera.obey(*counts)
            self._obeyed += 1


def watch(plane: VirtualPlane, camera: ScalableCamera, screens: list[ScalableScreen], told: Obedient, seconds: float) -> float:
    """When it began."""

    def each(now: float) -> None:
        camera.on_time(now)
        told.on_time(now)
        for screen in screens:
            screen.on_time(now)

    began = plane.now
    plane.run(seconds, each)
    return began


def longest_wait_s(screen: ScalableScreen, since: float) -> float:
    times = [one.at for one in screen.since(since)]
    return max(b - a for a, b in pairwise(times))


@pytest.mark.parametrize("codec", ["vp9", "av1"])
def test_sizes_that_nobody_watches_are_left_out_and_come_back_for_a_newcomer(codec: str) -> None:
    plane, camera, viewer, screen = stage(31, codec)
    told = Obedient(plane, camera)
    began = watch(plane, camera, [screen], told, 10)
    assert not told.told, "all of it is watched"
    wish(plane, viewer, "S1T2")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 3)
    assert [counts for _, counts in told.told] == [(2, 3)]
    assert camera.sizes == 2
    half = watch(plane, camera, [screen], told, 4)
    assert {s for s, _ in screen.layers(half)} == {0, 1}
    (video,) = [t for t in statistics.of_live(plane.router, "live", plane.now)["publications"]["main"]["tracks"] if t["kind"] == "video"]
    (layer,) = video["layers"]
    assert layer["wanted"] == {"spatial": 2, "temporal": 3}
    assert layer["height"] == 720, "what there is to be had"
    assert layer["bitrate_bps"] > 1.5 * next(cut["bitrate_bps"] for cut in layer["cuts"] if cut["rid"] == "S1T2")

    newcomer = plane.subscribe(down=Conditions(delay_s=0.01))
    other = ScalableScreen(newcomer, codec)
    joined = watch(plane, camera, [screen, other], told, 3)
    assert [counts for _, counts in told.told] == [(2, 3), (3, 3)]
    assert told.told[1][0] - joined < 0.5
    assert other.since(0)[0].at - joined < 0.5, "the picture that there is, until the larger comes"
    assert max(s for s, _ in other.layers(joined + 2)) == 2
    assert max(s for s, _ in screen.layers(joined)) == 1, "who asked for less goes on as it was"
    assert longest_wait_s(screen, began) < 0.2
    assert longest_wait_s(other, joined) < 0.2
    if codec == "vp9":
        assert_decodable(camera, other)
        assert_decodable(camera, screen)


def test_whoever_wants_more_again_is_shown_it_within_a_moment() -> None:
    plane, camera, viewer, screen = stage(32)
    told = Obedient(plane, camera)
    wish(plane, viewer, "S0T2")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 4)
    assert (camera.spatial, camera.temporal) == (1, 3)
    wish(plane, viewer, None)
    wished = watch(plane, camera, [screen], told, 2)
    first = next(one.at for one in screen.since(wished) if one.spatial == 2)
    assert first - wished < 1.0
    assert longest_wait_s(screen, wished - 3) < 0.2
    assert_decodable(camera, screen)


def test_rates_that_nobody_gets_are_left_out_too() -> None:
    plane, camera, viewer, screen = stage(33)
    told = Obedient(plane, camera)
    wish(plane, viewer, "S0T0")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 4)
    assert (camera.spatial, camera.temporal, camera.rate) == (1, 1, 4)
    late = watch(plane, camera, [screen], told, 4)
    assert 28 <= len({one.picture for one in screen.since(late)}) <= 32, "as many pictures as before: seven and a half a second"
    wish(plane, viewer, None)
    wished = watch(plane, camera, [screen], told, 4)
    assert screen.layers(wished + 2) == {(s, t) for s in range(3) for t in range(3)}
    assert_decodable(camera, screen)


def test_nobody_watching_leaves_the_smallest_size_at_its_full_rate() -> None:
    plane, camera, viewer, screen = stage(34)
    told = Obedient(plane, camera)
    plane.router.close_session(viewer.session_id, "left", plane.now)
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 2)
    assert [counts for _, counts in told.told] == [(1, 3)]


def test_recording_needs_all_layers_and_gets_them_from_a_publisher_that_sent_fewer() -> None:
    plane, camera, viewer, screen = stage(35)
    told = Obedient(plane, camera)
    wish(plane, viewer, "S0T2")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 2)
    assert camera.spatial == 1
    plane.router.start_recording("live", "main", "rec", ["file"], plane.now)
    watch(plane, camera, [screen], told, 2)
    assert camera.spatial == 3
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 2)
    assert camera.spatial == 3, "for as long as it is recorded"
    runs = [run for message in plane.to_recorder if message["t"] == "rtp" for run in message["p"]]
    numbers = [run[1] + index for run in runs for index in range(len(run[4]))]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "one stream without a seam"
    plane.router.recordings.stop("rec")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 2)
    assert camera.spatial == 1


def test_publisher_that_does_as_before_is_forwarded_as_before() -> None:
    """WHIP senders know nothing of the event."""
    plane, camera, viewer, screen = stage(36)
    told = Obedient(plane, camera)
    told.deaf = True
    wish(plane, viewer, "S0T2")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 4)
    assert told.told[-1][1] == (1, 3)
    wish(plane, viewer, None)
    wished = watch(plane, camera, [screen], told, 3)
    assert screen.layers(wished + 1.5) == {(s, t) for s in range(3) for t in range(3)}
    assert_decodable(camera, screen)


def test_publisher_that_does_not_come_back_to_its_layers_is_not_waited_for() -> None:
    plane, camera, viewer, screen = stage(37)
    told = Obedient(plane, camera)
    wish(plane, viewer, "S1T2")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 3)
    assert camera.spatial == 2
    told.deaf = True
    wish(plane, viewer, None)
    watch(plane, camera, [screen], told, 12)
    late = watch(plane, camera, [screen], told, 3)
    assert max(s for s, _ in screen.layers(late)) == 1
    assert longest_wait_s(screen, late - 12) < 0.2
    (video,) = [t for t in statistics.of_live(plane.router, "live", plane.now)["publications"]["main"]["tracks"] if t["kind"] == "video"]
    assert video["layers"][0]["height"] == 360
    told.deaf = False
    watch(plane, camera, [screen], told, 30)
    late = watch(plane, camera, [screen], told, 2)
    assert max(s for s, _ in screen.layers(late)) == 2, "it is told again, in case it did not hear"


def test_narrow_path_pauses_the_top_and_a_wide_one_brings_it_back() -> None:
    """Nobody asks: what the path carries decides, also while the publisher sends less than it could."""
    plane, camera, viewer, screen = stage(38, down=Conditions(delay_s=0.02, rate_bps=800_000))
    told = Obedient(plane, camera)
    watch(plane, camera, [screen], told, 24)
    assert told.told[-1][1][0] == 2
    viewer.down.conditions = Conditions(delay_s=0.02)
    widened = plane.now
    while max(s for s, _ in screen.layers(plane.now - 1)) < 2:
        watch(plane, camera, [screen], told, 1)
        assert plane.now - widened < 90
    assert told.told[-1][1] == (3, 3)


def test_viewer_without_the_descriptor_stays_where_it_is_while_sizes_come_and_go() -> None:
    """Of AV1 it is sent the smallest size, of a publisher that sends no other too."""
    plane = VirtualPlane(seed=39)
    camera = ScalableCamera(plane.publish(codec="av1"), "av1")
    told = Obedient(plane, camera)
    watch(plane, camera, [], told, 2.5)
    plain = plane.subscribe(mixed=False)
    screen = ScalableScreen(plain, "av1")
    watch(plane, camera, [screen], told, PAUSE_AFTER_S + 4)
    assert (camera.spatial, camera.temporal) == (1, 3)
    second = plane.subscribe(mixed=False)
    other = ScalableScreen(second, "av1")
    began = watch(plane, camera, [screen, other], told, 10)
    assert [counts for _, counts in told.told] == [(1, 3)], "nobody gets more"
    for one in (screen, other):
        assert {s for s, _ in one.layers(began)} == {0}
        assert longest_wait_s(one, began) < 0.2
    full = ScalableScreen(plane.subscribe(), "av1")
    began = watch(plane, camera, [screen, other, full], told, 3)
    assert max(s for s, _ in full.layers(began + 1.5)) == 2
    assert {s for s, _ in screen.layers(began)} == {0}
    assert longest_wait_s(screen, began) < 0.2
